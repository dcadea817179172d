"""Is the mask used? What the step's loss and gradient weigh every target by, against the mask given."""

import numpy as np

from . import locate
from .case import exchange_targets, exchange_targets_at, measure_with_more_pads
from .locate import LEAD, PAD, TAIL
from .mask_as_meant import move_columns, show_first
from .report import Finding


def check_mask_is_used(case):
    """The step must weigh every target by the mask that it was given."""
    if case.dlogits is not None:
        return judge_use(case, *measure_gradient_weights(case))
    lit = find_targets_in_loss(case)
    return judge_use(case, lit * 1.0, lit)


def measure_gradient_weights(case):
    """What the gradient weighs every target by (B, T), and whose rows of dlogits are lit at all.

    A row is w (p - onehot(y)). Exchange y for y' and its entry at y rises by w, whatever p is. A
    lit row that does not change with its target has w = 0: something else lights it.
    """
    _, other = case.call(case.ids, exchange_targets(case), case.mask)
    norms = np.linalg.norm(case.dlogits, axis=-1)
    lit = norms > 1e-6 * max(norms.max(), 1e-30)
    y, y_other = (d.argmin(axis=-1) for d in (case.dlogits, other))
    rise = np.take_along_axis(other - case.dlogits, y[..., None], axis=-1)[..., 0]
    weights = np.where(lit & (y != y_other), rise, 0.0)
    for ahead in (0, 1, -1):  # a step that shifts once more lights another row than the target's own
        if (np.roll(case.targets, -ahead, axis=1) == y)[weights > 0].all():
            return np.roll(weights, ahead, axis=1), np.roll(lit, ahead, axis=1)
    return weights, lit


def find_targets_in_loss(case):
    """Which targets the loss depends on (B, T): exchange many, and halve them where the loss moves.

    The black-box form of measure_gradient_weights; the only one that tells the loss's own mask.
    """
    lit = np.zeros(case.ids.shape, bool)
    left = [np.argwhere(case.targets >= 0)]
    while left:
        places = left.pop()
        at = tuple(places.T)
        if len(places) and any(loss_depends_on(case, at, turn) for turn in (1, 2)):
            if len(places) == 1:
                lit[at] = True
            else:
                left += np.array_split(places, 2)
    return lit


def loss_depends_on(case, places, turn):
    """Whether the loss moves when the targets at the places are exchanged."""
    return case.has_moved(case.measure_loss(targets=exchange_targets_at(case, places, turn)), case.loss)


def judge_use(case, weights, lit):
    """What the step makes of its mask: a Finding or None.

    weights (B, T): what its gradient or loss weighs every target by; lit (B, T): whose dlogits are
    not zero, or which the loss depends on.
    """
    given = case.mask > 0
    used = weights > 1e-3 * max(weights.max(), 1e-30)
    counts = case.roles != TAIL
    if (used == given)[counts].all():
        return find_lit_masked_rows(lit & ~given & counts)
    if not used.any():
        second = "" if case.dlogits is None else ", or is the second value the logits, not their gradient?"
        return Finding("targets_unused", f"other targets change nothing: does the step use its own{second}")
    pads = case.roles == PAD
    if used.all() and (pads | (case.roles == LEAD)).any() and pads_move_loss(case):
        return Finding("mask_after_reduction", f"all {used.size} targets carry loss weight, pads too")
    if used[~pads].all():
        place = show_first(used & ~given)
        return Finding(
            "mask_not_applied", f"the step is given a mask, yet has loss weight at {place}, which is masked"
        )
    differences = (
        f"loss weight at {show_first(used & ~given)}, which is masked, "
        f"none at {show_first(given & ~used)}, which is not"
    )
    for name, places in (("mask_one_late", 1), ("mask_one_early", -1)):
        moved = (move_columns(given * 1.0, places) > 0) & (case.targets >= 0)
        if (moved == used)[:, 1:-1].all():
            return Finding(name, f"the step uses the mask moved by one: {differences}")
    return Finding("mask_differs", f"the step uses another mask: {differences}")


def find_lit_masked_rows(masked_but_lit):
    """Masked rows of dlogits (B, T) that are lit though the mask is used: something else reaches them."""
    if not masked_but_lit.any():
        return None
    return Finding(
        "smoothing_ignores_mask",
        f"{int(masked_but_lit.sum())} masked rows of dlogits are not zero, the first at "
        f"{show_first(masked_but_lit)}, and do not change with their targets",
    )


def pads_move_loss(case):
    """Whether appended pads move the loss, which tells more than a pad exchanged for a word."""
    longer = measure_with_more_pads(case)
    return longer is None or case.has_moved(longer[0], case.loss)


def write_mask_into_targets(case):
    """The case, for a step that reads its mask from the targets: every probe then writes -100 there.

    Known by targets that are -100 wherever the mask is 0, and by a loss that another mask leaves as
    it is.
    """
    masked = (case.mask == 0) & np.isin(case.roles, (locate.PROMPT, locate.TOOL))
    places = np.argwhere(case.mask > 0)
    if not masked.any() or (case.targets[masked] >= 0).any() or len(places) < 2:
        return case
    for place in places[:2]:
        other = case.mask.copy()
        other[tuple(place)] = 0
        if case.has_moved(case.measure_loss(mask=other), case.loss):
            return case

    def call(ids, targets, mask):
        return case.call(ids, np.where(mask > 0, targets, -100), mask)

    return case._replace(call=call)
