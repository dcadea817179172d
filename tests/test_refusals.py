"""Every bad input ends in one clear sentence: what, where, what to do.

One table each for calls, diagnoses, the command line, files of rows, checkpoints and runs: the name of
what is wrong, the input, and what the sentence should say.
"""

import json
import os

import numpy as np
import pytest
import run_cases
from refusing import GOOD, fails, refused

from minilm import (
    batches,
    chat,
    corpora,
    data,
    diagnose,
    files,
    generate,
    losses,
    masks,
    model,
    optim,
    tokenizer,
    train,
    tree,
)
from minilm.__main__ import main
from minilm.diagnose import audit
from minilm.exercises import quiz
from minilm.figures import tasks

WORDS = tokenizer.build("char", ["abcdef?\n"])
CONFIG = model.Config(len(WORDS.vocab), 8, 1, 2, 4)
PARAMS = model.init(CONFIG, np.random.default_rng(0))
NLL, IDS = np.ones((3, 3)), np.zeros((3, 3), int)
ROWS = data.encode_all([data.Example("ab", "cd")], WORDS)


def nll(targets):
    return losses.token_nll_forward(np.zeros((1, 2, 7)), np.array([targets]))


def mean(mask):
    return losses.weighted_mean_forward(NLL, np.array(mask))


def forward(ids, params=PARAMS):
    return model.forward(params, ids, CONFIG)


def first_token_only():
    row = data.Row(np.array([3, 4, 5]), np.array([data.RESPONSE, data.PROMPT, data.PROMPT]))
    return losses.weighted_mean_forward(np.ones((1, 2)), data.collate([row]).loss_mask)


CHAT_WORDS = tokenizer.build("char", ["abc"], markers=True)
BATCH = data.collate(ROWS)


def encode_chat(*messages, words=CHAT_WORDS):
    return data.encode_all([chat.Conversation(tuple(chat.Message(*m) for m in messages))], words)


def train_with(params=PARAMS, **settings):
    return train.train(params, CONFIG, ROWS, ROWS, train.Settings(**{"steps": 3, "warmup": 0, **settings}))


def integer_parameters():
    return train_with(tree.map_arrays(lambda a: a.astype(int), PARAMS))


def by_hand(tokens, roles=(0, 3)):
    return data.Row(np.array(tokens), np.array(roles))


def weighted(weight):
    return lambda: data.collate([by_hand([3, 4])._replace(weights=np.array([1.0, weight]))])


def trained(rows=ROWS, held_out=ROWS):
    return lambda: train.train(PARAMS, CONFIG, rows, held_out, train.Settings())


def in_documents(*documents):
    return lambda: model.forward(PARAMS, IDS[:1], CONFIG, np.array([documents]))


def cancelling_weights():
    mask = np.array([[1.0, -1.0, 0, 0, 0]])
    return batches.accumulate_gradients(PARAMS, [BATCH, BATCH._replace(loss_mask=mask)], CONFIG)


