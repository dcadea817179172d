"""Answers: attention's backward pass."""

import math

import numpy as np
from exercises.unpacking import unpack_cache, unpack_caches

from minilm import layers

# ---------------------------------------------------------------- mix_backward


def dmix_v(dmix, v):
    return np.einsum("bhid,bhjd->bhij", dmix, v)


def forget_transpose(dmix, cache):
    weights, v = cache
    dweights = dmix @ v
    return dweights, weights @ dmix


def mix_by_einsum(dmix, cache):
    weights, v = cache
    return dmix_v(dmix, v), np.einsum("bhij,bhid->bhjd", weights, dmix)


def mix_by_loops(dmix, cache):
    weights, v = cache
    dweights, dv = np.zeros(weights.shape), np.zeros(v.shape)
    for b, h, i, j in np.ndindex(weights.shape):
        dweights[b, h, i, j] = np.dot(dmix[b, h, i], v[b, h, j])
        dv[b, h, j] += weights[b, h, i, j] * dmix[b, h, i]
    return dweights, dv


MIX = {
    r"dv is wrong.*weights is not transposed": lambda d, w, v: (d @ v.mT, w @ d),
    r"dweights is wrong.*It is transposed: rows are queries, columns keys": lambda d, w, v: (
        v @ d.mT,
        w.mT @ d,
    ),
    r"dweights is wrong.*0 where attention is not allowed; leave that to the softmax": lambda d, w, v: (
        np.where(w > 0, dmix_v(d, v), 0),
        w.mT @ d,
    ),
    r"dv is wrong.*weights are missing: dv is a weighted sum of dmix": lambda d, w, v: (dmix_v(d, v), d),
    r"yours is \(dv, dweights\)\. Please return \(dweights, dv\)\.": lambda d, w, v: (
        w.mT @ d,
        dmix_v(d, v),
    ),
}

# ---------------------------------------------------------------- causal_softmax_backward


def softmax_by_jacobians(dweights, cache):
    (weights,) = cache
    dscores = np.zeros(weights.shape)
    for b, h, i in np.ndindex(weights.shape[:3]):
        w = weights[b, h, i]
        dscores[b, h, i] = (np.diag(w) - np.outer(w, w)) @ dweights[b, h, i]
    return dscores, None


def softmax_by_einsum(dweights, cache):
    (w,) = cache
    product = dweights * w
    return product - np.einsum("bhij,bhik->bhik", product, w), None


@unpack_cache
def softmax_first_term(dweights, weights):
    return dweights * weights, None


SOFTMAX = {
    r"Summed over the wrong axis": lambda d, w: (w * (d - (d * w).sum(axis=-2, keepdims=True)), None),
    r"A mean stands where a sum belongs": lambda d, w: (w * (d - (d * w).mean(axis=-1, keepdims=True)), None),
    r"The sum is not weighted": lambda d, w: (w * (d - d.sum(axis=-1, keepdims=True)), None),
    r"This is only the diagonal w \(1 - w\)": lambda d, w: (d * w * (1 - w), None),
    r"The outer factor weights is missing": lambda d, w: (d - (d * w).sum(axis=-1, keepdims=True), None),
    r"The sign is wrong": lambda d, w: (w * ((d * w).sum(axis=-1, keepdims=True) - d), None),
    r"returns an array, not the tuple \(dscores, None\)": lambda d, w: (
        w * (d - (d * w).sum(axis=-1, keepdims=True))
    ),
}

# ---------------------------------------------------------------- scores_backward


def scores_by_einsum(dscores, cache):
    q, k, scale = cache
    return scale * np.einsum("bhij,bhjd->bhid", dscores, k), np.einsum("bhij,bhid->bhjd", dscores, q)


def scores_by_loops(dscores, cache):
    q, k, _ = cache
    dq, dk = np.zeros(q.shape), np.zeros(k.shape)
    for b, h, i, j in np.ndindex(dscores.shape):
        dq[b, h, i] += dscores[b, h, i, j] * k[b, h, j] / math.sqrt(q.shape[-1])
        dk[b, h, j] += dscores[b, h, i, j] * q[b, h, i]
    return dq, dk


@unpack_cache
def scores_unscaled(dscores, q, k, scale):
    return dscores @ k, dscores.mT @ q


SCORES = {
    r"dk is wrong.*It is scaled twice": lambda d, q, k, scale: (d @ k * scale, d.mT @ q * scale),
    r"dq is wrong.*scale is squared: once is enough": lambda d, q, k, _: (
        d @ k / q.shape[-1],
        d.mT @ q,
    ),
    r"dk is wrong.*dscores is not transposed: a key hears from all queries": lambda d, q, k, scale: (
        d @ k * scale,
        d @ q,
    ),
    r"dq is wrong.*dscores is transposed where it should not be": lambda d, q, k, scale: (
        d.mT @ k * scale,
        d.mT @ q,
    ),
    r"dq is wrong.*k is needed here, not q": lambda d, q, k, scale: (d @ q * scale, d.mT @ k),
    r"dk is wrong.*q is needed here, not k": lambda d, q, k, scale: (d @ k * scale, d.mT @ k),
    r"yours is \(dk, dq\)\. Please return \(dq, dk\)\.": lambda d, q, k, scale: (d.mT @ q, d @ k * scale),
}

