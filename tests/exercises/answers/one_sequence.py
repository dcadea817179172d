"""Answers: the shift and the loss mask."""

import numpy as np


def is_answer(roles):
    return (roles == 3) | (roles == 4)


def count_from_prompt(roles):
    """A loss mask that starts one token after the prompt's last target."""
    mask = np.zeros((len(roles), roles.shape[1] - 1))
    for i, row in enumerate(roles):
        n_prompt = int(np.argmax(row == 3))
        mask[i, n_prompt : n_prompt + int(is_answer(row).sum()) - 1] = 1
    return mask


def count_too_early(roles):
    """A loss mask that starts one token before the first answer token."""
    mask = np.zeros((len(roles), roles.shape[1] - 1))
    for i, row in enumerate(roles):
        mask[i, int(np.argmax(row == 3)) - 2 : int(np.argmax(row == 4))] = 1
    return mask


def shift_by_loops(tokens):
    ids, targets = [], []
    for row in tokens:
        ids.append([row[t] for t in range(len(row) - 1)])
        targets.append([row[t + 1] for t in range(len(row) - 1)])
    return ids, targets


def shift_by_take(tokens):
    places = np.arange(tokens.shape[1] - 1)
    return np.take(tokens, places, axis=1), np.take(tokens, places + 1, axis=1)


def mask_by_loops(roles):
    mask = np.zeros((roles.shape[0], roles.shape[1] - 1))
    for b, t in np.ndindex(mask.shape):
        if roles[b, t + 1] in (3, 4):
            mask[b, t] = 1
    return mask


WRONG = {
    "shift": {
        r"targets is wrong.*without the shift the model learns to copy": lambda x: (x[:, :-1], x[:, :-1]),
        r"in another order: yours is \(targets, ids\)\. Please return \(ids, targets\)": lambda x: (
            x[:, 1:],
            x[:, :-1],
        ),
        r"ids has shape.*One column too many: the last token has no successor": lambda x: (x, x[:, 1:]),
        r"targets has shape.*np.roll keeps the first token, at the end": lambda x: (
            x[:, :-1],
            np.roll(x, -1, axis=1),
        ),
        r"targets is wrong.*np.roll brings the first token to the end": lambda x: (
            x[:, :-1],
            np.roll(x, -1, axis=1)[:, 1:],
        ),
        r"ids has shape.*the first axis is the batch, write tokens\[:, :-1\]": lambda x: (x[:-1], x[1:]),
        r"targets has shape.*Shifted twice": lambda x: (x[:, :-1], x[:, 1:][:, 1:]),
    },
    "loss_mask": {
        r"one late: the first answer token carries no loss": lambda r: is_answer(r[:, :-1]).astype(float),
        r"one early: it lights the last prompt token": lambda r: (
            np.pad(is_answer(r[:, 2:]), ((0, 0), (0, 1))) * 1.0
        ),
        r"The first answer token is left out": count_from_prompt,
        r"The last prompt token is lit, too": count_too_early,
        r"<eos> is left out: it belongs to the response": lambda r: np.where(r[:, 1:] == 3, 1.0, 0.0),
        r"Only <eos> is lit": lambda r: np.where(r[:, 1:] == 4, 1.0, 0.0),
        r"Inverted: prompt and pads carry loss and answers none": lambda r: 1.0 - is_answer(r[:, 1:]),
        r"Inverted: role PROMPT carries loss and answers none": lambda r: (r[:, 1:] == 2).astype(float),
        r"Inverted: prompt tokens carry loss and answers none": lambda r: (
            (r[:, 1:] == 2) | (r[:, 1:] > 4)
        ).astype(float),
        r"This is full-sequence loss: the prompt is not masked": lambda r: (r[:, 1:] > 0).astype(float),
        r"The prompt is not masked, and pads count, too": lambda r: np.ones_like(r[:, 1:], dtype=float),
        r"All but role PROMPT is lit: there are nine roles": lambda r: (r[:, 1:] != 2).astype(float),
        r"Pads are counted": lambda r: np.where(r[:, 1:] == 0, 1.0, is_answer(r[:, 1:])),
        r"One column too many: it is not shifted": lambda r: is_answer(r).astype(float),
        r"shape \(\d+,\).*Only the first along axis 0 is there": lambda r: is_answer(r[0, 1:]).astype(float),
    },
}

RIGHT = {
    "shift": (shift_by_loops, shift_by_take),
    "loss_mask": (
        mask_by_loops,
        lambda r: np.isin(r, [3, 4])[:, 1:].astype(np.float32),
        lambda r: [[1.0 if role in {3, 4} else 0.0 for role in row[1:]] for row in r],
    ),
}
