"""Answers: attention, as a class writes it that has read the task once, and quickly."""

import numpy as np
from exercises.answers.attention import dmix_v, go_down
from exercises.answers.causal_softmax import softmax
from exercises.unpacking import unpack_caches

from minilm import layers


def softmax_of_kept(scores, causal):
    return softmax(np.where(causal, scores, -np.inf))


def turn_all_axes(dmix, cache):
    weights, v = cache
    return v @ dmix.T, weights.T @ dmix


def keep_the_tuple_of_softmax(dy, cache):
    dweights, _ = layers.mix_backward(layers.split_heads(dy, cache[3]), cache[2])
    return layers.scores_backward(layers.causal_softmax_backward(dweights, cache[1]), cache[0])


WRONG = {
    "causal_softmax": {
        r"forbids what causal allows": lambda s, causal: softmax(np.where(causal, -1e9, s)),
        r"The diagonal is 0": lambda s, causal: softmax(np.where(np.tril(causal, -1), s, -1e9)),
        r"causal is not used": lambda s, causal: softmax(np.where(np.tri(len(causal)) > 0, s, -np.inf)),
        r"maximum is one of a forbidden key": lambda s, causal: (
            np.exp(s - s.max(-1, keepdims=True))
            * causal
            / (np.exp(s - s.max(-1, keepdims=True)) * causal).sum(-1, keepdims=True)
        ),
        r"Something forbidden has an attention weight": lambda s, causal: softmax(s - 10 * ~causal),
        r"set to a number, such as 0, but exp": lambda s, causal: softmax(np.where(causal, s, -50)),
        r"The scores are transposed": lambda s, causal: softmax_of_kept(s.mT, causal),
        r"One maximum is subtracted from all rows": lambda s, causal: (
            np.exp(np.where(causal, s, -np.inf) - np.where(causal, s, -np.inf).max())
            / np.exp(np.where(causal, s, -np.inf) - np.where(causal, s, -np.inf).max()).sum(-1, keepdims=True)
        ),
        r"overflow encountered in exp\. Subtract each row's maximum": lambda s, causal: (
            np.exp(s) * causal / (np.exp(s) * causal).sum(-1, keepdims=True)
        ),
        r"Its rows do not add up to 1.*over what is allowed": lambda s, causal: (
            softmax_of_kept(s, causal) * len(causal)
        ),
    },
    "mix_backward": unpack_caches(
        {
            r"dmix stands where v belongs": lambda d, w, v: (dmix_v(d, d), w.mT @ d),
        }
    )
    | {r"raises.*dmix has more than two axes, and \.T turns all": turn_all_axes},
    "causal_softmax_backward": unpack_caches(
        {
            r"weights is squared in the first term": lambda d, w: (
                w * (d * w - (d * w).sum(-1, keepdims=True)),
                None,
            ),
            r"weights stands outside the sum": lambda d, w: (
                w * d - w * w * d.sum(-1, keepdims=True),
                None,
            ),
        }
    )
    | {
        r"the first axis, of length 1.*a tuple of one that is not unpacked": lambda d, w: (
            w * (d - (d * w).sum(-1, keepdims=True)),
            None,
        ),
    },
    "attention_backward": {
        r"dqkv is one array: merge_heads each of dq, dk, dv": go_down,
        r"dq and dk are scaled once more": lambda dy, cache: (
            np.concatenate(
                [
                    layers.merge_heads(part * scale)
                    for part, scale in zip(go_down(dy, cache), (cache[0][2], cache[0][2], 1), strict=True)
                ],
                axis=-1,
            ),
            None,
            None,
        ),
        r"Is a tuple not unpacked": keep_the_tuple_of_softmax,
    },
    "scores_backward": {
        r"dk is wrong.*q is needed here, not k, and dscores transposed": lambda d, cache: (
            d @ cache[1] * cache[2],
            d @ cache[1],
        ),
    },
}
