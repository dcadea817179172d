"""The exercise on the backward pass of attention's softmax, which attention takes in."""

import numpy as np

from .. import layers
from .exercise import Exercise, draw_normal, draw_sizes
from .variations import vary_terms


def make_softmax_case(rng, dtype):
    B, H, T = draw_sizes(rng, "B", "H", "T", low=3)
    scores = draw_normal(rng, dtype, B, H, T, T)
    _, cache = layers.causal_softmax_forward(scores, np.tri(T, dtype=bool))
    return draw_normal(rng, dtype, B, H, T, T), cache


def make_softmax_mistakes(dweights, cache):
    (weights,) = cache
    product = dweights * weights
    total = product.sum(-1, keepdims=True)
    over_queries = weights * (dweights - product.sum(-2, keepdims=True))
    of_means = weights * (dweights - product.mean(-1, keepdims=True))
    unweighted = weights * (dweights - dweights.sum(-1, keepdims=True))
    diagonal = product * (1 - weights)
    right = weights * (dweights - total)
    allowed = np.tri(weights.shape[-1], dtype=bool)
    return {
        "dscores": {
            "The softmax's sum is missing: raising one score lowers all other weights of its row.": product,
            "Summed over the wrong axis: the weights of a row, over its keys, add up to 1.": over_queries,
            "A mean stands where a sum belongs.": of_means,
            "The sum is not weighted: it is the sum of dweights * weights.": unweighted,
            "This is only the diagonal w (1 - w): the row's other weights change, too.": diagonal,
            "The outer factor weights is missing.": dweights - total,
            "The outer factor weights is missing before the sum: is a bracket missing?": product - total,
            "1 stands where the sum of dweights * weights belongs.": weights * (dweights - 1),
            "The mean of dweights stands where the sum of dweights * weights belongs.": weights
            * (dweights - dweights.mean(-1, keepdims=True)),
            "The outer factor is only whether a key is allowed: it is weights.": (weights > 0)
            * (dweights - total),
            "The square root of weights stands in front: it is weights.": np.sqrt(weights)
            * (dweights - total),
            "The largest of dweights stands where the sum of dweights * weights belongs.": (
                weights * (dweights - dweights.max(-1, keepdims=True))
            ),
            "The softmax's backward is applied twice.": weights
            * (right - (right * weights).sum(-1, keepdims=True)),
            "dweights is not used, and the softmax's sum is missing.": weights * (1 - weights),
            "The largest entry stands where the sum belongs.": weights
            * (dweights - product.max(-1, keepdims=True)),
            "The sum runs over the whole array: each row has its own.": weights * (dweights - product.sum()),
            "The sum runs over the heads: it runs over the keys of a row.": weights
            * (dweights - product.sum(1, keepdims=True)),
            "The sum runs over the batch: it runs over the keys of a row.": weights
            * (dweights - product.sum(0, keepdims=True)),
            "weights is squared inside the sum.": weights
            * (dweights - (product * weights).sum(-1, keepdims=True)),
            "The outer factor weights is squared.": weights * right,
            "The sum is not multiplied by weights, or its weights are those of the log-softmax.": dweights
            - weights * dweights.sum(-1, keepdims=True),
            "It is divided by weights: multiply.": (dweights - total) / weights,
            "dweights is divided by weights: that is for a logarithm.": dweights / weights,
            "dweights is subtracted from weights: multiply.": weights - dweights,
            "This is the softmax of dweights: asked for is its derivative.": np.exp(dweights)
            / np.exp(dweights).sum(-1, keepdims=True),
            "Only keys that are not allowed have a gradient: it is the other way round.": np.triu(right),
            "The diagonal is cut off: a position may look at itself.": np.tril(right, -1),
            "-inf stands where a key is not allowed: that is for scores, a gradient is 0 there.": np.where(
                allowed, right, -np.inf
            ),
            "-1e30 stands where a key is not allowed: that is for scores, a gradient is 0 there.": np.where(
                allowed, right, -1e30
            ),
            **vary_terms(
                {"The first term, weights dweights,": product, "The sum's term": -weights * total},
                but=("The sum's term is missing.",),
            ),
        }
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