RNG = np.random.default_rng(0)
NUMBER = "is True: it must be a"
CALLS = {
    "target -100": (lambda: nll([3, -100]), r"target -100 at \(0, 1\) .* weight 0 in loss_mask"),
    "target -1": (lambda: nll([-1, 3]), r"target -1 at \(0, 0\)"),
    "id >= vocab": (lambda: forward(IDS + 99), r"id 99 at \(0, 0\) is outside the vocabulary of 11"),
    "negative id": (lambda: forward(IDS - 1), r"id -1 at \(0, 0\)"),
    "float ids": (lambda: forward(IDS * 1.0), "ids must be an int64 .* not float64"),
    "float targets": (lambda: nll([1.0, 2.0]), "targets must be integers, not float64"),
    "int16 ids": (lambda: forward(IDS.astype(np.int16)), "not int16 .* narrower types wrap"),
    "uint8 ids": (lambda: forward(IDS.astype(np.uint8)), "not uint8 .* narrower types wrap"),
    "target >= vocab": (lambda: nll([3, 7]), r"target 7 at \(0, 1\) is outside the vocabulary of 7"),
    "empty mask": (lambda: mean(np.zeros((3, 3))), "loss_mask is empty"),
    "only the first token kept": (first_token_only, "loss_mask is empty"),
    "mask (T,)": (lambda: mean([1, 1, 1]), r"loss_mask has shape \(3,\), nll \(3, 3\)"),
    "mask (B, T, 1)": (lambda: mean(np.ones((3, 3, 1))), r"loss_mask has shape \(3, 3, 1\)"),
    "NaN in the mask": (lambda: mean([[1, 1, 1], [1, np.nan, 1], [1, 1, 1]]), r"nan at \(1, 1\)"),
    "negative weight": (lambda: mean([[1, 1, -2], [1, 1, 1], [1, 1, 1]]), r"-2 at \(0, 2\)"),
    "prompt weight": (lambda: data.loss_mask(IDS, 1.5), "prompt_weight is 1.5: .* between 0 and 1"),
    "mask before the shift": (lambda: mean(np.ones((3, 4))), "one column too many: shift it"),
    "longer than the context": (
        lambda: forward(np.zeros((1, 9), int)),
        "sequence of 9 tokens is longer than the model's 8 positions",
    ),
    "shorter than 2": (
        lambda: data.collate([data.Row(np.array([3]), np.array([data.RESPONSE]))]),
        "fewer than 2 tokens",
    ),
    "ragged batch": (lambda: forward([[1, 2], [1]]), "not list: .* padded first"),
    "no examples": (lambda: data.encode_all([], WORDS), "the data set is empty"),
    "no rows": (lambda: data.collate([]), "no rows to make a batch of"),
    "empty prompt": (lambda: data.encode(data.Example("", "a"), WORDS), "the prompt is empty"),
    "empty response": (
        lambda: data.encode_all([data.Example("a", "b"), data.Example("a", "")], WORDS),
        "row 1: the response is empty",
    ),
    "answer cut away": (
        lambda: data.encode_all([data.Example("abc", "d")], WORDS, max_tokens=4),
        "row 0: cut to 4 tokens it keeps no response token",
    ),
    "senseless cut": (lambda: data.encode_all([data.Example("a", "b")], WORDS, -5), "max_tokens is -5"),
    "unknown character": (lambda: WORDS.encode("abXc"), "unknown character 'X' at character 2 of 'abXc'"),
    "unknown character of a long text": (
        lambda: WORDS.encode("X" * 10**5),
        "at character 0 of 'X{79}: use the",
    ),
    "unknown long word": (
        lambda: tokenizer.build("word", ["a"]).encode("X" * 10**5),
        "unknown word 'X{79} at character 0",
    ),
    "long size": (lambda: model.Config("a" * 10**5, 3, 1, 1, 1), "vocab_size is 'a{79}: it must be a whole"),
    "unknown word": (
        lambda: tokenizer.build("word", ["a bc"]).encode("a bc dd a"),
        "unknown word 'dd' at character 5",
    ),
    "two spaces": (lambda: tokenizer.build("word", ["a b"]).encode("a  b"), "separated by single spaces"),
    "no text": (lambda: WORDS.encode(5), "cannot encode int: text must be a string"),
    "lone surrogate": (lambda: tokenizer.build("byte").encode("a\ud800"), "character 1 .* lone surrogate"),
    "weights before the shift": (
        lambda: masks.per_message(BATCH.turns, [[1], [1]]),
        "2 rows of weights for 1 rows of targets",
    ),
    "longer than a packed row": (
        lambda: batches.pack_rows(ROWS, 5),
        r"row 0 \(from 0\) has 6 tokens, more than the 5 of a packed row",
    ),
    "documents of another shape": (
        lambda: model.forward(PARAMS, BATCH.ids, CONFIG, np.zeros((1, 4), int)),
        r"documents have shape \(1, 4\), ids \(1, 5\)",
    ),
    "nothing to pack": (lambda: batches.pack_rows([], 9), "there are no rows to make a batch of"),
    "nothing to sort": (lambda: next(batches.sort_batches([], 2, None)), "there are no rows to make"),
    "nothing to shuffle": (lambda: next(batches.shuffle_batches(0, 2, RNG)), "there are no rows to make"),
    "batches of none": (lambda: next(batches.shuffle_batches(3, 0, RNG)), "batch_size is 0: it must be"),
    "sorted batches of -1": (
        lambda: next(batches.sort_batches([5], -1, RNG)),
        "batch_size is -1: it must be",
    ),
    "no rows to train on": (trained(rows=[]), "there are no rows to make batches of"),
    "no held-out rows": (trained(held_out=[]), "there are no rows to make batches of"),
    "held out without answers": (
        trained(held_out=[by_hand([3, 4], [data.BOS, data.PROMPT])]),
        "there is no response target to evaluate in 1 rows",
    ),
    "held out with answers of weight 0": (
        trained(held_out=[ROWS[0]._replace(weights=np.zeros(6))]),
        "there is no response target",
    ),
    "held out without prompts": (
        trained(held_out=[by_hand([3, 4], [data.PROMPT, data.RESPONSE])]),
        "there is no prompt target",
    ),
    "evaluated in batches of -1": (
        lambda: train.evaluate(PARAMS, CONFIG, ROWS, batch_size=-1),
        "batch_size is -1",
    ),
    "a document in two pieces": (
        in_documents(0, 1, 0),
        r"document 0 goes on at \(0, 2\): each must stand in",
    ),
    "pads in two pieces": (in_documents(-1, 0, -1), r"document -1 goes on at \(0, 2\)"),
    "documents of floats": (in_documents(0.0, 0.0, np.nan), "documents are float64: number them by integers"),
    "a negative document": (
        lambda: batches.pack_rows([by_hand([3, 4])._replace(documents=np.array([0, -1]))], 9),
        r"row 0: documents\[1\] is -1: it must not be negative",
    ),
    "weights that cancel": (cancelling_weights, r"loss_mask is -1.0 at \(0, 1\)"),
    "micro-batches of none": (
        lambda: batches.split_batch(BATCH, 0),
        "batch_size is 0: it must be a whole number from 1",
    ),
    "no weight in any micro-batch": (
        lambda: batches.accumulate_gradients(PARAMS, [BATCH._replace(loss_mask=BATCH.loss_mask * 0)], CONFIG),
        "loss_mask is empty in every batch",
    ),
    "nothing answered": (
        lambda: encode_chat(("user", "a"), ("assistant", "")),
        r"row 0: messages\[1\]: the assistant says nothing",
    ),
    "nothing asked": (lambda: encode_chat(("user", ""), ("assistant", "a")), "the user says nothing"),
    "no answer": (lambda: encode_chat(("system", "a"), ("user", "b")), "no message is the assistant's"),
    "no messages": (encode_chat, "no message is the assistant's"),
    "all weights 0": (
        lambda: encode_chat(("user", "a"), ("assistant", "b", 0)),
        "row 0: its answers all have weight 0",
    ),
    "no markers": (
        lambda: encode_chat(("user", "a"), ("assistant", "b"), words=WORDS),
        "no marker <user>: .* markers=True",
    ),
    "unknown role": (
        lambda: encode_chat(("bot", "a"), ("assistant", "b")),
        r"messages\[0\]: the role is 'bot': it must be one of system, user, assistant, tool",
    ),
    "lr nan": (lambda: train.Settings(lr=float("nan")), "lr is nan"),
    "lr 0": (lambda: train.Settings(lr=0.0), "lr is 0.0"),
    "seed": (lambda: train.Settings(seed=-1), "seed is -1"),
    "policy": (lambda: train.Settings(policy="lst"), "policy is 'lst': choose response or last or full"),
    "warmup": (lambda: train.Settings(steps=5, warmup=6), "warmup is 6: it must lie between 0 and 5"),
    "diverging": (lambda: train_with(lr=1e30, steps=9), r"step \d: the (loss|gradient)"),
    "integer parameters": (integer_parameters, "wte.weight holds int64"),
    "nan parameters": (
        lambda: train_with(tree.map_arrays(lambda a: a * np.nan, PARAMS)),
        "wte.weight holds a number that is not finite",
    ),
    "another order": (
        lambda: train_with(dict(reversed(PARAMS.items()))),
        "the tensors stand in another order than in model.init",
    ),
    "heads": (lambda: model.Config(9, 8, 1, 3, 16), "n_embd 16 is not divisible by n_head 3"),
    "no layers": (lambda: model.Config(9, 8, 0, 2, 4), "n_layer is 0: it must be a whole number"),
    "float size": (lambda: model.Config(9, 8, 1, 2, 4.0), "n_embd is 4.0"),
    "no vocabulary": (lambda: tokenizer.Tokenizer("word", ("a",)), "begins with"),
    "unknown level": (lambda: tokenizer.build("bpe", ["a"]), "level 'bpe' is not one of word, char, byte"),
    "id outside the vocabulary": (lambda: WORDS.decode([3, 99]), "id 99 is outside the vocabulary of 11"),
    "nothing to continue": (lambda: generate.generate(PARAMS, CONFIG, [], 3), "nothing to continue"),
    "no room": (lambda: generate.generate(PARAMS, CONFIG, [3] * 8, 3), "8 tokens leave no room"),
    "temperature": (lambda: generate.generate(PARAMS, CONFIG, [3], 3, -1.0), "temperature is -1.0"),
    "top_k": (lambda: generate.generate(PARAMS, CONFIG, [3], 3, 1.0, 0), "top_k must be 1 or more"),
    "no rng": (lambda: generate.generate(PARAMS, CONFIG, [3], 3, 1.0), "drawing tokens needs rng"),
    "no checkpoint": (lambda: files.checkpoint.load("nowhere.npz"), "nowhere.npz is no file"),
    "float ids in a row": (
        lambda: data.collate([by_hand([3.0, 4.0])]),
        "row 0: tokens must be integers, an array as long",
    ),
    "tokens in two axes": (lambda: data.collate([by_hand([[3, 4]], [[0, 3]])]), "row 0 has 2 axes"),
    "a role out of range": (
        lambda: data.collate([by_hand([3, 4], [0, 99])]),
        r"row 0: roles\[1\] is 99: a role is an index of data.ROLES$",
    ),
    "roles of another length": (
        lambda: data.collate([by_hand([3, 4], [3])]),
        r"roles must be integers, an array as long as tokens, not int64 \(1,\)",
    ),
    "NaN in a row's weights": (
        lambda: data.collate([by_hand([3, 4])._replace(weights=np.array([1, np.nan]))]),
        r"row 0: weights\[1\] is nan: a loss weight is 0, or",
    ),
    "weights that vanish in float32": (
        lambda: losses.weighted_mean_forward(np.ones((1, 2), np.float32), np.full((1, 2), 1e-46)),
        r"loss_mask is 1e-46 at \(0, 0\): a loss weight is 0, or lies between 1e-30 and 1e30",
    ),
    "a row's weight that vanishes": (weighted(1e-46), r"weights\[1\] is 1e-46: a loss weight is 0, or"),
    "a row's negative weight": (weighted(-1.0), r"row 0: weights\[1\] is -1.0: a loss weight is 0, or"),
    "a message's weight that vanishes": (
        lambda: encode_chat(("user", "a"), ("assistant", "b", 1e-46)),
        "the weight is 1e-46: .* if not 0, at least 1e-30",
    ),
    "a prompt weight that vanishes": (lambda: data.loss_mask(IDS, 1e-46), "prompt_weight is 1e-46: .* 1e-30"),
    "a weight without end": (
        lambda: mean([[1, 1, 1e300], [1, 1, 1], [1, 1, 1]]),
        r"loss_mask is 1e\+300 at \(0, 2\): .* between 1e-30 and 1e30",
    ),
    "a list for a mask": (
        lambda: losses.weighted_mean_forward(NLL, [[1]]),
        "must be an array of numbers, not list",
    ),
    "prompt weight as text": (lambda: data.loss_mask(IDS, "1"), "prompt_weight is '1'"),
    "targets of another shape": (
        lambda: losses.token_nll_forward(np.zeros((1, 2, 7)), np.array([[1]])),
        r"targets have shape \(1, 1\), logits \(1, 2, 7\)",
    ),
    "no tokens": (lambda: forward(IDS[:, :0]), r"ids have shape \(3, 0\): there is no token to read"),
    "no list": (lambda: data.encode_all(3, WORDS), "the data set is empty, or no list"),
    "no example": (lambda: data.encode_all([("a", "b", "c")], WORDS), "is no example: give data.Example"),
    "a cut in halves": (
        lambda: data.encode_all([data.Example("a", "b")], WORDS, 4.5),
        "max_tokens is 4.5",
    ),
    "no words": (lambda: tokenizer.build("word", [3]), "cannot split int: text must be a string"),
    "no message": (
        lambda: data.encode_all([chat.Conversation(("hi",))], CHAT_WORDS),
        r"messages\[0\]: it is 'hi', not a chat.Message",
    ),
    "no list of messages": (
        lambda: data.encode_all([chat.Conversation(3)], CHAT_WORDS),
        "the messages are 3",
    ),
    "no prompt": (
        lambda: chat.prompt_ids(["hi"], CHAT_WORDS),
        "must be a text or a list of chat.Messages",
    ),
    "a role of a prompt": (
        lambda: chat.prompt_ids([chat.Message("bot", "a")], CHAT_WORDS),
        "the role is 'bot'",
    ),
    "no process": (lambda: train.Settings(processes=0), "processes is 0: it must lie between 1 and 64"),
    "processes without end": (lambda: train.Settings(processes=65), "processes is 65: it must lie"),
    "half a process": (lambda: train.Settings(processes=1.5), "processes is 1.5: it must be a whole number"),
    "steps as text": (lambda: train.Settings(steps="9"), "steps is '9': it must be a whole number"),
    "half a step": (
        lambda: train.Settings(eval_every=2.5),
        "eval_every is 2.5: it must be a whole number",
    ),
    "lr without end": (lambda: train.Settings(lr=10**400), "lr is 1000.*: it must be a finite number"),
    "no step": (lambda: optim.warm_up_then_decay(0, 3, 0), "step 0 is outside the training: .* 1 and 3"),
    "a step after the end": (lambda: optim.warm_up_then_decay(4, 3, 0), "step 4 is outside the training"),
    "a world without held-out rows": (lambda: corpora.zoo(0, 9, 0), "n_held_out is 0: it must be a whole"),
    "shots below 0": (
        lambda: corpora.few_shot(n_shots=-1),
        "n_shots is -1: it must be a whole number from 0",
    ),
    "all held out": (
        lambda: tasks.choose_held_out("a.jsonl", ["a", "b"], 1.0),
        "the held-out share is 1.0: it must lie between 0 and 1",
    ),
    "steps True": (lambda: train.Settings(steps=True, warmup=0), f"steps {NUMBER}"),
    "seed True": (lambda: train.Settings(seed=True), f"seed {NUMBER}"),
    "lr True": (lambda: train.Settings(lr=True), f"lr {NUMBER}"),
    "prompt weight True": (lambda: data.loss_mask(IDS, True), f"prompt_weight {NUMBER}"),
    "two precisions": (
        lambda: train_with(tree.replace(PARAMS, "ln_f.bias", np.zeros(4))),
        "ln_f.bias holds float64, and wte.weight float32: give all one precision",
    ),
    "no array": (
        lambda: model.check_params(tree.replace(PARAMS, "ln_f.bias", [0.0] * 4), CONFIG),
        "ln_f.bias is list, not an array",
    ),
}


