"""The exercise on the whole backward pass of attention, which attention takes in."""

import numpy as np

from ... import layers
from ..checker.exercise import Exercise, draw_normal, draw_sizes


def make_attention_case(rng, dtype):
    B, H, T, D = draw_sizes(rng, "B", "H", "T", "D")
    qkv = draw_normal(rng, dtype, B, T, 3 * H * D)
    _, cache = layers.attention_forward(qkv, np.tri(T, dtype=bool), H)
    return draw_normal(rng, dtype, B, T, H * D), cache


def make_attention_mistakes(dy, cache):
    return {"dqkv": list_step_slips(dy, cache) | list_arrangements(dy, cache)}


def read_parts(outputs):
    """The outputs as they are. Raises ValueError if all three are arrays: dq, dk and dv, most likely."""
    if not any(part is None for part in outputs):
        raise ValueError("dqkv is one array: merge_heads each of dq, dk, dv, then concatenate q | k | v")
    return outputs


def go_down(dy, cache, split=layers.split_heads, soften=None):
    """dq, dk, dv, head by head: the backward with another split, or another backward of the softmax."""
    scores_cache, softmax_cache, mix_cache, n_head = cache
    dweights, dv = layers.mix_backward(split(dy, n_head), mix_cache)
    dscores = soften(dweights) if soften else layers.causal_softmax_backward(dweights, softmax_cache)[0]
    return *layers.scores_backward(dscores, scores_cache), dv


def merge(parts):
    return np.concatenate([layers.merge_heads(part) for part in parts], axis=-1)


def reshape_to_heads(x, n_head):
    """The classic mistake: right shape, wrong numbers."""
    B, T, C = x.shape
    return x.reshape(B, n_head, T, C // n_head)


def list_step_slips(dy, cache):
    """What becomes of one of the steps."""
    (_, _, scale), (weights,), _, _ = cache
    dq, dk, dv = go_down(dy, cache)
    twice = go_down(dy, cache, soften=lambda d: layers.causal_softmax_backward(d, (weights,))[0] * weights)
    mixed = go_down(dy, cache, reshape_to_heads)
    return {
        "The softmax's backward is left out between mix and scores.": (
            merge(go_down(dy, cache, soften=lambda d: d))
        ),
        "The softmax's backward is only multiplied by weights: its sum is missing.": (
            merge(go_down(dy, cache, soften=lambda d: d * weights))
        ),
        "weights is multiplied once more: causal_softmax_backward does that already.": merge(twice),
        "dy is reshaped to heads: use split_heads, which swaps axes, too.": merge(mixed),
        "dy is reshaped to heads, the parts from heads: split_heads and merge_heads swap axes, too.": (
            np.concatenate([part.reshape(dy.shape) for part in mixed], axis=-1)
        ),
        "The parts are reshaped from heads: use merge_heads, which swaps axes, too.": (
            np.concatenate([part.reshape(dy.shape) for part in (dq, dk, dv)], axis=-1)
        ),
        "dq is scaled once more: scores_backward does that already.": merge((dq * scale, dk, dv)),
        "dk is scaled, too: the q in the cache is scaled already.": merge((dq, dk * scale, dv)),
        "dq and dk are scaled once more: scores_backward does that already.": (
            merge((dq * scale, dk * scale, dv))
        ),
        "dv is 0: values get gradient, too, from mix_backward.": merge((dq, dk, 0 * dv)),
        "dk is 0: keys get gradient, too, from scores_backward.": merge((dq, 0 * dk, dv)),
        "dq is 0: queries get gradient, too, from scores_backward.": merge((0 * dq, dk, dv)),
        "dq and dk are 0: the attention weights depend on them, through mix_backward's first output.": (
            merge((0 * dq, 0 * dk, dv))
        ),
        "dv is dy itself: mix_backward gives dv.": np.concatenate([merge((dq, dk)), dy], axis=-1),
    }


def list_arrangements(dy, cache):
    """The right parts, put together in another way."""
    heads = go_down(dy, cache)
    dq, dk, dv = parts = [layers.merge_heads(part) for part in heads]
    wrong = {"k | q | v": (dk, dq, dv), "v | k | q": (dv, dk, dq), "v | q | k": (dv, dq, dk)}
    wrong |= {"k | v | q": (dk, dv, dq), "q | v | k": (dq, dv, dk)}
    orders = {
        f"The order of the three parts is q | k | v, as in the forward; yours is {order}.": np.concatenate(
            some, axis=-1
        )
        for order, some in wrong.items()
    }
    return orders | {
        "The heads are merged after concatenating: merge each of dq, dk, dv first.": (
            layers.merge_heads(np.concatenate(heads, axis=-1))
        ),
        "The heads are not merged: merge_heads brings (B, H, T, D) back to (B, T, C).": (
            np.concatenate(heads, axis=-1)
        ),
        "Only dq is there: concatenate dq, dk, dv.": dq,
        "Only dk is there: concatenate dq, dk, dv.": dk,
        "Only dv is there: concatenate dq, dk, dv.": dv,
        "dv is missing: concatenate dq, dk, dv.": np.concatenate([dq, dk], axis=-1),
        "dq stands in the place of dk, too.": np.concatenate([dq, dq, dv], axis=-1),
        "dk stands in the place of dq, too.": np.concatenate([dk, dk, dv], axis=-1),
        "dq, dk, dv are added up: concatenate them along the last axis.": dq + dk + dv,
        "dq, dk, dv are stacked on a new axis: concatenate along the last one.": np.stack(parts),
        "dq, dk, dv are stacked on a new last axis: concatenate along the last one there is.": (
            np.stack(parts, -1)
        ),
        "dq, dk, dv are interleaved: concatenate them, one after the other.": (
            np.stack(parts, -1).reshape(*dy.shape[:2], -1)
        ),
        "dq, dk, dv are concatenated along time: the last axis is that of q | k | v.": (
            np.concatenate(parts, axis=1)
        ),
        "dq, dk, dv are concatenated along the batch: the last axis is that of q | k | v.": (
            np.concatenate(parts)
        ),
    }


EXERCISES = {
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
            "scores_cache, softmax_cache, mix_cache, n_head = cache\n"
            "dweights, dv = layers.mix_backward(layers.split_heads(dy, n_head), mix_cache)\n"
            "dscores, _ = layers.causal_softmax_backward(dweights, softmax_cache)\n"
            "dq, dk = layers.scores_backward(dscores, scores_cache)\n"
            "parts = [layers.merge_heads(part) for part in (dq, dk, dv)]\n"
            "return np.concatenate(parts, axis=-1), None, None",
        ),
        constants=lambda dy, cache: {"sqrt(D)": 1 / cache[0][2], "D": cache[0][2] ** -2, "H": cache[3]},
        split_outputs=read_parts,
        returns=("dqkv", "None", "None"),
    ),
}
