"""The exercise on diagnosis: the loss weights that a step really uses, read off its dlogits."""

import numpy as np

from .checker import examples
from .checker.exercise import Exercise, draw_normal, draw_sizes, pick_targets


def target_weights(dlogits, exchanged, targets):
    """The loss weight of every target (B, T), from dlogits (B, T, V) before and after an exchange."""
    return pick_targets(exchanged - dlogits, targets)


def make_dlogits(rng, dtype):
    """dlogits of a masked mean with uneven weights, where something else lights every row a little."""
    B, T, V = draw_sizes(rng, "B", "T", "V", low=3)
    logits = draw_normal(rng, dtype, B, T, V)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    targets = rng.integers(0, V, (B, T))
    others = (targets + rng.integers(1, V, (B, T))) % V
    weights = (rng.random((B, T)) < 0.6) * rng.random((B, T)) / (B * T)
    weights[0, 0] = 0.7 / (B * T)
    leak = 0.01 * (p - 1 / V)
    rows = [weights[..., None] * (p - np.eye(V)[y]) + leak for y in (targets, others)]
    return *(row.astype(dtype) for row in rows), targets


def make_mistakes(dlogits, exchanged, targets):
    return {
        "weights": (
            list_of_one(dlogits, exchanged, targets)
            | list_of_both(dlogits, exchanged, targets)
            | list_of_difference(exchanged - dlogits, targets)
        )
    }


def list_of_one(dlogits, exchanged, targets):
    """What is read off one of the two."""
    sums = np.abs(dlogits).sum(axis=-1)
    return {
        "That is w (1 - p) and whatever else lights the row: p must cancel.": -pick_targets(dlogits, targets),
        "That is w p: loss weight and probability are mixed.": pick_targets(exchanged, targets),
        "A norm tells that a row is lit, not by which loss weight, nor whether its target did it.": (
            np.linalg.norm(dlogits, axis=-1)
        ),
        "A norm of exchanged alone tells that a row is lit, not by which loss weight.": (
            np.linalg.norm(exchanged, axis=-1)
        ),
        "This says only whether a row is lit: the loss weight is by how much its target lights it.": (
            1.0 * (sums > 0)
        ),
        "The sum of a row's entries without sign: p and what else lights the row do not cancel.": sums,
        "Half the sum of a row's entries is w (1 - p) only if nothing else lights it.": sums / 2,
        "The largest entry is w (1 - p) only if nothing else lights the row.": np.abs(dlogits).max(axis=-1),
    }


def list_of_both(dlogits, exchanged, targets):
    """What is made of both, but not of their difference at the target."""
    return {
        "The two are added: subtract dlogits from exchanged.": pick_targets(exchanged + dlogits, targets),
        "The two are divided: their difference is free of p and of what else lights the row.": (
            pick_targets(exchanged / dlogits, targets)
        ),
        "A difference of norms is no loss weight: take the difference of the rows, at the target.": (
            np.linalg.norm(exchanged, axis=-1) - np.linalg.norm(dlogits, axis=-1)
        ),
    }


def list_of_difference(rise, targets):
    """What is made of the difference of the two rows."""
    right, squares = pick_targets(rise, targets), (rise * rise).sum(axis=-1)
    return {
        "The sign: without its target, the entry rises from w (p - 1) to w p.": -right,
        "Every target's row changes at two entries: take only the one at the target.": np.abs(rise).sum(-1),
        "The sum over V is 0: what falls at the new target rises at the old one.": rise.sum(-1),
        "This is a mean over V: two entries change by w, so it is 2 w / V.": np.abs(rise).mean(-1),
        "The targets are shifted once more: position t holds its own target already.": (
            pick_targets(rise, np.roll(targets, -1, axis=1))
        ),
        "The entry of token 0 is taken everywhere: take each target's own.": rise[..., 0],
        "The mean over V is no loss weight: what rises and what falls cancel.": rise.mean(-1),
        "These are sums of squares, twice the square of the loss weight.": squares,
        "This is the length of the row's change, sqrt(2) w: two entries change.": np.sqrt(squares),
        "This says only whether a row changes: the loss weight is by how much.": 1.0 * (squares > 0),
        "It is divided by its sum: the loss weight that the step really uses is asked for.": (
            right / right.sum()
        ),
        "It is divided by the largest: the loss weight that the step really uses is asked for.": (
            right / right.max()
        ),
        "The target's entry is not picked yet: one number for each position.": rise,
        "[:, :, targets] picks all targets at all positions: use np.take_along_axis.": rise[:, :, targets],
        "It is summed over time: each target has its loss weight.": right.sum(axis=-1),
    }


EXERCISES = {
    "target_weights": Exercise(
        "target_weights(dlogits, exchanged, targets): the weight (B, T) that a loss gives every target. "
        "dlogits (B, T, V) belong to the targets (B, T), exchanged to the same batch with every target "
        "replaced by another. Some rows are lit for another reason, too.",
        ("weights",),
        target_weights,
        make_dlogits,
        make_mistakes,
        hints=(
            "A row is w (p - onehot(y)) plus what does not know y. What is left of a difference of the two?",
            "np.take_along_axis(exchanged - dlogits, targets[..., None], axis=-1)[..., 0]",
        ),
        constants=lambda dlogits, *_: {"V": dlogits.shape[-1], "B T": dlogits[..., 0].size},
        show_off=examples.show_target_weights,
        is_tuple=False,
    ),
}
