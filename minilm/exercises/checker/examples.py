"""What a right answer gives on the course's question, "User: What is 2+2? Assistant:" -> "4"."""

import numpy as np

from ... import chat, data, losses, model
from ... import tokenizer as tokenizers
from ...figures import identities

TURNS = (("user", "1+1?"), ("assistant", "2"), ("user", "2+2?"), ("assistant", "4"))


def encode_question():
    """The question as one row: its tokenizer, and its Row with <bos> and <eos>."""
    tokenizer = tokenizers.build("word", identities.QUESTION)
    return tokenizer, data.encode(identities.QUESTION, tokenizer)


def measure_nll():
    """The question's Batch without <eos>, and the logits that the lessons' random model has for it."""
    tokenizer, row, config, params = identities.seed_example()
    batch = data.collate([row])
    return tokenizer, batch, model.forward(params, batch.ids, config)[0]


def write_mask(tokens, mask, tokenizer):
    """Tokens as text, those with loss weight 1 in brackets."""
    words = [tokenizer.show(token) for token in tokens]
    return " ".join(f"[{word}]" if weight else word for word, weight in zip(words, mask, strict=True))


def write_columns(**rows):
    """Rows {name: cells} as lines of a table, column below column."""
    widths = [max(map(len, column)) for column in zip(*rows.values(), strict=True)]
    names = max(map(len, rows))
    return "\n".join(
        f"  {name:<{names}}  {' '.join(f'{c:<{n}}' for c, n in zip(cells, widths, strict=True))}".rstrip()
        for name, cells in rows.items()
    )


def show_shift(shift):
    tokenizer, row = encode_question()
    ids, targets = (np.asarray(part)[0] for part in shift(row.tokens[None]))
    read, predicted = ([tokenizer.show(token) for token in part] for part in (ids, targets))
    return f"Yours, on the 2+2 row:\n{write_columns(predicts=predicted, reads=read)}"


def show_mask(loss_mask):
    tokenizer, row = encode_question()
    mask = np.asarray(loss_mask(row.roles[None]))[0]
    return f"Yours, on the 2+2 row (loss in brackets):\n  {write_mask(row.tokens[1:], mask, tokenizer)}"


def show_nll(token_nll):
    tokenizer, batch, logits = measure_nll()
    nll = [f"{x:.2f}" for x in np.asarray(token_nll(logits, batch.targets))[0]]
    targets = [tokenizer.show(token) for token in batch.targets[0]]
    return f"Yours, on the 2+2 row, of a random model:\n{write_columns(target=targets, NLL=nll)}"


def show_log_probs(log_probs):
    _, batch, logits = measure_nll()
    nll, _ = losses.token_nll_forward(logits, batch.targets)
    x, y, both = (float(np.asarray(part)[0]) for part in log_probs(nll, batch.roles))
    return (
        f"Yours, on the 2+2 row, of a random model:\n  log P(x) {x:.2f}  +  log P(y|x) {y:.2f}"
        f"  =  log P(x, y) {both:.2f}"
    )


def show_target_weights(target_weights):
    tokenizer, batch, logits = measure_nll()
    others = (batch.targets + 1) % logits.shape[-1]
    rows = [find_dlogits(logits, targets, batch.loss_mask) for targets in (batch.targets, others)]
    weights = [f"{abs(x):.2g}" for x in np.asarray(target_weights(*rows, batch.targets))[0]]
    targets = [tokenizer.show(token) for token in batch.targets[0]]
    return f"Yours, on a masked step of the 2+2 row:\n{write_columns(target=targets, weight=weights)}"


def find_dlogits(logits, targets, loss_mask):
    """dloss/dlogits of the masked mean."""
    nll, cache = losses.token_nll_forward(logits, targets)
    _, mean_cache = losses.weighted_mean_forward(nll, loss_mask)
    return losses.token_nll_backward(losses.weighted_mean_backward(1.0, mean_cache)[0], cache)[0]


def show_last_turn(last_turn_mask):
    talk = chat.Conversation(tuple(chat.Message(*turn) for turn in TURNS))
    tokenizer = chat.fit_tokenizer([talk], "word")
    batch = data.collate([data.encode(talk, tokenizer)])
    mask = np.asarray(last_turn_mask(batch.roles, batch.turns))[0]
    return f"Yours, on two turns (loss in brackets):\n  {write_mask(batch.targets[0], mask, tokenizer)}"
