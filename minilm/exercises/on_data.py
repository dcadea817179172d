"""Exercises on real data: a mask of conversations, and a batch in parts."""

import numpy as np

from .. import chat, data, masks
from .exercise import Exercise, normal, sizes
from .on_sequence import NO_EOS

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


def combine_gradients(gradients, counts):
    """The gradient (P,) of the mean over all tokens, from each part's mean (K, P) and count (K,)."""
    return counts @ gradients / counts.sum()


def make_turns(rng, dtype):
    """Roles and turns (B, T) of the targets of padded conversations, marker by marker."""
    rows = []
    for k in rng.permutation([*range(len(CHATS)), *rng.integers(0, len(CHATS), rng.integers(0, 6))]):
        row = [(data.BOS, 0)]
        for turn, speaker in enumerate(CHATS[k]):
            content = chat.ROLE_OF[speaker]
            row += [(data.HEADER, turn)] + [(content, turn)] * int(rng.integers(2, 8))
            row += [(data.EOS, turn)] * (speaker == "assistant")
        rows.append(row)
    longest = max(map(len, rows)) + 1
    padded = np.array([row + [(data.PAD, 0)] * (longest - len(row)) for row in rows])
    return padded[:, 1:, 0], padded[:, 1:, 1]


def make_parts(rng, dtype):
    """Gradients of means (K, P) and uneven counts; a part without supervised tokens gives zeros."""
    K, P = sizes(rng, "K", "P", low=3)
    counts = rng.permutation(np.arange(2, 40))[:K]
    counts[rng.integers(K - 1)] = 0
    return normal(rng, dtype, K, P) * (counts[:, None] > 0).astype(dtype), counts.astype(dtype)


def answers(roles, turns):
    return masks.response(roles)


def whose_turn_is(last):
    """The answers' targets of the turn that `last` (roles, turns) -> number or (B, 1) chooses."""
    return lambda roles, turns: masks.response(roles) * (turns == last(roles, turns))


def moved(roles, turns):
    return np.pad(last_turn_mask(roles, turns)[:, :-1], ((0, 0), (1, 0)))


def first_answer(roles, turns):
    return np.where(masks.response(roles) > 0, turns, 99).min(axis=1, keepdims=True)


def with_marker(roles, turns):
    headers = masks.headers(roles, turns) * masks.last_turn(roles, turns)
    return np.maximum(last_turn_mask(roles, turns), headers)


def running_mean(gradients, counts):
    total = gradients[0]
    for gradient in gradients[1:]:
        total = (total + gradient) / 2
    return total


LAST_TURN = (
    ("All answers carry loss, not only the last of each row.", answers),
    (
        "That is the last turn of the longest conversation: every row has its own, along axis 1.",
        whose_turn_is(lambda roles, turns: turns.max()),
    ),
    (
        "The last message may be the user's, and then nothing is lit: look for the last turn among answers.",
        whose_turn_is(lambda roles, turns: turns.max(axis=1, keepdims=True)),
    ),
    ("That is the first answer of each row.", whose_turn_is(first_answer)),
    (NO_EOS, lambda roles, turns: last_turn_mask(roles, turns) * masks.without_eos(roles)),
    (
        "The marker <assistant> is lit, too: it has the answer's turn, but it ends the prompt.",
        with_marker,
    ),
    (
        "The turn alone does not tell: markers and pads have one, too. Ask for the role as well.",
        lambda roles, turns: masks.last_turn(roles, turns),
    ),
    ("Inverted: all but the last answer is lit.", lambda roles, turns: 1 - last_turn_mask(roles, turns)),
    (
        "The mask is one late: roles and turns are those of the targets already.",
        moved,
    ),
    (
        "A column is cut: roles and turns are those of the targets already.",
        lambda roles, turns: last_turn_mask(roles, turns)[:, 1:],
    ),
)
COMBINED = (
    (
        "That is the mean of the means: a token of a small part then counts more than one of a large part.",
        lambda g, n: g.mean(axis=0),
    ),
    (
        "That is the mean over the parts that have tokens: they still count alike, whatever their size.",
        lambda g, n: g[n > 0].mean(axis=0),
    ),
    ("The means are only added up: each counts by its share of the tokens.", lambda g, n: g.sum(axis=0)),
    (
        "That is the gradient of the sum: divide by the number of all supervised tokens.",
        lambda g, n: n @ g,
    ),
    (
        "Divided by the number of parts: divide by the number of all supervised tokens.",
        lambda g, n: n @ g / len(n),
    ),
    (
        "These are gradients of means: multiply each by its count before they are added up.",
        lambda g, n: g.sum(axis=0) / n.sum(),
    ),
    ("That is the last part alone: is it = where += is meant?", lambda g, n: g[-1]),
    ("That is the last part's share alone: is it = where += is meant?", lambda g, n: n[-1] * g[-1] / n.sum()),
    (
        "A running mean (a + b) / 2: the last part has half of the weight, the first one hardly any.",
        running_mean,
    ),
    (
        "The parts are not added up yet: sum over axis 0.",
        lambda g, n: g * n[:, None] / n.sum(),
    ),
)

EXERCISES = {
    "last_turn_mask": Exercise(
        "last_turn_mask(roles, turns): from role and turn of every target, both (B, T), return the float "
        "weights (B, T): 1 on the assistant's last answer of each row and its <eos>, 0 elsewhere.",
        ("weights",),
        last_turn_mask,
        make_turns,
        tuple(("weights", *mistake) for mistake in LAST_TURN),
        (
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
        tuple(("gradient", *mistake) for mistake in COMBINED),
        (
            "A mean times its count is a sum. Sums add up. Divide once, at the end.",
            "counts @ gradients / counts.sum()",
        ),
        is_tuple=False,
    ),
}
