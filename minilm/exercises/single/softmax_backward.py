"""The exercise on the backward pass of attention's softmax, which attention takes in."""

import numpy as np

from ... import layers
from ..checker.exercise import Exercise, draw_normal, draw_sizes
from ..checker.variations import vary_terms


def make_softmax_case(rng, dtype):
    B, H, T = draw_sizes(rng, "B", "H", "T", low=3)
    scores = draw_normal(rng, dtype, B, H, T, T)
    _, cache = layers.causal_softmax_forward(scores, np.tri(T, dtype=bool))
    return draw_normal(rng, dtype, B, H, T, T), cache


def make_softmax_mistakes(dweights, cache):
    (weights,) = cache
    product = dweights * weights
    terms = {
        "The first term, weights dweights,": product,
        "The sum's term": -weights * product.sum(-1, keepdims=True),
    }
    return {
        "dscores": (
            list_sums(dweights, weights)
            | list_outer_factors(dweights, weights)
            | list_forbidden(weights * (dweights - product.sum(-1, keepdims=True)))
            | vary_terms(terms, but=("The sum's term is missing.",))
        )
    }


def list_sums(dweights, weights):
    """weights (dweights - sum) with another sum."""
    product = dweights * weights
    sums = {
        "The softmax's sum is missing: raising one score lowers all other weights of its row.": 0 * product,
        "Summed over the wrong axis: the weights of a row, over its keys, add up to 1.": (
            product.sum(-2, keepdims=True)
        ),
        "A mean stands where a sum belongs.": product.mean(-1, keepdims=True),
        "The sum is not weighted: it is the sum of dweights * weights.": dweights.sum(-1, keepdims=True),
        "The sums of other rows are subtracted: keep the axis, keepdims=True.": product.sum(-1)[..., None, :],
        "1 stands where the sum of dweights * weights belongs.": 1,
        "The mean of dweights stands where the sum belongs.": dweights.mean(-1, keepdims=True),
        "The largest entry stands where the sum belongs.": product.max(-1, keepdims=True),
        "The largest of dweights stands where the sum belongs.": dweights.max(-1, keepdims=True),
        "The sum runs over the whole array: each row has its own.": product.sum(),
        "The sum runs over the heads: it runs over the keys of a row.": product.sum(1, keepdims=True),
        "The sum runs over the batch: it runs over the keys of a row.": product.sum(0, keepdims=True),
        "weights is squared inside the sum.": (product * weights).sum(-1, keepdims=True),
        "This is only the diagonal w (1 - w): the row's other weights change, too.": product,
    }
    return {sentence: weights * (dweights - value) for sentence, value in sums.items()}


def list_outer_factors(dweights, weights):
    """The right sum under another factor, or in another formula."""
    product = dweights * weights
    total = product.sum(-1, keepdims=True)
    right = weights * (dweights - total)
    exps = np.exp(dweights)
    return {
        "The outer factor weights is missing.": dweights - total,
        "The outer factor weights is missing before the sum: is a bracket missing?": product - total,
        "The outer factor weights is squared.": weights * right,
        "weights is squared in the first term: once is enough.": weights * (product - total),
        "weights stands outside the sum: inside, each dweights has a weight of its own.": (
            product - weights**2 * dweights.sum(-1, keepdims=True)
        ),
        "The outer factor is only whether a key is allowed: it is weights.": (
            (weights > 0) * (dweights - total)
        ),
        "The square root of weights stands in front: it is weights.": np.sqrt(weights) * (dweights - total),
        "The softmax's backward is applied twice.": (
            weights * (right - (right * weights).sum(-1, keepdims=True))
        ),
        "This is the backward of a log-softmax.": dweights - weights * dweights.sum(-1, keepdims=True),
        "It is divided by weights: multiply.": (dweights - total) / weights,
        "dweights is divided by weights: that is for a logarithm.": dweights / weights,
        "dweights is subtracted from weights: multiply.": weights - dweights,
        "dweights is not used, and the softmax's sum is missing.": weights * (1 - weights),
        "This is the softmax of dweights: asked for is its derivative.": exps / exps.sum(-1, keepdims=True),
    }


def list_forbidden(right):
    """The right result, but for what stands where a key is not allowed, or on the diagonal."""
    allowed = np.tri(right.shape[-1], dtype=bool)
    return {
        "Only keys that are not allowed have a gradient: it is the other way round.": np.triu(right),
        "The diagonal is cut off: a position may look at itself.": np.tril(right, -1),
        "-inf stands where a key is not allowed: that is for scores, a gradient is 0 there.": (
            np.where(allowed, right, -np.inf)
        ),
        "-1e30 stands where a key is not allowed: that is for scores, a gradient is 0 there.": (
            np.where(allowed, right, -1e30)
        ),
    }


EXERCISES = {
    "causal_softmax_backward": Exercise(
        "causal_softmax_backward(dweights, cache): (weights,) = cache; return (dscores, None). "
        "weights[i, j] = exp(scores[i, j]) / sum over allowed j.",
        ("dscores", "dcausal"),
        layers.causal_softmax_backward,
        make_softmax_case,
        make_softmax_mistakes,
        hints=(
            "dweights[i] / dscores[j] is w[i] (delta[i, j] - w[j]).",
            "(weights,) = cache\ntotal = (dweights * weights).sum(axis=-1, keepdims=True)\n"
            "return weights * (dweights - total), None",
        ),
        constants=lambda dweights, cache: {"T": dweights.shape[-1]},
        returns=("dscores", "None"),
    ),
}
