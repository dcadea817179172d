"""Answers: the weighted mean's backward, and its denominators."""

import numpy as np
from exercises.unpacking import unpack_cache, unpack_caches


@unpack_cache
def mean_of_rows(dloss, weights, total):
    rows = weights / weights.sum(axis=1, keepdims=True)
    return dloss * rows / len(weights), None


def mean_by_loops(dloss, cache):
    weights, _ = cache
    total = sum(sum(float(w) for w in row) for row in weights)
    dnll = np.zeros(weights.shape)
    for place in np.ndindex(weights.shape):
        dnll[place] = dloss * weights[place] / total
    return dnll, None


def mean_by_differences(dloss, cache):
    """The loss is linear in nll, so raising one entry from 0 to 1 gives its derivative."""
    weights, total = cache
    unit = np.eye(weights.size).reshape(weights.size, *weights.shape)
    return ((unit * weights).sum(axis=(1, 2)) / total * dloss).reshape(weights.shape), None


def divide_rows(response, target):
    rows = response / response.sum(axis=1, keepdims=True)
    return response, rows / rows.shape[0], response / target.sum()


def denominators_by_loops(response, target):
    n_response = n_target = 0
    for place in np.ndindex(response.shape):
        n_response += response[place] == 1
        n_target += target[place] == 1
    lists = response.tolist()
    of_mean, of_all = ([[w / n for w in row] for row in lists] for n in (n_response, n_target))
    return lists, of_mean, of_all


def denominators_by_where(response, target):
    lit = response > 0
    return [np.where(lit, 1.0 / n, 0.0) for n in (1, np.count_nonzero(lit), np.count_nonzero(target))]


MEAN = {
    r"dloss is not used": lambda d, w, total: (w / total, None),
    r"too large: divide by total": lambda d, w, total: (d * w, None),
    r"divided by the number of all positions, pads included": lambda d, w, total: (d * w / w.size, None),
    r"divided by how many weights are not 0: total is their sum": lambda d, w, _: (
        d * w / (w > 0).sum(),
        None,
    ),
    r"The weights are missing: every row would be lit": lambda d, w, total: (
        np.full(w.shape, d / total),
        None,
    ),
    r"times too small: multiply by B \(\d\), since total counts every row's weights": lambda d, w, total: (
        d * w / total / w.shape[0],
        None,
    ),
}

WRONG = {
    "weighted_mean_backward": unpack_caches(MEAN)
    | {r"mean of row means: rows with short answers weigh more": mean_of_rows},
    "denominators": {
        r"of the sum is wrong.*full-sequence loss: prompt targets must be 0": lambda r, t: (
            t,
            t / t.sum(),
            t / t.sum(),
        ),
        r"over answers is wrong.*times too large: divide by the number of response targets": lambda r, t: (
            r,
            r,
            r / t.sum(),
        ),
        r"in another order: yours is \(dnll of the sum, dnll of the mean over everything": lambda r, t: (
            r,
            r / t.sum(),
            r / r.sum(),
        ),
        r"over answers is wrong.*mean of row means": divide_rows,
        r"over answers is wrong.*all positions, pads included: divide by response.sum\(\)": lambda r, t: (
            r,
            r / r.size,
            r / t.sum(),
        ),
        r"over everything is wrong.*pads are no targets, use target.sum\(\)": lambda r, t: (
            r,
            r / r.sum(),
            r / t.size,
        ),
        r"over everything is wrong.*Prompt targets are lit": lambda r, t: (r, r / r.sum(), t / t.sum()),
        r"of the sum has shape \(\), not.*This counts the targets": lambda r, t: (r.sum(), 1.0, 1 / t.sum()),
    },
}

RIGHT = {
    "weighted_mean_backward": (mean_by_loops, mean_by_differences),
    "denominators": (denominators_by_loops, denominators_by_where),
}
