"""The exercise on the forward of attention's softmax, which attention takes in."""

import numpy as np

from .. import layers
from .exercise import Exercise, draw_normal, draw_sizes

UNDIVIDED = "It is not yet divided by the sum of its row."
FUTURE = "It reads the future: where causal is False, the attention weight must be 0."
AFTERWARDS = "Its rows do not add up to 1: forbid first, then divide by the sum over what is allowed."
AS_SCORE = "A forbidden score is set to 0, but exp(0) is 1: it must become 0 after exp."
OVERFLOW = (
    "exp overflows where scores are large: subtract the row's maximum before exp, which changes no ratio."
)
BACKWARDS = "It reads what causal forbids, and forbids what causal allows: True means allowed."


def causal_softmax(scores, causal):
    """The attention weights of layers.causal_softmax_forward."""
    return layers.causal_softmax_forward(scores, causal)[0]


def make_scores(rng, dtype):
    B, H, T = draw_sizes(rng, "B", "H", "T", low=3)
    level = 0 if T % 2 else 800  # exp(800) overflows
    return draw_normal(rng, dtype, B, H, T, T) + dtype(level), np.tri(T, dtype=bool)


def divide_by_sum(exps, axis=-1):
    return exps / exps.sum(axis=axis, keepdims=True)


def make_causal_mistakes(scores, causal):
    exps = np.exp(scores - scores.max(axis=-1, keepdims=True))
    over_queries = np.where(causal, np.exp(scores - scores.max(axis=-2, keepdims=True)), 0)
    zeroed = scores * causal
    as_score = divide_by_sum(np.exp(zeroed - zeroed.max(axis=-1, keepdims=True)))
    uniform = divide_by_sum(causal.astype(scores.dtype)) + np.zeros_like(scores)
    unlike = np.where(causal, -np.inf, scores)
    unlike = np.exp(unlike - scores.max(axis=-1, keepdims=True))
    undivided = np.where(causal, np.exp(scores), 0)
    allowed = np.where(causal, scores, -np.inf)
    shifted = np.exp(allowed - allowed.max(axis=-1, keepdims=True))
    rooted = np.exp((allowed - allowed.max(axis=-1, keepdims=True)) / np.sqrt(len(causal)))
    transposed = np.where(causal.T, np.exp(scores - scores.max()), 0)
    of_everything = np.where(causal, np.exp(scores - scores.max()), 0)
    of_everything /= of_everything.sum()
    return {
        "weights": {
            OVERFLOW: divide_by_sum(undivided),
            FUTURE: divide_by_sum(exps),
            AFTERWARDS: divide_by_sum(exps) * causal,
            AS_SCORE: as_score,
            BACKWARDS: divide_by_sum(unlike),
            "It sums over the queries: a row is a query, and its sum runs over the keys.": divide_by_sum(
                over_queries, axis=-2
            ),
            "It sums over the queries, and it reads the future: sum over the allowed keys.": (
                divide_by_sum(np.exp(scores - scores.max(axis=-2, keepdims=True)), axis=-2)
            ),
            "It sums over all rows: each row adds up to 1 on its own.": of_everything,
            "causal is transposed: a row is a query, a column is a key.": divide_by_sum(transposed),
            "Divide by the sum of the row only: sqrt stands in the scores already.": divide_by_sum(rooted),
            "exp is missing: the scores themselves are divided by their sum.": divide_by_sum(scores * causal),
            "Every allowed key gets the same attention weight: the scores are not used.": uniform,
            UNDIVIDED: undivided,
            f"{UNDIVIDED} The maximum is subtracted as it should be.": shifted,
        }
    }


EXERCISES = {
    "causal_softmax": Exercise(
        "causal_softmax(scores, causal): scores (B, H, T, T), causal (T, T), True where a query may read a "
        "key; return the attention weights (B, H, T, T): exp(score) / the sum of exp(score) over the "
        "allowed keys of its row, and 0 where not allowed.",
        ("weights",),
        causal_softmax,
        make_scores,
        make_causal_mistakes,
        hints=(
            "exp(-inf) is 0. Forbid before exp, and subtract the row's maximum, since exp(1000) overflows.",
            "scores = np.where(causal, scores, -np.inf)\n"
            "exps = np.exp(scores - scores.max(axis=-1, keepdims=True))\n"
            "return exps / exps.sum(axis=-1, keepdims=True)",
        ),
        is_tuple=False,
    )
}
