"""The exercise on the forward of attention's softmax, which attention takes in."""

import numpy as np

from ... import layers
from ..checker.compare import is_close
from ..checker.exercise import Exercise, draw_normal, draw_sizes

UNDIVIDED = "It is not yet divided by the sum of its row."
OVER_QUERIES = "It sums over the queries: a row is a query, and its sum runs over the keys."
FUTURE = "It reads the future: where causal is False, the attention weight must be 0."
AFTERWARDS = "Its rows do not add up to 1: forbid first, then divide by the sum over what is allowed."
AS_SCORE = "A forbidden score is set to a number, such as 0, but exp(0) is 1: it must become 0 after exp."
OVERFLOW = (
    "exp overflows where scores are large: subtract the row's maximum before exp, which changes no ratio."
)
GIVEN = "causal is not used: besides the future it may forbid more, such as another document's tokens."
UNREAD = "The row's maximum is one of a forbidden key, and exp of all that is allowed is 0: forbid first."
TOO_WEAK = "Something forbidden has an attention weight: its score must be -inf, below whatever is allowed."
DIAGONAL = "The diagonal is 0: a query may read its own position."
BACKWARDS = "It reads what causal forbids, and forbids what causal allows: True means allowed."


def causal_softmax(scores, causal):
    """The attention weights of layers.causal_softmax_forward."""
    return layers.causal_softmax_forward(scores, causal)[0]


def make_scores(rng, dtype):
    B, H, T = draw_sizes(rng, "B", "H", "T", low=3)
    large = 0 if T % 2 else 800  # exp(800) overflows, exp(-800) is 0
    level = large * (-1) ** np.arange(T)[:, None]  # of the rows, in turn
    causal, document = np.tri(T, dtype=bool), np.arange(T) >= T - 2
    scores = draw_normal(rng, dtype, B, H, T, T) + np.where(causal, level, level + large).astype(dtype)
    return scores, causal & (document[:, None] == document)


def divide_by_sum(exps, axis=-1):
    return exps / exps.sum(axis=axis, keepdims=True)


def take_exps(scores, allowed, axis=-1):
    """exp of the scores, each less the largest along `axis`, and 0 where not allowed."""
    kept = np.where(allowed, scores, -np.inf)
    return np.exp(kept - kept.max(axis=axis, keepdims=True))


def make_causal_mistakes(scores, causal):
    everywhere = np.ones_like(causal)
    all_exps = take_exps(scores, everywhere)
    overflowing = np.where(causal, np.exp(scores), 0)
    return {
        "weights": {
            OVERFLOW: divide_by_sum(overflowing),
            FUTURE: divide_by_sum(all_exps),
            AFTERWARDS: divide_by_sum(all_exps) * causal,
            AS_SCORE: divide_by_sum(take_exps(scores * causal, everywhere)),
            BACKWARDS: divide_by_sum(take_exps(scores, ~causal)),
            GIVEN: divide_by_sum(take_exps(scores, np.tri(len(causal), dtype=bool))),
            UNREAD: divide_by_sum(all_exps * causal),
            OVER_QUERIES: divide_by_sum(take_exps(scores, causal, -2), -2),
            f"{OVER_QUERIES} And it reads the future.": divide_by_sum(take_exps(scores, everywhere, -2), -2),
            "One maximum is subtracted from all rows, and low rows are lost: each has its own.": (
                divide_by_sum(take_exps(scores, causal, None))
            ),
            "It sums over all rows: each row adds up to 1 on its own.": divide_by_sum(
                take_exps(scores, causal, None), None
            ),
            "The scores are transposed: a row is a query, a column is a key.": divide_by_sum(
                take_exps(scores.mT, causal)
            ),
            "causal is transposed: a row is a query, a column is a key.": divide_by_sum(
                take_exps(scores, causal.T)
            ),
            "Divide by the sum of the row only: sqrt stands in the scores already.": divide_by_sum(
                take_exps(scores / np.sqrt(len(causal)), causal)
            ),
            "exp is missing: the scores themselves are divided by their sum.": divide_by_sum(scores * causal),
            "Every allowed key gets the same attention weight: the scores are not used.": divide_by_sum(
                causal + np.zeros_like(scores)
            ),
            UNDIVIDED: overflowing,
            f"{UNDIVIDED} The maximum is subtracted as it should be.": take_exps(scores, causal),
        }
    }


def find_slip(label, wrong):
    """A sentence for what the zeros and the rows of all wrong cases show, or ""."""
    cases = [(got, right, causal) for (_, causal), got, right in wrong if np.isfinite(got[:, :, 1:]).all()]
    if not cases:
        return ""
    if len(wrong) == 4 and not any((got * causal)[:, :, :-1].any() for got, _, causal in cases):
        return BACKWARDS
    diagonals = [np.diagonal(got, axis1=2, axis2=3)[..., causal.sum(1) > 1] for got, _, causal in cases]
    if not any(diagonal.any() for diagonal in diagonals):
        return DIAGONAL
    if any((got * ~causal).any() for got, _, causal in cases):
        return TOO_WEAK
    rows = [(got.sum(-1, keepdims=True) * right, got) for got, right, _ in cases]
    return AFTERWARDS if len(wrong) == len(cases) and all(is_close(*pair) for pair in rows) else ""


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
        diagnose=find_slip,
    )
}