PAIRS = [("ab", "cd"), ("abc", "ef?")]
MAKE, STEP, ENCODE = diagnose.make_own_pipeline(WORDS, PARAMS, CONFIG)


def diagnosed(make=MAKE, step=STEP, examples=PAIRS, encode=ENCODE):
    return lambda: diagnose.pipeline(make, step, examples, encode)


def given(*changes):
    """A make_batch that returns its arrays changed, one function each."""
    return lambda examples: [f(a) for f, a in zip(changes, MAKE(examples), strict=False)]


def same(array):
    return array


def raising(*batch):
    raise KeyError("input_ids")


def arrays(ids, labels=None, mask=None):
    return lambda: list(audit.readers.read_arrays(ids=ids, labels=labels, mask=mask))


def turning(first, *then):
    """A step that returns one thing in its first call and another in those after it."""
    answers = iter([first])
    return lambda *batch: next(answers, *then)


def mute(*texts):
    """Messages of a user and an assistant whose answer has weight 0."""
    said = ({"role": r, "content": t} for r, t in zip(("user", "assistant"), texts, strict=True))
    return {"messages": [{**message, "weight": 0} for message in said]}


def of_mutes(examples):
    ids, targets, mask, *_ = MAKE(PAIRS)
    return ids, targets, 0 * mask


