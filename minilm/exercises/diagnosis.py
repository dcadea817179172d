"""The exercise of lesson 9: the weights that a step really uses, read off its dlogits."""

import numpy as np

from .exercise import Exercise, normal, sizes


def target_weights(dlogits, exchanged, targets):
    """The weight of every target (B, T), from dlogits (B, T, V) before and after an exchange."""
    rise = np.take_along_axis(exchanged - dlogits, targets[..., None], axis=-1)
    return rise[..., 0]


def make(rng, dtype):
    """dlogits of a masked mean with uneven weights, where something else lights every row a little."""
    B, T, V = sizes(rng, "B", "T", "V", low=3)
    logits = normal(rng, dtype, B, T, V)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    targets = rng.integers(0, V, (B, T))
    others = (targets + rng.integers(1, V, (B, T))) % V
    weights = (rng.random((B, T)) < 0.6) * rng.random((B, T)) / (B * T)
    weights[0, 0] = 1 / (B * T)
    leak = 0.01 * (p - 1 / V)
    rows = [weights[..., None] * (p - np.eye(V)[y]) + leak for y in (targets, others)]
    return *(row.astype(dtype) for row in rows), targets


def at(array, targets):
    """The entries at the targets."""
    return np.take_along_axis(array, targets[..., None], axis=-1)[..., 0]


EXERCISES = {
    "target_weights": Exercise(
        "target_weights(dlogits, exchanged, targets): the weight (B, T) that a loss gives every target. "
        "dlogits (B, T, V) belong to the targets (B, T), exchanged to the same batch with every target "
        "replaced by another. Some rows are lit for another reason, too.",
        ("weights",),
        target_weights,
        make,
        (
            (
                "weights",
                "The sign: without its target, the entry rises from w (p - 1) to w p.",
                lambda d, e, y: at(d - e, y),
            ),
            (
                "weights",
                "That is w (1 - p) and whatever else lights the row: p has to be got rid of.",
                lambda d, e, y: -at(d, y),
            ),
            ("weights", "That is w p: the weight and the probability are mixed.", lambda d, e, y: at(e, y)),
            (
                "weights",
                "A norm tells that a row is lit, not by how much weight, nor whether its target did it.",
                lambda d, e, y: np.linalg.norm(d, axis=-1),
            ),
            (
                "weights",
                "Every target's row changes at two entries: take only the one at the target.",
                lambda d, e, y: np.abs(e - d).sum(axis=-1),
            ),
        ),
        (
            "A row is w (p - onehot(y)) plus what does not know y. What is left of a difference of the two?",
            "np.take_along_axis(exchanged - dlogits, targets[..., None], axis=-1)[..., 0]",
        ),
        is_tuple=False,
    ),
}
