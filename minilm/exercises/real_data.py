"""The exercises on real data: a mask of conversations, and a batch in parts."""

import numpy as np

from .. import chat, data, masks
from .exercise import Exercise, draw_normal, draw_sizes
from .one_sequence import NO_EOS

CHATS = (  # who speaks in the rows of a case
    ("system", "user", "assistant", "user", "assistant"),
    ("user", "assistant"),
    ("user", "assistant", "user"),
    ("user", "assistant", "tool", "assistant"),
    ("assistant", "user"),
)


def last_turn_mask(roles, turns):
    """1.0 on the last answer of every row, its <eos> included; roles and turns (B, T) of the targets."""
    return masks.response(roles) * masks.last_turn(roles, turns)


def make_turns(rng, dtype):
    """Roles and turns (B, T) of the targets of padded conversations, marker by marker."""
    rows = []
    for k in rng.permutation([*range(len(CHATS)), *rng.integers(0, len(CHATS), rng.integers(0, 6))]):
        row = [(data.BOS, 0)]
        for turn, speaker in enumerate(CHATS[k]):
            content = chat.ROLE_OF[speaker]
            row += [(data.HEADER, turn)] + [(content, turn)] * int(rng.integers(2, 8))
            if speaker == "assistant":
                row += [(data.EOS, turn)]
        rows.append(row)
    longest = max(map(len, rows)) + 1
    padded = np.array([row + [(data.PAD, 0)] * (longest - len(row)) for row in rows])
    return padded[:, 1:, 0], padded[:, 1:, 1]


def make_turn_mistakes(roles, turns):
    answers, last = masks.response(roles), masks.last_turn(roles, turns)
    mask = answers * last
    by_last = answers * (turns == turns.max(axis=1, keepdims=True))
    first = np.where(answers > 0, turns, 99).min(axis=1, keepdims=True)
    longest = answers * (turns == turns.max())
    with_marker = np.maximum(mask, masks.headers(roles, turns) * last)
    moved = np.pad(mask[:, :-1], ((0, 0), (1, 0)))
    return {
        "weights": {
            "All answers carry loss, not only the last of each row.": answers,
            "That is the last turn of the longest conversation: look along axis 1, row by row.": longest,
            "If a row ends with the user, nothing is lit: look for the last turn among answers.": by_last,
            "That is the first answer of each row.": answers * (turns == first),
            NO_EOS: mask * masks.without_eos(roles),
            "The marker <assistant> is lit, too: it has the answer's turn, but ends the prompt.": with_marker,
            "The turn alone is not enough: markers and pads have one. Ask for the role, too.": last,
            "Inverted: all but the last answer is lit.": 1 - mask,
            "The mask is one late: roles and turns are those of the targets already.": moved,
            "A column is cut: roles and turns are those of the targets already.": mask[:, 1:],
        }
    }


def combine_gradients(gradients, counts):
    """The gradient (P,) of the mean over all tokens, from each part's mean (K, P) and count (K,)."""
    return counts @ gradients / counts.sum()


def make_parts(rng, dtype):
    """Gradients of means (K, P) and uneven counts; a part without supervised tokens gives zeros."""
    K, P = draw_sizes(rng, "K", "P", low=3)
    counts = rng.permutation(np.arange(2, 40))[:K]
    counts[rng.integers(K - 1)] = 0
    return draw_normal(rng, dtype, K, P) * (counts[:, None] > 0).astype(dtype), counts.astype(dtype)


def make_part_mistakes(gradients, counts):
    n_tokens, total = counts.sum(), counts @ gradients
    running = gradients[0]
    for gradient in gradients[1:]:
        running = (running + gradient) / 2
    of_means, added = gradients.mean(axis=0), gradients.sum(axis=0)
    divided_twice = added / n_tokens
    last_share = counts[-1] * gradients[-1] / n_tokens
    of_used = gradients[counts > 0].mean(axis=0)
    return {
        "gradient": {
            "The mean of the means: a token of a small part counts more than one of a large part.": of_means,
            "That is the mean over the parts with tokens: they count alike, whatever their size.": of_used,
            "The means are only added up: each counts by its share of the tokens.": added,
            "That is the gradient of the sum: divide by the number of all supervised tokens.": total,
            "Divided by the number of parts: divide by that of all supervised tokens.": total / len(counts),
            "These are gradients of means: multiply each by its count before adding up.": divided_twice,
            "That is the last part alone: is it = where += is meant?": gradients[-1],
            "That is the last part's share alone: is it = where += is meant?": last_share,
            "A running mean (a + b) / 2: the last part counts half, the first hardly at all.": running,
            "The parts are not added up yet: sum over axis 0.": gradients * counts[:, None] / n_tokens,
        }
    }


EXERCISES = {
    "last_turn_mask": Exercise(
        "last_turn_mask(roles, turns): from role and turn of every target, both (B, T), return the loss "
        "weights (B, T) as floats: 1 on the assistant's last answer of each row and its <eos>, 0 elsewhere.",
        ("weights",),
        last_turn_mask,
        make_turns,
        make_turn_mistakes,
        hints=(
            "Which turns belong to answers? The largest of them, row by row, is the last answer's.",
            "answer = data.response_mask(roles)\nlast = np.where(answer > 0, turns, -1).max(axis=1, "
            "keepdims=True)\nreturn answer * (turns == last)",
        ),
        is_tuple=False,
    ),
    "combine_gradients": Exercise(
        "combine_gradients(gradients, counts): gradients (K, P), each of the mean loss of one of K parts of "
        "a batch, and counts (K,) of their supervised tokens. Return the gradient (P,) of the mean over "
        "all tokens. A part without such tokens has a gradient of zeros.",
        ("gradient",),
        combine_gradients,
        make_parts,
        make_part_mistakes,
        hints=(
            "A mean times its count is a sum. Sums add up. Divide once, at the end.",
            "counts @ gradients / counts.sum()",
        ),
        is_tuple=False,
    ),
}
