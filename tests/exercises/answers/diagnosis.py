"""Answers: the loss weights that a step really uses."""

import numpy as np


def pick(array, targets):
    return np.take_along_axis(array, targets[:, :, None], 2)[:, :, 0]


def go_through_entries(dlogits, exchanged, targets):
    out = np.zeros_like(dlogits[:, :, 0])
    for b, t in np.ndindex(targets.shape):
        y = targets[b, t]
        out[b, t] = exchanged[b, t, y] - dlogits[b, t, y]
    return out


def take_by_index(dlogits, exchanged, targets):
    b, t = np.indices(targets.shape)
    return exchanged[b, t, targets] - dlogits[b, t, targets]


WRONG = {
    "target_weights": {
        r"The sign: without its target, the entry rises": lambda before, after, y: pick(before - after, y),
        r"w \(1 - p\) and whatever else lights the row": lambda before, after, y: -pick(before, y),
        r"w p: loss weight and probability are mixed": lambda before, after, y: pick(after, y),
        r"A norm tells that a row is lit": lambda before, after, y: np.sqrt((before**2).sum(axis=-1)),
        r"changes at two entries": lambda before, after, y: abs(before - after).sum(axis=-1),
        r"shape": lambda before, after, y: after - before,
    }
}

RIGHT = {
    "target_weights": (
        go_through_entries,
        take_by_index,
        lambda before, after, y: (after - before).max(axis=-1),
    )
}
