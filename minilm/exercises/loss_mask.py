"""The exercises of lesson 6: the weighted mean and its denominators."""

import numpy as np

from .. import data, losses
from .exercise import Exercise, uneven_roles


def denominators(response, target):
    """dnll of the response's summed loss, of its mean over answers, of its mean over everything."""
    return response, response / response.sum(), response / target.sum()


def make_masks(rng, dtype):
    roles = uneven_roles(rng)[:, 1:]
    return data.response_mask(roles).astype(dtype), data.loss_mask(roles, 1.0).astype(dtype)


def make_mean_backward(rng, dtype):
    roles = uneven_roles(rng)[:, 1:]
    weights = data.loss_mask(roles, 0.25)
    _, cache = losses.weighted_mean_forward(rng.random(roles.shape).astype(dtype), weights)
    return dtype(rng.random() + 0.5), cache


ROWS = "It is a mean of row means: rows with short answers weigh more than they should."


EXERCISES = {
    "weighted_mean_backward": Exercise(
        "weighted_mean_backward(dloss, cache): weights, total = cache, where loss = sum(weights * nll) "
        "/ total; return (dnll, None).",
        ("dnll", "dmask"),
        losses.weighted_mean_backward,
        make_mean_backward,
        (
            ("dnll", "dloss is not used.", lambda d, c: c[0] / c[1]),
            ("dnll", ROWS, lambda d, c: d * c[0] / c[0].sum(-1, keepdims=True) / len(c[0])),
            (
                "dnll",
                "The weights are missing: every row would be lit, masked or not.",
                lambda d, c: np.full(c[0].shape, d / c[1]),
            ),
            (
                "dnll",
                "It is divided by the number of all places, pads included: total counts the weights.",
                lambda d, c: d * c[0] / c[0].size,
            ),
            (
                "dnll",
                "It is divided by how many weights are not 0: total is their sum.",
                lambda d, c: d * c[0] / np.count_nonzero(c[0]),
            ),
        ),
        ("How much does the loss change when one token's NLL grows by 1?", "dloss * weights / total"),
        constants=lambda d, c: {
            "total": c[1],
            "B, since total counts every row's weights": len(c[0]),
        },
        returns=("dnll", "None"),
    ),
    "denominators": Exercise(
        "denominators(response, target): 0/1 masks (B, T) of response targets and of all targets "
        "that are no pads. For the loss of the response tokens alone return three times dloss/dnll: "
        "of their sum, of their mean over response targets, of their sum over the number of all targets.",
        ("dnll of the sum", "dnll of the mean over answers", "dnll of the mean over everything"),
        denominators,
        make_masks,
        (
            ("dnll of the sum", "This is full-sequence loss: prompt targets must be 0.", lambda r, t: t),
            ("dnll of the mean over answers", ROWS, lambda r, t: r / r.sum(-1, keepdims=True) / len(r)),
            (
                "dnll of the mean over answers",
                "It is divided by the number of all places, pads included: divide by response.sum().",
                lambda r, t: r / r.size,
            ),
            (
                "dnll of the mean over everything",
                "It is divided by the number of all places: pads are no targets, divide by target.sum().",
                lambda r, t: r / r.size,
            ),
            (
                "dnll of the mean over everything",
                "Prompt targets are lit: they count in the denominator only.",
                lambda r, t: t / t.sum(),
            ),
        ),
        (
            "The derivative of a sum is 1 at each of its terms. And of a sum divided by a number?",
            "response, response / response.sum(), response / target.sum()",
        ),
        constants=lambda r, t: {
            "the number of response targets": r.sum(),
            "the number of all targets": t.sum(),
        },
    ),
}
