"""Answers: shifts and masks, as they go wrong in practice."""

import numpy as np
from exercises.answers.one_sequence import is_answer
from exercises.answers.real_data import light_last

from minilm import data


def of_targets(mask):
    """A loss mask of the targets' roles."""
    return lambda roles: mask(roles[:, 1:])


def light_last_column(roles):
    mask = np.zeros(roles.shape)
    mask[:, -1] = 1
    return mask


def compare_with_names(roles):
    return np.array([[1.0 * (role in ("response", "eos")) for role in row] for row in roles])


def light_first_token(roles):
    mask = np.zeros(roles.shape)
    for i, row in enumerate(roles):
        mask[i, np.argmax(row == 3)] = 1
    return mask


def stop_after_a_row(roles):
    mask = np.zeros(roles.shape)
    for i, row in enumerate(roles):
        mask[i] = is_answer(row)
        return mask


SHIFT = {
    r"ids is wrong.*These are the targets: what is read begins with the first token": lambda x: (
        x[:, 1:],
        x[:, 1:],
    ),
    r"targets is wrong.*1 is added to the ids": lambda x: (x[:, :-1], x[:, :-1] + 1),
    r"targets has shape.*Only the last token is there": lambda x: (x[:, :-1], x[:, -1:]),
    r"ids has shape.*The first token is cut off, too": lambda x: (x[:, 1:-1], x[:, 2:]),
    r"ids has shape \(\d,\).*Only the first row is there": lambda x: (x[0, :-1], x[0, 1:]),
    r"targets is wrong.*Shifted the wrong way": lambda x: (x[:, :-1], np.roll(x, 1, axis=1)[:, :-1]),
    r"targets is wrong.*-100 stands at the end": lambda x: (
        x[:, :-1],
        np.hstack([x[:, 1:-1], np.full((len(x), 1), -100)]),
    ),
    r"ids is an array of float64: token ids are indices": lambda x: (1.0 * x[:, :-1], 1.0 * x[:, 1:]),
}
LOSS_MASK = {
    r"Only one row has a mask: does a loop end too early": of_targets(stop_after_a_row),
    r"Some targets have too much loss weight: pad; some too little loss weight: eos\.": lambda r: (
        1.0 * ((r[:, 1:] == 3) | (r[:, :-1] == 4))
    ),
    r"-100 marks labels that a loss should ignore": of_targets(lambda r: np.where(is_answer(r), 1.0, -100)),
    r"These are labels with -100": of_targets(lambda r: np.where(is_answer(r), r, -100)),
    r"0 everywhere: a role is a number.*and no text": of_targets(compare_with_names),
    r"Only the last column is lit: answers are longer": of_targets(light_last_column),
    r"Only the first answer token of each row": of_targets(light_first_token),
    r"Other roles are lit, too: data.ROLES has nine.*np.isin": of_targets(
        lambda r: 1.0 * (r >= data.RESPONSE)
    ),
    r"one late: .* Besides, >= takes in system": lambda r: 1.0 * (r[:, :-1] >= data.RESPONSE),
    r"One column too many.* Besides, >= takes in system": lambda r: 1.0 * (r >= data.RESPONSE),
    r"Targets of role header have the loss weight 1: it should be 0\.": of_targets(
        lambda r: 1.0 * np.isin(r, (3, 4, data.HEADER))
    ),
    r"Targets of role response, eos have the loss weight 2: it should be 1\.": of_targets(
        lambda r: 2.0 * is_answer(r)
    ),
    r"Targets of role eos have the loss weight 0\.5: it should be 1\.": of_targets(
        lambda r: np.where(r == 4, 0.5, r == 3)
    ),
    r"Each row is divided by its sum": of_targets(
        lambda r: is_answer(r) / is_answer(r).sum(1, keepdims=True)
    ),
    r"It is divided by its sum": of_targets(lambda r: is_answer(r) / is_answer(r).sum()),
    r"The roles themselves are used": of_targets(lambda r: 1.0 * r * is_answer(r)),
    r"The prompt is NaN": of_targets(lambda r: np.where(is_answer(r), 1, np.nan)),
    r"Prompt targets still have the loss weight 0\.01": of_targets(lambda r: data.loss_mask(r, 0.01)),
    r"The first row's mask is used for all": of_targets(
        lambda r: np.tile(is_answer(r[0]) * 1.0, (len(r), 1))
    ),
    r"shape.*These are the indices of lit targets": of_targets(lambda r: np.argwhere(is_answer(r))),
    r"shape.*Only the lit roles are there": of_targets(lambda r: r[is_answer(r)]),
    r"shape.*A row is cut: the first axis is the batch": lambda r: is_answer(r[1:]) * 1.0,
}
LAST_TURN = {
    r"-100 marks labels": lambda r, t: np.where(light_last(r, t) > 0, 1, -100),
    r"The <eos> of earlier answers is lit": lambda r, t: np.maximum(light_last(r, t), r == 4),
    r"Tool tokens are lit, too": lambda r, t: np.maximum(light_last(r, t), r == data.TOOL),
    r"That is turn 1 of each row": lambda r, t: is_answer(r) * (t == 1.0),
    r"read off the last column, where pads stand": lambda r, t: is_answer(r) * (t == t[:, -1:]) * 1.0,
    r"looked for in each column: axis 1": lambda r, t: (
        is_answer(r) * (t == np.where(is_answer(r), t, -1).max(axis=0, keepdims=True)) * 1.0
    ),
    r"The last two answers are lit": lambda r, t: (
        is_answer(r) * (t >= np.where(is_answer(r), t, -1).max(axis=1, keepdims=True) - 2) * 1.0
    ),
    r"Everything but pads is lit": lambda r, t: 1.0 * (r > 0),
    r"0 everywhere: a role is a number": lambda r, t: 1.0 * (r == "assistant"),
    r"one early: roles and turns are those of the targets": lambda r, t: np.hstack(
        [light_last(r, t)[:, 1:], np.zeros((len(r), 1))]
    ),
}
DENOMINATORS = {
    r"The mask is missing: every position is lit": lambda r, t: (
        r * 0 + 1,
        1 / r.sum() + 0 * r,
        1 / t.sum() + 0 * r,
    ),
    r"over answers is wrong.*Each row is divided by its own count": lambda r, t: (
        r,
        r / r.sum(axis=1, keepdims=True),
        r / t.sum(axis=1, keepdims=True),
    ),
    r"over everything is wrong.*mean of row means": lambda r, t: (
        r,
        r / r.sum(),
        r / t.sum(axis=1, keepdims=True) / len(r),
    ),
    r"over answers is wrong.*multiplied by the number of response targets": lambda r, t: (
        r,
        r * r.sum(),
        r * t.sum(),
    ),
    r"shape.*Only the entries that are not 0 are there": lambda r, t: (
        r[r > 0],
        r[r > 0] / r.sum(),
        r[r > 0] / t.sum(),
    ),
}

WRONG = {
    "shift": SHIFT,
    "loss_mask": LOSS_MASK,
    "last_turn_mask": LAST_TURN,
    "denominators": DENOMINATORS,
}
