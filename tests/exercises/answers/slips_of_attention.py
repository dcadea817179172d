"""Answers: attention, as it goes wrong in practice."""

import numpy as np
from exercises.answers.attention import dmix_v, of_parts
from exercises.unpacking import unpack_caches

from minilm import layers


def total(d, w):
    return (d * w).sum(axis=-1, keepdims=True)


MIX = {
    r"dweights is wrong.*It is multiplied by weights": lambda d, w, v: (dmix_v(d, v) * w, w.mT @ d),
    r"dweights has shape.*multiplied entry by entry": lambda d, w, v: ((d * v).sum(-1), w.mT @ d),
    r"dv is wrong.*Later rows of dmix are added up without weights": lambda d, w, v: (
        dmix_v(d, v),
        np.where(w > 0, 1.0, 0.0).mT @ d,
    ),
    r"dv is wrong.*v stands where dmix belongs": lambda d, w, v: (dmix_v(d, v), w.mT @ v),
    r"dv has shape.*The heads are added up": lambda d, w, v: (dmix_v(d, v), (w.mT @ d).sum(1)),
    r"dweights is wrong.*multiply by sqrt\(D\).*mix has no such scale": lambda d, w, v: (
        dmix_v(d, v) / d.shape[-1] ** 0.5,
        w.mT @ d,
    ),
}
SOFTMAX = {
    r"1 stands where the sum": lambda d, w: (w * (d - 1), None),
    r"The sum's term has the wrong sign": lambda d, w: (w * (d + total(d, w)), None),
    r"The largest entry stands where the sum": lambda d, w: (w * (d - (d * w).max(-1, keepdims=True)), None),
    r"is missing before the sum: is a bracket": lambda d, w: (d * w - total(d, w), None),
    r"weights is squared inside the sum": lambda d, w: (w * (d - total(d, w * w)), None),
    r"The first term, weights dweights, is missing": lambda d, w: (-w * total(d, w), None),
    r"-1e30 stands where a key is not allowed": lambda d, w: (
        np.where(w > 0, w * (d - total(d, w)), -1e30),
        None,
    ),
    r"The diagonal is cut off": lambda d, w: (np.tril(w * (d - total(d, w)), -1), None),
    r"log-softmax": lambda d, w: (d - w * d.sum(-1, keepdims=True), None),
}
SCORES = {
    r"dq is wrong.*divided by scale: multiply, scale is 1 / sqrt\(D\) already": lambda d, q, k, scale: (
        d @ k / scale,
        d.mT @ q,
    ),
    r"dk is wrong.*divided by scale, which undoes": lambda d, q, k, scale: (d @ k * scale, d.mT @ q / scale),
    r"dk is wrong.*It is scaled three times": lambda d, q, k, scale: (d @ k * scale, d.mT @ q * scale**2),
    r"dq is wrong.*The square root of scale": lambda d, q, k, scale: (d @ k * scale**0.5, d.mT @ q),
    r"dq is wrong.*summed over the keys first": lambda d, q, k, scale: (
        d.sum(-1, keepdims=True) * k * scale,
        d.mT @ q,
    ),
}


def reshape(x, n_head):
    B, T, C = x.shape
    return x.reshape(B, n_head, T, C // n_head)


def with_split(split):
    """An attention_backward whose dy goes to the heads by split(dy, n_head)."""

    def answer(dy, cache):
        scores_cache, softmax_cache, mix_cache, n_head = cache
        dweights, dv = layers.mix_backward(split(dy, n_head), mix_cache)
        dscores, _ = layers.causal_softmax_backward(dweights, softmax_cache)
        parts = *layers.scores_backward(dscores, scores_cache), dv
        return np.concatenate([layers.merge_heads(part) for part in parts], axis=-1), None, None

    return answer


def reshape_back(dy, cache):
    whole, n_head = with_split(layers.split_heads)(dy, cache)[0], cache[-1]
    parts = [layers.split_heads(part, n_head).reshape(dy.shape) for part in np.split(whole, 3, axis=-1)]
    return np.concatenate(parts, axis=-1), None, None


ATTENTION = {
    r"dy is reshaped to heads: use split_heads, which swaps axes": with_split(reshape),
    r"The parts are reshaped from heads: use merge_heads": reshape_back,
    r"yours is q \| v \| k": of_parts(lambda dq, dk, dv: [dq, dv, dk]),
    r"yours is v \| k \| q": of_parts(lambda dq, dk, dv: [dv, dk, dq]),
    r"dq and dk are 0: the attention weights depend on them": of_parts(
        lambda dq, dk, dv: [0 * dq, 0 * dk, dv]
    ),
    r"shape.*dq, dk, dv are added up": of_parts(lambda dq, dk, dv: [dq + dk + dv]),
    r"dk is scaled, too": lambda dy, cache: of_parts(lambda dq, dk, dv: [dq, dk * cache[0][2], dv])(
        dy, cache
    ),
    r"dv is dy itself": lambda dy, cache: of_parts(lambda dq, dk, dv: [dq, dk, dy])(dy, cache),
}

WRONG = {
    "mix_backward": unpack_caches(MIX),
    "causal_softmax_backward": unpack_caches(SOFTMAX),
    "scores_backward": unpack_caches(SCORES),
    "attention_backward": ATTENTION,
}