DIAGNOSES = {
    "diagnose nothing to learn": (
        diagnosed(of_mutes, examples=[mute(*pair) for pair in PAIRS]),
        "the examples' messages all have weight 0",
    ),
    "diagnose one example": (diagnosed(examples=PAIRS[:1]), "1 examples were given: give two or more"),
    "diagnose no pairs": (diagnosed(examples=["ab", 3]), "the example 'ab' is no .prompt, response. pair"),
    "diagnose other pairs": (diagnosed(examples=[("a", "b", "c")] * 2), "is no .prompt, response. pair"),
    "diagnose empty answer": (
        diagnosed(examples=[("ab", "")] * 2),
        "has no response, or one without tokens",
    ),
    "diagnose unknown text": (diagnosed(examples=[("ab", "X")] * 2), "that `encode` turns into ids: .*'X'"),
    "diagnose make raises": (diagnosed(raising), "make_batch failed on 2 examples: KeyError: 'input_ids'"),
    "diagnose make returns None": (
        diagnosed(lambda examples: None),
        "make_batch failed on 2 examples: TypeError",
    ),
    "diagnose ragged": (
        diagnosed(lambda examples: ([[1], [1, 2]], [[1], [1, 2]], [[1], [1, 2]])),
        "make_batch failed .* rectangular arrays",
    ),
    "diagnose float ids": (
        diagnosed(given(lambda a: a * 1.0, same, same)),
        "returned ids of shape .*, float64",
    ),
    "diagnose 1-D ids": (diagnosed(given(lambda a: a[0], same, same)), r"returned ids of shape \(7,\)"),
    "diagnose other shapes": (diagnosed(given(same, lambda a: a[:, 1:], same)), "returned targets of shape"),
    "diagnose text mask": (diagnosed(given(same, same, lambda a: a.astype(str))), "returned mask of shape"),
    "diagnose nan mask": (
        diagnosed(given(same, same, lambda a: a * np.nan)),
        "negative or non-finite weights",
    ),
    "diagnose short rows": (diagnosed(given(*[lambda a: a[:, :2]] * 3)), "the rows have 2 targets"),
    "tokens merged across the boundary": (
        diagnosed(encode=lambda text: [9] * len(text)),
        "example 0 is not in the batch",
    ),
    "diagnose step raises": (diagnosed(step=raising), "the step function raised KeyError: 'input_ids'"),
    "diagnose step None": (diagnosed(step=lambda *b: None), "returned None as loss: return one number"),
    "diagnose step array": (diagnosed(step=lambda *b: np.ones(3)), r"returned shape \(3,\) as loss"),
    "diagnose step text": (diagnosed(step=lambda *b: "low"), "returned 'low' as loss"),
    "diagnose loss nan": (
        diagnosed(step=lambda *b: np.nan),
        "the step's loss is nan on a batch with 7 weights",
    ),
    "diagnose dlogits": (
        diagnosed(step=lambda *b: (1.0, np.ones((2, 3)))),
        r"dlogits of shape \(2, 3\), float64",
    ),
    "diagnose dropout": (
        diagnosed(step=lambda *b, calls=[]: calls.append(1) or len(calls)),
        "another loss at a second call: switch dropout off",
    ),
    "prepared float ids": (arrays(IDS * 1.0, IDS), "ids holds float64: it must hold integers"),
    "prepared object ids": (arrays(np.array([[1], None], object), IDS), r"ids has shape \(2,\)"),
    "prepared 1-D": (arrays(IDS[0], IDS[0]), r"ids has shape \(3,\)"),
    "prepared empty": (arrays(IDS[:0], IDS[:0]), r"ids has shape \(0, 3\)"),
    "prepared other shapes": (arrays(IDS, IDS[:2]), r"labels has shape \(2, 3\)"),
    "prepared mask": (arrays(IDS, IDS, np.ones(3)), r"mask is float64 of shape \(3,\)"),
    "prepared nan mask": (arrays(IDS, IDS, NLL * np.nan), "a negative weight, or one that is not finite"),
    "prepared label -1": (arrays(IDS, IDS - 1), r"labels\[0\] is -1, but input_ids\[0\] is 0"),
    "prepared labels elsewhere": (
        arrays(IDS, IDS + 5),
        r"row 0 .*: labels\[0\] is 5, but input_ids\[0\] is 0",
    ),
    "prepared nothing": (lambda: audit.count_rows(iter([])), "there are no rows: the data set is empty"),
    "prepared vocabulary": (
        lambda: audit.count_rows(audit.readers.read_arrays(ids=IDS + 9, labels=IDS + 9), vocab_size=9),
        "row 0 .from 0.: id 9 is outside the vocabulary of 9",
    ),
    "game no such case": (lambda: quiz.case("Z"), "there is no case 'Z': there are A, B, C"),
    "diagnose dlogits at times": (
        diagnosed(step=turning((1.0, np.ones((2, 7, 9))), 1.0)),
        "returns dlogits in some calls only",
    ),
    "diagnose ragged dlogits": (
        diagnosed(step=lambda *b: (1.0, [[1], [1, 2]])),
        "dlogits whose rows differ in length",
    ),
    "diagnose no examples": (diagnosed(examples=3), "0 examples were given"),
    "diagnose prompt weight": (
        lambda: diagnose.pipeline(MAKE, STEP, PAIRS, ENCODE, "1"),
        "prompt_weight is '1'",
    ),
    "prepared ragged": (
        arrays([[1, 2], [1]], [[1, 2], [1]]),
        "ids has rows of different lengths: pad them",
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [*CALLS, *DIAGNOSES])
def test_call_says_what_is_wrong(name):
    refused(*(CALLS | DIAGNOSES)[name])


COMMANDS = {
    "no such file": ("--data nowhere.jsonl", "nowhere.jsonl: No such file"),
    "a folder": ("--data {dir}", "is a folder: give the name of a file"),
    "too few prompts": ("--data {one}", "a single prompt"),
    "steps 0": ("--steps 0", "--steps is 0: it must be 1 or more"),
    "steps -5": ("--steps -5", "steps is -5"),
    "steps text": ("--steps many", "argument --steps: invalid int value: 'many'"),
    "seeds 0": ("--seeds 0", "--seeds is 0: it must be 1 or more"),
    "workers 0": ("--workers 0", "--workers is 0: it must be 1 or more"),
    "lr nan": ("train --data {good} --out {dir}/new --lr nan", "lr is nan"),
    "lr inf": ("train --data {good} --out {dir}/new --lr inf", "lr is inf"),
    "lr -1": ("train --data {good} --out {dir}/new --lr -1", "lr is -1.0"),
    "weight 2": ("train --data {good} --out {dir}/new --prompt-weight 2", "prompt_weight is 2.0"),
    "weight nan": ("mask a b --prompt-weight nan", "prompt_weight is nan"),
    "seed -1": ("train --data {good} --out {dir}/new --seed -1", "argument --seed: invalid seed value"),
    "processes 0": (
        "train --data {good} --out {dir}/new --processes 0",
        "processes is 0: it must lie between",
    ),
    "abbreviated flag": ("--ste 3", "unrecognized arguments: --ste 3"),
    "abbreviated with =": (
        "train --data {good} --out {dir}/new --prompt-w=1",
        "unrecognized arguments: --prompt-w=1",
    ),
    "unknown command": ("tarin", "invalid choice: 'tarin'"),
    "empty answer": ("mask a <EMPTY>", "the response is empty"),
    "rows cut": (
        "--data {good} --max-tokens 3",
        "no row that trains: on line 1, cut to 3 tokens it",
    ),
    "a flag of another command": ("--seed 3", "unrecognized arguments: --seed 3"),
    "level without data": ("--level byte", "--level would change nothing without --data: leave it out"),
    "nothing for data": ("--data <EMPTY>", "the name given for data is empty"),
    "nothing for out": ("train --data {good} --out <EMPTY>", "the name given for out is empty"),
    "nothing for html": ("trace a b --html <EMPTY>", "the name given for html is empty"),
    "nothing to plot": ("plot <EMPTY>", "the name given for dir is empty"),
    "policy and weight": (
        "train --data {good} --out {dir}/new --policy full --prompt-weight 0.5",
        "--prompt-weight would change nothing with --policy full, whose weights are all 1",
    ),
    "policy and weight to look at": (
        "mask --data {good} --policy full --prompt-weight 0.5",
        "--prompt-weight would change nothing with --policy full",
    ),
    "steps of no training": ("figures confusion --steps 9", "--steps would change nothing in confusion"),
    "seeds of no training": ("figures anatomy --seeds 9", "--seeds would change nothing in anatomy"),
    "sizes of batching": (
        "bench --batching --sizes S",
        "--sizes would change nothing with --growth or --batching",
    ),
    "data for mask": ("--data {good} mask a b", "unrecognized arguments: mask a b"),
    "nothing to mask": ("mask a", "give a PROMPT and a RESPONSE, or neither for the course's question"),
    "row without data": ("mask a b --row 1", "--row would change nothing without --data"),
    "prompt with data": ("mask a b --data {good}", "give either a PROMPT and a RESPONSE or --data"),
    "unknown policy": ("mask --data {good} --policy none", "argument --policy: invalid choice: 'none'"),
    "no such row": ("mask --data {good} --row 99", "there is no row 99: .*good.jsonl holds 18, counted"),
    "row -1": ("mask --data {good} --row -1", "--row is -1: it must be 0 or more"),
    "senseless cut": ("mask --data {good} --max-tokens 1", "--max-tokens is 1: it must be 2 or more"),
    "two spaces": ("mask --data {spaces} --level word", "spaces.jsonl, line 2: unknown word"),
    "weight of the preview": ("mask --data {good} --prompt-weight 2", "^minilm: prompt_weight is 2.0"),
    "a folder for a page": (
        "mask --data {good} --html {dir}",
        "is a folder: give the name of a file",
    ),
    "a page before the rows": (
        "mask --data nowhere.jsonl --html {dir}",
        "is a folder: give the name of a file",
    ),
    "all weights 0": ("--data {unweighted}", "unweighted.jsonl has a single prompt left to train on"),
    "sizes that grow": ("bench --growth --sizes S", "--sizes would change nothing with --growth or"),
    "two tables": ("bench --growth --kernels", "not allowed with argument --growth"),
    "no checkpoint": ("generate {dir} a", "model.npz is no file"),
    "text for a checkpoint": ("generate {text} a", "is not a whole minilm checkpoint"),
    "text to resume": ("train --data {good} --out {text} --resume", "is not a whole minilm checkpoint"),
    "text to plot": ("plot {text}", "is not a whole minilm checkpoint"),
    "no run to resume": ("train --data {good} --out {dir}/new --resume", "holds no run: there is no"),
    "no run to plot": ("plot {dir}", "holds no run: there is no"),
    "no second run": ("train --data {good} --out {text}", r"already holds a run .model.npz.: continue it"),
    "no folder can be made": ("--quick --out {good}/figures", "Not a directory|File exists"),
    "a file for a folder": ("train --data {good} --out {good}", "File exists"),
    "diagnose nothing": ("diagnose", "give either an .npz file, or --data and a JSONL file"),
    "diagnose both": ("diagnose a.npz --data {good}", "give either an .npz file, or --data"),
    "diagnose no file": ("diagnose nowhere.npz", "nowhere.npz: No such file"),
    "diagnose no arrays": ("diagnose {dir}/half.npz", "rows padded to one length, labels with -100"),
    "diagnose no JSON": ("diagnose {dir}/text/model.npz", "model.npz, line 1: not JSON"),
    "diagnose no labels": (
        "diagnose --data {unlabelled}",
        "line 1: no labels: a trainer would take input_ids",
    ),
    "diagnose no tokenizer": ("diagnose --data {ids} --tokenizer {good}", "good.jsonl is no tokenizer.json"),
    "diagnose an ignored text": (
        "diagnose --data {good} --ignore-index 0",
        "--ignore-index would change nothing",
    ),
    "diagnose pickled": ("diagnose {dir}/objects.npz", "is no whole .npz file of plain arrays"),
    "diagnose other names": ("diagnose {dir}/names.npz", "holds a, b: it needs ids and labels"),
    "diagnose vocabulary": ("diagnose {dir}/right.npz --vocab-size 3", "id 3 is outside the vocabulary of 3"),
    "diagnose level of ids": (
        "diagnose {dir}/right.npz --level byte --max-tokens 9",
        "--level and --max-tokens would change nothing where the tokens are prepared",
    ),
    "diagnose a cut of ids": ("diagnose --data {ids} --max-tokens 9", "--max-tokens would change nothing"),
    "diagnose ids of text": (
        "diagnose --data {good} --eos-id 1",
        "--eos-id would change nothing for text: its ids",
    ),
    "diagnose a negative stop": (
        "diagnose --data {ids} --eos-id -1",
        "--eos-id is -1: an id is never negative",
    ),
    "diagnose true as an id": (
        "diagnose --data {truths}",
        "truths.jsonl, line 1: input_ids holds true or false: it must hold integers",
    ),
    "diagnose a name in colour": ("diagnose {dir}/colours.npz", r"holds \\x1b.31ma: it needs ids"),
    "diagnose no rows": ("diagnose --data {none}", "none.jsonl holds no rows: the data set is empty"),
    "diagnose other rows": ("diagnose --data {other}", "line 1: the field 'prompt' is missing"),
    "diagnose id lists": ("diagnose --data {lists}", r"lists.jsonl, line 2: labels has shape \(1,\)"),
    "diagnose id text": ("diagnose --data {texts}", "texts.jsonl, line 1: input_ids holds"),
    "diagnose a senseless cut": (
        "diagnose --data {good} --max-tokens 1",
        "--max-tokens is 1: it must be 2 or",
    ),
    "a name of two lines": ("mask --data a<LINE>b", r"a\\nb: No such file"),
    "a name in colour": ("mask --data a<ESC>]8;;b<BEL>", r"a\\x1b\]8;;b\\x07: No such file"),
    "an argument in colour": ("mask a b <ESC>[31m", r"unrecognized arguments: \\x1b.31m"),
    "a long value": ("--data {long}", "long.jsonl, line 1: the field 'prompt' is .{80}: it must be a string"),
    "a long name": ("--data <LONG>", r"a{500,} \.\.\. a*: File name too long$"),
    "quiz seed": ("quiz --seed -1", "argument --seed: invalid seed value"),
    "no such exercise": (
        "lessons --only shft --out {dir}/new",
        "there is no exercise 'shft': `minilm lessons`",
    ),
    "an exercise's long name": ("lessons --only <LONG> --out {dir}/new", "there is no exercise 'a{79}: "),
    "no folder for exercises": ("lessons --only shift", "name the folder for the notebooks: --out DIR"),
    "a file for a folder of exercises": ("lessons --only shift --out {good}", "File exists|Not a directory"),
    "lessons, a seed alone": ("lessons --seed 1", "--seed would change nothing without --only"),
    "lessons, all solutions": ("lessons --solutions", "--solutions would change nothing without --only"),
    "lessons seed": ("lessons --only shift --seed -1", "argument --seed: invalid seed value"),
    "layer": ("gradcheck --layer conv", "argument --layer: invalid choice: 'conv'"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_ends_with_one_sentence(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    contents = {"good": GOOD * 9, "one": '{"prompt": "a", "completion": "b"}\n' * 3}
    contents["spaces"] = GOOD.replace("f?", "f  ?")
    answer = (
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]}'
    )
    contents["unweighted"] = GOOD[: GOOD.index("\n") + 1] + answer
    contents |= {"none": "\n", "other": '{"word": "a"}\n', "texts": '{"input_ids": ["a"], "labels": ["b"]}\n'}
    contents |= {
        "ids": '{"input_ids": [1, 2], "labels": [1, 2]}\n',
        "long": '{"prompt": {"a": [%s1]}}' % ("1, " * 10**5),
    }
    contents["truths"] = '{"input_ids": [1, true], "labels": [1, true]}\n'
    contents["unlabelled"] = '{"input_ids": [1, 2]}\n'
    contents["lists"] = '{"input_ids": [1, 2], "labels": [1, 2]}\n{"input_ids": [1, 2], "labels": [1]}\n'
    ids = np.arange(8).reshape(2, 4)
    np.savez(tmp_path / "right.npz", ids=ids, labels=ids)
    np.savez(tmp_path / "names.npz", a=ids, b=ids)
    (tmp_path / "half.npz").write_bytes((tmp_path / "names.npz").read_bytes()[:99])
    np.savez(tmp_path / "colours.npz", **{"\x1b[31ma": ids})
    np.savez(tmp_path / "objects.npz", ids=np.array([[1], [1, 2]], object), labels=ids)
    for stem, text in contents.items():
        (tmp_path / f"{stem}.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "model.npz").write_text("not a model", encoding="utf-8")
    places = {stem: tmp_path / f"{stem}.jsonl" for stem in contents}
    before = sorted(tmp_path.rglob("*"))
    line, message = COMMANDS[name]
    argv = line.format(dir=tmp_path, text=tmp_path / "text", **places).split()
    for name, text in (
        ("<EMPTY>", ""),
        ("<LINE>", "\n"),
        ("<ESC>", "\x1b"),
        ("<BEL>", "\a"),
        ("<LONG>", "a" * 3000),
    ):
        argv = [word.replace(name, text) for word in argv]
    fails(argv, capsys, message)
    assert sorted(tmp_path.rglob("*")) == before


PIPED = {
    "mask --data {pipe}": "is a pipe, a device or a socket: give a file; save a pipe's content in one first",
    "compare --data {pipe} --out {dir}/new": "is a pipe",
    "train --data {pipe} --out {dir}/new": "is a pipe",
    "diagnose --data {pipe}": "is a pipe",
    "diagnose {pipe}": "is a pipe",
    "mask --data {link}": "is a pipe",
    "mask --data {good} --html {pipe}": "is a pipe",
    "trace a b --html {pipe}": "is a pipe",
    "generate {dir} a": "model.npz is no file",
    "plot {dir}": "model.npz is no file",
    "train --data {good} --out {dir}": "already holds a run",
    "import {dir} {dir}/new": "config.json is no file",
    "export {dir} {pipe}": "model.npz is no file",
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("line", PIPED)
def test_a_pipe_is_refused_and_never_waited_for(line, tmp_path, capsys):
    places = {name: tmp_path / name for name in ("pipe", "link", "good")} | {"dir": tmp_path}
    for name in ("pipe", "model.npz", "config.json"):
        os.mkfifo(tmp_path / name)
    places["link"].symlink_to("pipe")
    places["good"].write_text(GOOD, encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    fails(line.format(**places).split(), capsys, PIPED[line])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="needs names of open files")
def test_a_process_substitution_is_refused(capsys):
    read_end, write_end = os.pipe()  # what bash makes of <(...)
    try:
        os.write(write_end, GOOD.encode())
        fails(["diagnose", "--data", f"/dev/fd/{read_end}"], capsys, "save a pipe's content in one first")
    finally:
        os.close(read_end), os.close(write_end)


def test_diverging_train_names_the_step_and_keeps_the_last_good_checkpoint(tmp_path, capsys):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(GOOD, encoding="utf-8")
    argv = ["train", "--data", str(rows), "--out", str(tmp_path / "run"), "--steps", "40"]
    assert main([*argv, "--lr", "1e30"]) == 2  # test_runs_end has the case of a later step
    _, err = capsys.readouterr()
    assert "step 2: the" in err and err.count("\n") == 1
    assert "model.npz keeps the state of step 0" in err
    files.checkpoint.load(tmp_path / "run" / "model.npz")
    assert main([*argv, "--lr", "0.001"]) == 0  # nothing was trained: the folder is free


def chat_row(message):
    """A conversation whose second message is this."""
    return b'{"messages": [{"role": "user", "content": "a"}, ' + message + b"]}"


FILES = {
    "empty file": (b"", "the data set is empty"),
    "blank lines": (b"\n \r\n", "the data set is empty"),
    "empty completion": (b'{"prompt": "a", "completion": ""}', "line 1: the field 'completion' is ''"),
    "a long list": (
        b'{"prompt": {"a": [' + b"1, " * 10**5 + b"1]}}",
        "the field 'prompt' is .{80}: it must be",
    ),
    "bad line": (GOOD.encode() + b'{"prompt": "a"', "line 3: not JSON, .* at column 15"),
    "an array": (b'["a", "b"]', "line 1: a JSON array is no row: write each of its objects on a line"),
    "an array on one line": (b"[" + GOOD.encode().replace(b"\n", b",") + b"{}]", "a JSON array is no row"),
    "an array over many lines": (
        b"\xef\xbb\xbf [\n" + GOOD.encode() + b"]",
        "line 1: a JSON array is no row",
    ),
    "a list of messages": (b'[{"role": "user", "content": "a"}]', "a list of messages as {.messages.: "),
    "a text": (b'"a"', "line 1: the row is str, not an object"),
    "deep nesting": (b'{"a": ' + b"[" * 200_000, "line 1: brackets nested too deep"),
    "huge number": (b'{"a": ' + b"9" * 5000 + b"}", "line 1: a number with thousands of digits"),
    "not UTF-8": (b'{"prompt": "\xff"}', "line 1: not UTF-8, byte 0xff at column 13"),
    "duplicate key": (b'{"prompt": "a", "prompt": "b"}', "line 1: the key 'prompt' stands twice"),
    "NaN": (b'{"prompt": NaN, "completion": "a"}', "line 1: NaN is not JSON"),
    "mark on a later line": (b"\n\xef\xbb\xbf{}", "line 2: "),
    "missing field": (b'{"prompt": "a"}', "line 1: the field 'completion' is missing"),
    "number": (
        b'{"prompt": 4, "completion": "a"}',
        "line 1: the field 'prompt' is 4: it must be a string",
    ),
    "an answer without text": (
        chat_row(b'{"role": "assistant", "content": ""}'),
        "assistant says nothing",
    ),
    "no answer": (b'{"messages": [{"role": "user", "content": "a"}]}', "line 1: no message is the assist"),
    "no messages": (b'{"messages": []}', "line 1: the field 'messages' must be a list"),
    "not on one line": (b'{\n"prompt": "a",\n"completion": "b"}', "line 1: not JSON"),
    "too long": (b" " * 2**24 + b"{}", "line 1: longer than 16777216 bytes"),
    "messages as text": (b'{"messages": "hi"}', "line 1: the field 'messages' must be a list"),
    "a text for a message": (chat_row(b'"hi"'), r"line 1: messages\[1\] is str, not an object"),
    "both forms": (b'{"prompt": "a", "messages": []}', 'line 1: the row has both "messages" and'),
    "duplicate key within": (chat_row(b'{"role": "user", "role": "tool"}'), "the key 'role' stands twice"),
    "NaN for a weight": (chat_row(b'{"role": "tool", "content": "", "weight": NaN}'), "NaN is not JSON"),
    "unknown role": (
        chat_row(b'{"role": "human", "content": "a"}'),
        r"messages\[1\]: the role is 'human'",
    ),
    "no role": (chat_row(b'{"content": "a"}'), r"line 1: messages\[1\]: the field 'role' is missing"),
    "no role but from": (chat_row(b'{"from": "gpt"}'), "the field 'role' is missing: give 'from' this name"),
    "no content": (chat_row(b'{"role": "user"}'), r"messages\[1\]: the field 'content' is missing"),
    "null content": (chat_row(b'{"role": "user", "content": null}'), "the field 'content' is missing"),
    "content in parts": (
        chat_row(b'{"role": "user", "content": [{}]}'),
        r"messages\[1\]: content\[0\] is \{\}: only",
    ),
    "weight 2": (chat_row(b'{"role": "tool", "content": "", "weight": 2}'), "the weight is 2: it must be"),
    "weight true": (chat_row(b'{"role": "tool", "content": "", "weight": true}'), "the weight is True"),
    "huge weight": (chat_row(b'{"role": "tool", "content": "", "weight": 1e999}'), "the weight is inf"),
    "a tool call": (
        chat_row(b'{"role": "assistant", "content": null, "tool_calls": [{}]}'),
        r"messages\[1\]: the field 'tool_calls' holds a tool call: write",
    ),
    "a call without content": (
        chat_row(b'{"role": "assistant", "function_call": {"name": "f"}}'),
        r"messages\[1\]: the field 'function_call' holds a tool call: write",
    ),
    "reasoning": (
        chat_row(b'{"role": "assistant", "content": "b", "reasoning_content": "c"}'),
        r"messages\[1\]: the field 'reasoning_content' holds what the model thinks: write it into the answer",
    ),
    "a picture": (
        chat_row(b'{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}'),
        r"content\[0\] is .*: only .* is read",
    ),
    "a part that is weighted": (
        chat_row(b'{"role": "assistant", "content": [{"type": "text", "text": "b", "weight": 0}]}'),
        r"content\[0\] is .*: only .* is read, and a weight stands at the whole message",
    ),
    "a flag that is none": (
        chat_row(b'{"role": "assistant", "content": "b", "train": "no"}'),
        r"messages\[1\]: the field 'train' is 'no': it must be true or false",
    ),
    "a question to learn": (
        chat_row(b'{"role": "user", "content": "b", "trainable": true}'),
        r"messages\[1\]: the field 'trainable' is true, but only answers carry loss",
    ),
    "a row's weight": (
        b'{"prompt": "a", "completion": "b", "weight": 2}',
        "line 1: the weight is 2: it must",
    ),
    "a row's loss": (
        b'{"prompt": "a", "completion": "b", "loss": 2.3}',
        "the field 'loss' is 2.3: it must be",
    ),
    "tools": (b'{"messages": [], "tools": [{}]}', "'tools' holds tools, which the model is not shown: write"),
    "history": (
        b'{"prompt": "a", "completion": "b", "history": [["c", "d"]]}',
        "'history' holds earlier turns",
    ),
    "a mask beside a text": (
        b'{"text": "ab", "loss_mask": [0, 1]}',
        "the field 'loss_mask' holds another mask",
    ),
    "ShareGPT": (
        b'{"system": "a", "conversations": [{"from": "human", "value": "b"}]}',
        "'conversations' holds ShareGPT's turns: name it .messages., its .from. .role.",
    ),
    "Alpaca": (
        b'{"instruction": "a", "input": "", "output": "b"}',
        "'instruction' holds an Alpaca row: write",
    ),
    "DPO": (b'{"prompt": "a", "chosen": "b", "rejected": "c"}', "'chosen' holds one of two answers"),
    "a text row": (b'{"text": "ab"}', "'text' holds a text without roles: write"),
    "a list for a prompt": (b'{"prompt": [1], "completion": "a"}', r"prompt\[0\] is int, not an object"),
    "a completion without an answer": (
        b'{"prompt": "a", "completion": [{"role": "user", "content": "b"}]}',
        "the completion has no message of the assistant",
    ),
    "two systems": (
        b'{"system": "a", ' + chat_row(b'{"role": "developer", "content": "b"}')[1:],
        'the row has both "system" and a message of the system: keep one',
    ),
    "lone surrogate in a message": (
        chat_row(b'{"role": "tool", "content": "\\ud800"}'),
        r"line 1: messages\[1\]: .*lone surrogate",
    ),
    "lone surrogate": (b'{"prompt": "\\ud800", "completion": "a"}', "line 1: .*lone surrogate"),
}


@pytest.mark.parametrize("name", FILES)
def test_file_names_its_line(name, tmp_path, capsys):
    content, message = FILES[name]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"rows.jsonl.*{message}"):
        files.rows.read(path)
    fails(["--data", str(path), "--out", str(tmp_path / "out")], capsys, message)
    fails(["mask", "--data", str(path), "--html", str(tmp_path / "out")], capsys, message)
    assert not (tmp_path / "out").exists()


class Bomb:
    def __reduce__(self):
        return os._exit, (3,)


def cut(share):
    return lambda content: content[: int(share * len(content))]


def flipped(content):
    return content[:-2000] + bytes([content[-2000] ^ 1]) + content[-1999:]


def rewritten(**arrays):
    """The file with arrays exchanged, or without those that are None."""

    def write(path):
        with np.load(path) as file:
            found = dict(file) | {name.replace("__", "."): array for name, array in arrays.items()}
        np.savez(path, **{name: array for name, array in found.items() if array is not None})

    return write


def retold(*path, value):
    """The file with something else at one place of its JSON text."""

    def write(file):
        with np.load(file) as found:
            arrays = dict(found)
        meta = node = json.loads(str(arrays["meta"]))
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
        np.savez(file, **(arrays | {"meta": json.dumps(meta)}))

    return write


WHOLE = "is not a whole minilm checkpoint"
FLOATS = np.zeros(8, np.float32)
CHECKPOINTS = {
    "empty": (cut(0), WHOLE),
    "cut short": (cut(0.9), WHOLE),
    "text": (lambda content: b"step 20: all is well", WHOLE),
    "a bit flipped": (flipped, WHOLE),
    "a tensor missing": (rewritten(ln_f__bias=None), "tensor ln_f.bias is missing"),
    "a tensor too many": (rewritten(more=FLOATS), "tensor more belongs to no such model"),
    "a tensor of a long name": (rewritten(**{"x" * 5000: FLOATS}), "tensor x{80} belongs to no such model"),
    "a tensor that would broadcast": (
        rewritten(ln_f__bias=FLOATS[:1]),
        r"ln_f.bias has shape \(1,\), not",
    ),
    "another config": (retold("config", "n_embd", value=2**40), "wte.weight has shape"),
    "more layers": (retold("config", "n_layer", value=2**40), "tensor h.1.ln_1.weight is missing"),
    "integers": (rewritten(ln_f__bias=FLOATS.astype(int)), "ln_f.bias holds int64"),
    "two precisions": (
        rewritten(ln_f__bias=FLOATS.astype(float)),
        "ln_f.bias holds float64, and wte.weight",
    ),
    "a pickle": (rewritten(ln_f__bias=np.array([Bomb()])), WHOLE),
    "heads": (retold("config", "n_head", value=3), WHOLE),
    "a piece that is no text": (retold("tokenizer", "vocab", 5, value=None), WHOLE),
}
RUNS = {
    "steps": (retold("run", "terms", "steps", value="9"), "terms make no sense .steps is '9'"),
    "weight": (
        retold("run", "terms", "prompt_weight", value=None),
        "terms make no sense .prompt_weight is",
    ),
    "another level": (
        retold("run", "terms", "level", value="byte"),
        "contradicts itself: its level is char",
    ),
    "another model": (retold("run", "terms", "n_embd", value=9), "contradicts itself: its n_embd is 8"),
    "no terms": (retold("run", "terms", value={}), "terms make no sense"),
    "text for a loss": (retold("run", "recent", value=["1"]), "recent losses that are no finite numbers"),
    "a negative loss": (
        retold("run", "recent", value=[-1.0]),
        "losses that are no finite numbers, 0 or more",
    ),
}


@pytest.fixture
def run(tmp_path):
    """The folder of a short run, and rows beside it."""
    files.run.start_or_resume(tmp_path / "run", run_cases.TASK._replace(settings=run_cases.SETTINGS))
    (tmp_path / "rows.jsonl").write_text(run_cases.JSONL, encoding="utf-8")
    return tmp_path


def damage(path, change):
    """Exchange the file's bytes, or have it written anew."""
    changed = change(path.read_bytes()) if change in BYTES else change(path)
    if changed is not None:
        path.write_bytes(changed)


BYTES = [CHECKPOINTS[name][0] for name in ("empty", "cut short", "text", "a bit flipped")]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoint_says_what_is_wrong(name, run, capsys):
    change, message = CHECKPOINTS[name]
    path = run / "run" / files.run.MODEL
    damage(path, change)
    for read in (files.checkpoint.load, files.checkpoint.read):
        refused(lambda read=read: read(path), message)
    fails(["generate", run / "run", "a"], capsys, message)
    fails(["export", run / "run", run / "hf"], capsys, message)
    fails(["plot", run / "run"], capsys, message)
    fails(["train", "--data", run / "rows.jsonl", "--out", run / "run", "--resume"], capsys, message)
    assert not (run / "hf").exists() and len(list((run / "run").iterdir())) == 2


@pytest.mark.parametrize("name", RUNS)
def test_run_says_what_is_wrong(name, run, capsys):
    change, message = RUNS[name]
    damage(run / "run" / files.run.MODEL, change)
    refused(lambda: files.run.load(run / "run"), message)
    fails(["plot", run / "run"], capsys, message)
    fails(["train", "--data", run / "rows.jsonl", "--out", run / "run", "--resume"], capsys, message)
    files.checkpoint.load(run / "run" / files.run.MODEL)  # the model itself is whole
