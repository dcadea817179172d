"""The exercises on attention: its softmax forward, then its backward pass, step by step."""

import numpy as np

from .. import layers
from . import causal_softmax
from .exercise import Exercise, draw_normal, draw_sizes


def make_mix_case(rng, dtype):
    B, H, T, D = draw_sizes(rng, "B", "H", "T", "D")
    scores = draw_normal(rng, dtype, B, H, T, T)
    weights, _ = layers.causal_softmax_forward(scores, np.tri(T, dtype=bool))
    _, cache = layers.mix_forward(weights, draw_normal(rng, dtype, B, H, T, D))
    return draw_normal(rng, dtype, B, H, T, D), cache


def make_mix_mistakes(dmix, cache):
    weights, v = cache
    dweights, untransposed = dmix @ v.mT, weights @ dmix
    return {
        "dweights": {
            "It is transposed: rows are queries, columns keys.": dweights.mT,
            "It is 0 where attention is not allowed; leave that to the softmax's part.": np.tril(dweights),
        },
        "dv": {
            "weights is not transposed: a value gets gradient from later rows that read it.": untransposed,
            "weights are missing: dv is a weighted sum of dmix.": dmix,
        },
    }


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
    return {
        "dscores": {
            "The softmax's sum is missing: raising one score lowers all other weights of its row.": product,
            "Summed over the wrong axis: the weights of a row, over its keys, add up to 1.": over_queries,
            "A mean stands where a sum belongs.": of_means,
            "The sum is not weighted: it is the sum of dweights * weights.": unweighted,
            "This is only the diagonal w (1 - w): the row's other weights change, too.": diagonal,
            "The outer factor weights is missing.": dweights - total,
        }
    }


def make_scores_case(rng, dtype):
    B, H, T, D = draw_sizes(rng, "B", "H", "T", "D")
    q, k = draw_normal(rng, dtype, 2, B, H, T, D)
    _, cache = layers.scores_forward(q, k)
    return draw_normal(rng, dtype, B, H, T, T), cache


def make_scores_mistakes(dscores, cache):
    q, k, scale = cache
    of_column = dscores.mT @ k * scale
    return {
        "dq": {
            "dscores is transposed where it should not be: a query's dq needs its own row.": of_column,
            "k is needed here, not q.": dscores @ q * scale,
        },
        "dk": {
            "It is scaled twice: the q in the cache is divided by sqrt(D) already.": dscores.mT @ q * scale,
            "dscores is not transposed: a key hears from all queries that look at it.": dscores @ q,
            "q is needed here, not k.": dscores.mT @ k,
        },
    }


def find_root_d(dscores, cache):
    return {"sqrt(D)": 1 / cache[2], "D": 1 / cache[2] ** 2}


def make_attention_case(rng, dtype):
    B, H, T, D = draw_sizes(rng, "B", "H", "T", "D")
    qkv = draw_normal(rng, dtype, B, T, 3 * H * D)
    _, cache = layers.attention_forward(qkv, np.tri(T, dtype=bool), H)
    return draw_normal(rng, dtype, B, T, H * D), cache


def make_attention_mistakes(dy, cache):
    scores_cache, _, mix_cache, n_head = cache
    dq, dk, dv = parts = np.split(layers.attention_backward(dy, cache)[0], 3, axis=-1)
    dweights, heads_dv = layers.mix_backward(layers.split_heads(dy, n_head), mix_cache)
    heads = (*layers.scores_backward(dweights, scores_cache), heads_dv)
    without_softmax = join(*map(layers.merge_heads, heads))
    late = layers.merge_heads(join(*(layers.split_heads(part, n_head) for part in parts)))
    return {
        "dqkv": {
            "The softmax's backward is left out between mix and scores.": without_softmax,
            "dv is 0: values get gradient, too, from mix_backward.": join(dq, dk, 0 * dv),
            "dk is 0: keys get gradient, too, from scores_backward.": join(dq, 0 * dk, dv),
            "dq is 0: queries get gradient, too, from scores_backward.": join(0 * dq, dk, dv),
            "The order of the three parts is q | k | v, as in the forward.": join(dv, dq, dk),
            "dq and dk are exchanged: the order is q | k | v.": join(dk, dq, dv),
            "Only one of the three parts is there: concatenate dq, dk, dv.": dq,
            "The heads are merged after concatenating: merge each of dq, dk, dv first.": late,
            "dq, dk, dv are stacked on a new axis: concatenate along the last one.": np.stack(parts),
        }
    }


def join(*parts):
    return np.concatenate(parts, axis=-1)


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
            "dweights = dmix v^T, dv = weights^T dmix (transpose the last two axes)",
        ),
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
            "weights * (dweights - sum of dweights * weights over the last axis, keepdims)",
        ),
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
            "dq = (dscores k) * scale, dk = dscores^T q",
        ),
        constants=find_root_d,
    ),
    "attention_backward": Exercise(
        "attention_backward(dy, cache): scores_cache, softmax_cache, mix_cache, n_head = cache; "
        "return (dqkv, None, None). Put together layers.mix_backward, causal_softmax_backward, "
        "scores_backward, split_heads and merge_heads.",
        ("dqkv", "dcausal", "dn_head"),
        layers.attention_backward,
        make_attention_case,
        make_attention_mistakes,
        hints=(
            "Read attention_forward from its last line to its first.",
            "split dy; mix_, causal_softmax_, scores_backward; merge and concatenate q | k | v",
        ),
        returns=("dqkv", "None", "None"),
    ),
}
