"""The exercises on attention: its backward pass, step by step."""

import numpy as np

from .. import layers
from . import all_of_attention
from .exercise import Exercise, draw_normal, draw_sizes
from .variations import vary_terms


def make_mix_case(rng, dtype):
    B, H, T, D = draw_sizes(rng, "B", "H", "T", "D")
    scores = draw_normal(rng, dtype, B, H, T, T)
    weights, _ = layers.causal_softmax_forward(scores, np.tri(T, dtype=bool))
    _, cache = layers.mix_forward(weights, draw_normal(rng, dtype, B, H, T, D))
    return draw_normal(rng, dtype, B, H, T, D), cache


def make_mix_mistakes(dmix, cache):
    weights, v = cache
    dweights, untransposed = dmix @ v.mT, weights @ dmix
    softmaxed = layers.causal_softmax_backward(dweights, (weights,))[0]
    T = weights.shape[-1]
    diagonal = np.einsum("bhii,bhid->bhid", weights, dmix)
    all_rows = np.broadcast_to(dmix.sum(2, keepdims=True), dmix.shape)
    return {
        "dweights": {
            "It is transposed: rows are queries, columns keys.": dweights.mT,
            "It is 0 where attention is not allowed; leave that to the softmax's part.": np.tril(dweights),
            "Only later keys have a gradient: all have, the softmax's part makes 0 of what is not allowed.": (
                np.triu(dweights)
            ),
            "It is multiplied by weights: that is done in the softmax's part.": dweights * weights,
            "The softmax's backward is in it already: mix = weights v is all that is asked for.": softmaxed,
            "v stands where dmix belongs.": v @ v.mT,
            "-inf stands where a key is not allowed: that is for scores.": np.where(
                weights > 0, dweights, -np.inf
            ),
            "This is made of the forward's mix: it is made of dmix.": (weights @ v) @ v.mT,
            "dmix and v are multiplied entry by entry: every query meets every key, dmix v^T.": (
                dmix * v
            ).sum(-1),
        },
        "dv": {
            "weights is not transposed: a value gets gradient from later rows that read it.": untransposed,
            "weights are missing: dv is a weighted sum of dmix.": dmix,
            "All rows of dmix are added up without weights.": all_rows,
            "weights is squared: once is enough.": (weights**2).mT @ dmix,
            "Later rows of dmix are added up without weights.": np.tri(T, dtype=dmix.dtype).T @ dmix,
            "Only the diagonal of weights is used: later rows read a value, too.": diagonal,
            "This is the forward, weights v: dv is made of dmix.": weights @ v,
            "v stands where dmix belongs.": weights.mT @ v,
            "The heads are added up: each has its own values.": (weights.mT @ dmix).sum(1),
            "dv is divided by the number of queries: it is a sum over them.": weights.mT @ dmix / T,
        },
    }


def name_sizes(array, cache):
    """The lengths that a learner may divide by; `array` ends with T or D, the cache begins with weights."""
    return {"T": cache[0].shape[-1], "D": cache[-1].shape[-1], "B": array.shape[0], "H": array.shape[1]}


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


def make_scores_case(rng, dtype):
    B, H, T, D = draw_sizes(rng, "B", "H", "T", "D")
    q, k = draw_normal(rng, dtype, 2, B, H, T, D)
    _, cache = layers.scores_forward(q, k)
    return draw_normal(rng, dtype, B, H, T, T), cache


def make_scores_mistakes(dscores, cache):
    q, k, scale = cache
    of_column, right_q, right_k = dscores.mT @ k * scale, dscores @ k, dscores.mT @ q
    return {
        "dq": {
            "dscores is transposed where it should not be: a query's dq needs its own row.": of_column,
            "k is needed here, not q.": dscores @ q * scale,
            "It is divided by scale: multiply, scale is 1 / sqrt(D) already.": right_q / scale,
            "scale is missing: the q before scaling is asked for, and scores depend on q * scale.": right_q,
            "scale is squared: once is enough.": right_q * scale**2,
            "The square root of scale is taken: scale is 1 / sqrt(D) already.": right_q * scale**0.5,
            "The causal mask is applied: dscores is 0 already where it should be.": np.tril(dscores)
            @ k
            * scale,
            "dscores is summed over the keys first: each key's own row of k goes with it.": (
                dscores.sum(-1, keepdims=True) * k * scale
            ),
            "dscores is not used.": k * scale,
        },
        "dk": {
            "It is scaled twice: the q in the cache is divided by sqrt(D) already.": right_k * scale,
            "It is divided by scale, which undoes the scaling: scores are made of the scaled q, leave it.": (
                right_k / scale
            ),
            "It is scaled three times: the q in the cache is divided by sqrt(D) already.": right_k * scale**2,
            "dscores is summed over the queries first: each query's own row of q goes with it.": (
                dscores.sum(-2)[..., None] * q
            ),
            "dscores is not used.": q,
            "dscores is not transposed: a key hears from all queries that look at it.": dscores @ q,
            "q is needed here, not k.": dscores.mT @ k,
        },
    }


def find_root_d(dscores, cache):
    return {"sqrt(D)": 1 / cache[2], "D": 1 / cache[2] ** 2, "T": dscores.shape[-1]}


EXERCISES = {
    "mix_backward": Exercise(
        "mix_backward(dmix, cache): weights, v = cache, mix = weights v; return (dweights, dv). "
        "Shapes: weights (B, H, T, T), v and dmix (B, H, T, D).",
        ("dweights", "dv"),
        layers.mix_backward,
        make_mix_case,
        make_mix_mistakes,
        hints=(
            "It is a product of two matrices, like linear: each factor's gradient needs the other factor.",
            "weights, v = cache\nreturn dmix @ v.swapaxes(-1, -2), weights.swapaxes(-1, -2) @ dmix",
        ),
        constants=name_sizes,
    ),
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
    "scores_backward": Exercise(
        "scores_backward(dscores, cache): q, k, scale = cache, scale = 1 / sqrt(D). Mind: this q is "
        "q * scale already, and scores = q k^T; return (dq, dk), dq for the q before scaling.",
        ("dq", "dk"),
        layers.scores_backward,
        make_scores_case,
        make_scores_mistakes,
        hints=(
            "A product of two matrices again. Which factor was scaled in the forward?",
            "q, k, scale = cache\nreturn dscores @ k * scale, dscores.swapaxes(-1, -2) @ q",
        ),
        constants=find_root_d,
    ),
    **all_of_attention.EXERCISES,
}
