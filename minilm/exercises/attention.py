"""The exercises on attention: its softmax forward, then its backward pass, step by step."""

import numpy as np

from .. import layers
from .checker.exercise import Exercise, draw_normal, draw_sizes
from .single import all_of_attention, causal_softmax, softmax_backward


def make_mix_case(rng, dtype):
    B, H, T, D = draw_sizes(rng, "B", "H", "T", "D")
    scores = draw_normal(rng, dtype, B, H, T, T)
    weights, _ = layers.causal_softmax_forward(scores, np.tri(T, dtype=bool))
    _, cache = layers.mix_forward(weights, draw_normal(rng, dtype, B, H, T, D))
    return draw_normal(rng, dtype, B, H, T, D), cache


def make_mix_mistakes(dmix, cache):
    return {"dweights": list_dweights_slips(dmix, *cache), "dv": list_dv_slips(dmix, *cache)}


def list_dweights_slips(dmix, weights, v):
    """What is returned in place of dmix v^T."""
    dweights = dmix @ v.mT
    softmaxed = layers.causal_softmax_backward(dweights, (weights,))[0]
    return {
        "It is transposed: rows are queries, columns keys.": dweights.mT,
        "It is 0 where attention is not allowed; leave that to the softmax's part.": np.tril(dweights),
        "Only later keys have a gradient: all have, the softmax's part makes 0 of what is not allowed.": (
            np.triu(dweights)
        ),
        "It is multiplied by weights: that is done in the softmax's part.": dweights * weights,
        "The softmax's backward is in it already: mix = weights v is all that is asked for.": softmaxed,
        "v stands where dmix belongs.": v @ v.mT,
        "dmix stands where v belongs.": dmix @ dmix.mT,
        "-inf stands where a key is not allowed: that is for scores.": (
            np.where(weights > 0, dweights, -np.inf)
        ),
        "This is made of the forward's mix: it is made of dmix.": (weights @ v) @ v.mT,
        "dmix and v are multiplied entry by entry: every query meets every key, dmix v^T.": (
            (dmix * v).sum(-1)
        ),
    }


def list_dv_slips(dmix, weights, v):
    """What is returned in place of weights^T dmix."""
    T = weights.shape[-1]
    diagonal = np.einsum("bhii,bhid->bhid", weights, dmix)
    all_rows = np.broadcast_to(dmix.sum(2, keepdims=True), dmix.shape)
    return {
        "weights is not transposed: a value gets gradient from later rows that read it.": weights @ dmix,
        "weights are missing: dv is a weighted sum of dmix.": dmix,
        "All rows of dmix are added up without weights.": all_rows,
        "weights is squared: once is enough.": (weights**2).mT @ dmix,
        "Later rows of dmix are added up without weights.": np.tri(T, dtype=dmix.dtype).T @ dmix,
        "Only the diagonal of weights is used: later rows read a value, too.": diagonal,
        "This is the forward, weights v: dv is made of dmix.": weights @ v,
        "v stands where dmix belongs.": weights.mT @ v,
        "The heads are added up: each has its own values.": (weights.mT @ dmix).sum(1),
        "weights or dmix is added up over the heads first: each head has its own.": (
            weights.mT @ dmix.sum(1, keepdims=True)
        ),
        "weights or dmix is added up over the heads first, and not the other: each head has its own.": (
            weights.sum(1, keepdims=True).mT @ dmix
        ),
        "dv is divided by the number of queries: it is a sum over them.": weights.mT @ dmix / T,
    }


def name_sizes(array, cache):
    """The lengths that a learner may divide by; `array` ends with T or D, the cache begins with weights."""
    D = cache[-1].shape[-1]
    root = {"sqrt(D), since mix has no such scale, scores has": D**0.5}
    return root | {"T": cache[0].shape[-1], "D": D, "B": array.shape[0], "H": array.shape[1]}


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
            "1 / sqrt(T) stands where scale, 1 / sqrt(D), belongs.": right_q / q.shape[-2] ** 0.5,
            "The square root of scale is taken: scale is 1 / sqrt(D) already.": right_q * scale**0.5,
            "The causal mask is applied: dscores is 0 already where it should be.": (
                np.tril(dscores) @ k * scale
            ),
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
            "q is needed here, not k, and dscores transposed.": dscores @ k,
        },
    }


def find_root_d(dscores, cache):
    return {"sqrt(D)": 1 / cache[2], "D": 1 / cache[2] ** 2, "T": dscores.shape[-1]}


EXERCISES = {
    **causal_softmax.EXERCISES,
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
    **softmax_backward.EXERCISES,
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