# ---------------------------------------------------------------- attention_backward


def go_down(dy, cache):
    """dq, dk, dv, head by head."""
    scores_cache, softmax_cache, mix_cache, n_head = cache
    dweights, dv = layers.mix_backward(layers.split_heads(dy, n_head), mix_cache)
    dscores, _ = layers.causal_softmax_backward(dweights, softmax_cache)
    return *layers.scores_backward(dscores, scores_cache), dv


def leave_out_softmax(dy, cache):
    scores_cache, _, mix_cache, n_head = cache
    dscores, dv = layers.mix_backward(layers.split_heads(dy, n_head), mix_cache)
    dq, dk = layers.scores_backward(dscores, scores_cache)
    return np.concatenate([layers.merge_heads(a) for a in (dq, dk, dv)], axis=-1), None, None


def of_parts(arrange):
    """An attention_backward: arrange(dq, dk, dv) -> list of what is concatenated."""

    def answer(dy, cache):
        parts = arrange(*map(layers.merge_heads, go_down(dy, cache)))
        return np.concatenate(parts, axis=-1), None, None

    return answer


attention_without_dv = of_parts(lambda dq, dk, dv: [dq, dk, np.zeros_like(dq)])


def merge_late(dy, cache):
    return layers.merge_heads(np.concatenate(go_down(dy, cache), axis=-1)), None, None


def stack_parts(dy, cache):
    return np.stack([layers.merge_heads(a) for a in go_down(dy, cache)]), None, None


def return_three(dy, cache):
    return tuple(layers.merge_heads(a) for a in go_down(dy, cache))


def attention_head_by_head(dy, cache):
    (q, k, scale), (weights,), (_, v), n_head = cache
    B, T, C = dy.shape
    D = C // n_head
    dqkv = np.zeros((B, T, 3 * C))
    for b, h in np.ndindex(B, n_head):
        here = slice(h * D, (h + 1) * D)
        dmix, w = dy[b][:, here], weights[b, h]
        dw = dmix @ v[b, h].T
        ds = w * (dw - np.sum(dw * w, axis=1, keepdims=True))
        dqkv[b][:, :C][:, here] = ds @ k[b, h] * scale
        dqkv[b][:, C : 2 * C][:, here] = ds.T @ q[b, h]
        dqkv[b][:, 2 * C :][:, here] = w.T @ dmix
    return dqkv, None, None


def attention_by_einsum(dy, cache):
    (q, k, scale), (w,), (_, v), H = cache
    B, T, C = dy.shape
    dmix = dy.reshape(B, T, H, C // H)
    dw = np.einsum("bihd,bhjd->bhij", dmix, v)
    ds = w * dw - w * np.einsum("bhij,bhij->bhi", w, dw)[..., None]
    parts = (
        np.einsum("bhij,bhjd->bihd", ds, k) * scale,
        np.einsum("bhij,bhid->bjhd", ds, q),
        np.einsum("bhij,bihd->bjhd", w, dmix),
    )
    return np.concatenate([part.reshape(B, T, C) for part in parts], axis=2), None, None


WRONG = {
    "mix_backward": unpack_caches(MIX)
    | {r"raises ValueError in line \d+, `dweights = dmix @ v`: .*The shapes that went in": forget_transpose},
    "causal_softmax_backward": unpack_caches(SOFTMAX)
    | {r"The softmax's sum is missing: raising one score lowers all other": softmax_first_term},
    "scores_backward": unpack_caches(SCORES)
    | {r"dq is wrong.*scale is missing: the q before scaling": scores_unscaled},
    "attention_backward": {
        r"The softmax's backward is left out": leave_out_softmax,
        r"dv is 0: values get gradient, too": attention_without_dv,
        r"dk is 0: keys get gradient, too": of_parts(lambda dq, dk, dv: [dq, 0 * dq, dv]),
        r"q \| k \| v, as in the forward; yours is v \| q \| k": of_parts(lambda dq, dk, dv: [dv, dq, dk]),
        r"The order of the three parts is q \| k \| v, as in the forward; yours is k \| q \| v": of_parts(
            lambda dq, dk, dv: [dk, dq, dv]
        ),
        r"dqkv has shape.*Only dq is there: concatenate": of_parts(lambda dq, dk, dv: [dq]),
        r"The heads are merged after concatenating": merge_late,
        r"dqkv has shape.*stacked on a new axis": stack_parts,
        r"dqkv is one array: merge_heads each.*Return the tuple \(dqkv, None, None\)": return_three,
        r"dcausal has no gradient here: return None in its place": lambda dy, cache: (
            layers.attention_backward(dy, cache)[0],
            dy,
            None,
        ),
    },
}

RIGHT = {
    "mix_backward": (mix_by_einsum, mix_by_loops),
    "causal_softmax_backward": (softmax_by_jacobians, softmax_by_einsum),
    "scores_backward": (scores_by_einsum, scores_by_loops),
    "attention_backward": (attention_head_by_head, attention_by_einsum),
}
