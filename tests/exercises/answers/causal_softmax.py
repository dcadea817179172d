"""Answers: the forward of attention's softmax."""

import numpy as np


def softmax(scores, axis=-1):
    exps = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return exps / exps.sum(axis=axis, keepdims=True)


def softmax_by_loops(scores, causal):
    weights = np.zeros_like(scores)
    for b, h, i in np.ndindex(scores.shape[:3]):
        keys = np.flatnonzero(causal[i])
        exps = np.exp(scores[b, h, i, keys] - scores[b, h, i, keys].max())
        weights[b, h, i, keys] = exps / exps.sum()
    return weights


def softmax_by_adding(scores, causal):
    return softmax(scores + np.where(causal, 0, -1e9).astype(scores.dtype))


def zero_after_exp(scores, causal):
    allowed = np.where(causal, scores, scores.min())
    exps = np.exp(allowed - allowed.max(-1, keepdims=True)) * causal
    return exps / exps.sum(-1, keepdims=True)


def overflow(scores, causal):
    exps = np.where(causal, np.exp(scores), 0)
    return exps / exps.sum(-1, keepdims=True)


WRONG = {
    "causal_softmax": {
        r"It reads the future": lambda scores, causal: softmax(scores),
        r"Its rows do not add up to 1: forbid first": lambda scores, causal: softmax(scores) * causal,
        r"A forbidden score is set to a number, such as 0, but exp\(0\) is 1": lambda scores, causal: softmax(
            np.where(causal, scores, 0)
        ),
        r"It reads what causal forbids": lambda scores, causal: softmax(np.where(causal, -np.inf, scores)),
        r"It sums over the queries": lambda scores, causal: softmax(np.where(causal, scores, -np.inf), -2),
        r"It sums over the queries.*And it reads the future": lambda scores, causal: softmax(scores, -2),
        r"It sums over all rows": lambda scores, causal: softmax(
            np.where(causal, scores, -np.inf), (0, 1, 2, 3)
        ),
        r"causal is transposed": lambda scores, causal: softmax(np.where(causal.T, scores, -np.inf)),
        r"sqrt stands in the scores already": lambda scores, causal: softmax(
            np.where(causal, scores, -np.inf) / np.sqrt(scores.shape[-1])
        ),
        r"exp is missing": lambda scores, causal: scores * causal / (scores * causal).sum(-1, keepdims=True),
        r"the scores are not used": lambda scores, causal: np.broadcast_to(
            causal / causal.sum(1, keepdims=True), scores.shape
        ),
        r"It is not yet divided by the sum of its row\.\n": lambda scores, causal: np.where(
            causal, np.exp(scores), 0
        ),
        r"not yet divided by the sum of its row\. The maximum": lambda scores, causal: np.exp(
            np.where(causal, scores, -np.inf) - np.where(causal, scores, -np.inf).max(-1, keepdims=True)
        ),
        r"exp overflows where scores are large": overflow,
        r"not yet divided by the sum of its row": lambda scores, causal: np.exp(scores) * causal,
        r"returns a tuple of 2, not one array, weights": lambda scores, causal: (softmax(scores), None),
        r"returns None: is the return missing": lambda scores, causal: None,
    }
}
RIGHT = {"causal_softmax": (softmax_by_loops, softmax_by_adding, zero_after_exp)}
