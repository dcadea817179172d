"""Is the mask used? What the step's loss and gradient weigh every target by, against the mask given."""

import numpy as np

from .case import exchange_targets, exchange_targets_at, mask_only, measure_with_more_pads
from .examples import BOUNDARY, PAD, PROMPT, RESPONSE, STOP, TAIL, TOOL
from .mask_as_meant import TOLERANCE, describe_use, show_first
from .mistakes import move_columns
from .report import Finding, Untested

OWN_WEIGHTS = "the step weighs each target by more than its loss weight, as a focal loss does"


def measure_loss_weights(case):
    """The case with what the step weighs every target by, `measured`, and which ones are `lit`.

    Both stay None where the loss alone is seen and is too coarse to tell.
    """
    if case.dlogits is not None:
        weights, lit = measure_gradient_weights(case)
    elif case.resolution.is_coarse:
        return case
    else:
        lit = find_targets_in_loss(case)
        weights = lit * 1.0
    return case._replace(measured=weights, lit=lit)


def measure_gradient_weights(case):
    """What the gradient weighs every target by (B, T), and whose rows of dlogits are lit at all.

    Pads are exchanged in a call of their own, since a denominator may count them.
    """
    norms = np.linalg.norm(case.dlogits, axis=-1)
    lit = norms > 1e-6 * max(norms.max(), 1e-30)
    is_pad = case.roles == PAD
    ahead, weights = measure_weights_of(case, lit, ~is_pad)
    if (is_pad & (case.targets >= 0)).any():
        weights = weights + measure_weights_of(case, lit, is_pad, (ahead,))[1]
    return weights, np.roll(lit, ahead, axis=1)


def measure_weights_of(case, lit, chosen, shifts=(0, 1, -1)):
    """(how many rows ahead of its target's a row of dlogits stands, the loss weights of the chosen targets).

    A row is w (p - onehot(y)). Exchange y for y' and it changes by w (onehot(y) - onehot(y')), whatever
    p is. A lit row that does not change with its target has w = 0: something else lights it. A step that
    shifts once more lights another row than the target's own: the shift that explains the change best is
    taken.
    """
    targets = np.where(chosen, case.targets, -1)
    others = np.where(chosen, exchange_targets(case), case.targets)
    change = case.call(case.ids, others, case.mask)[1] - case.dlogits
    best = None
    for ahead in shifts:
        y, y_other = (np.roll(array, -ahead, axis=1) for array in (targets, others))
        weights = (read_at(change, y) - read_at(change, y_other)) / 2
        weights = np.where(lit & (y >= 0) & (y != y_other), weights, 0.0)
        unexplained = np.abs(change).sum() - 2 * np.abs(weights).sum()
        if best is None or unexplained < best[0] - 1e-6 * np.abs(change).sum():
            best = unexplained, ahead, np.roll(weights, ahead, axis=1)
    return best[1:]


def read_at(rows, ids):
    """The entry (B, T) of every row (B, T, V) at its id."""
    return np.take_along_axis(rows, np.maximum(ids, 0)[..., None], axis=-1)[..., 0]


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


def check_mask_is_used(case):
    """The step must weigh every target by the mask that it was given."""
    if case.measured is None:
        return Untested(case.resolution.note)
    weights, lit = case.measured, case.lit
    given = case.mask > 0
    used = weights > 1e-5 * max(weights.max(), 1e-30)
    # what a model predicts behind an example's end may be cut off by the step: it is not looked at
    counts = ~(case.layout.is_free & (case.roles == TAIL) & ~given)
    if (used == given)[counts].all():
        return judge_values(case, weights) or find_lit_masked_rows(case, lit & ~given & counts)
    return name_use(case, used, given)


def name_use(case, used, given):
    """The Finding for a step that weighs other targets (B, T) than those that are given."""
    predicted = case.targets >= 0
    is_part = np.isin(case.roles, (PROMPT, TOOL, RESPONSE, STOP))
    outside = np.isin(case.roles, (PAD, BOUNDARY)) & predicted
    if not used.any() and pulls_to(case, case.ids):
        return Finding("not_shifted", "the lit rows of dlogits pull towards the token that they read")
    if not used.any() and pulls_to(case, case.targets) and case.lit[is_part & predicted].all():
        return Finding(
            "mask_not_applied", "the step makes targets of its own from ids, and weighs all of them"
        )
    if not used.any():
        second = "" if case.dlogits is None else ", or is the second value the logits, not their gradient?"
        return Finding("targets_unused", f"other targets change nothing: does the step use its own{second}")
    if used[predicted].all() and outside.any() and pads_move_loss(case):
        return Finding("mask_after_reduction", f"all {used.sum()} targets carry loss weight, pads too")
    if used[is_part & predicted].all():
        place = show_first(used & ~given)
        return Finding(
            "mask_not_applied", f"the step is given a mask, yet has loss weight at {place}, which is masked"
        )
    differences = describe_use(used, given)
    if (used != given)[is_part & predicted].all():
        return Finding("mask_inverted", f"the step uses the mask the other way round: {differences}")
    for name, places in (("mask_one_late", 1), ("mask_one_early", -1)):
        moved = (move_columns(given * 1.0, places) > 0) & predicted
        if (moved == used)[:, 1:-1].all():
            return Finding(name, f"the step uses the mask moved by one: {differences}")
    return Finding("mask_differs", f"the step uses another mask: {differences}")


def pulls_to(case, ids):
    """Whether every lit row of dlogits is lowest at the id (B, T) that stands there."""
    if case.dlogits is None or not case.lit.any():
        return False
    is_lit = np.linalg.norm(case.dlogits, axis=-1) > 1e-6 * np.linalg.norm(case.dlogits, axis=-1).max()
    return bool((case.dlogits.argmin(axis=-1) == ids)[is_lit & (ids >= 0)].all())


def judge_values(case, weights):
    """Whether loss weights between 0 and 1 count as what they are, example by example: a Finding or None."""
    if case.dlogits is None:
        return None
    given = case.mask > 0
    ratios = np.where(given, weights / np.where(given, case.mask, 1.0), np.nan)
    for number in range(len(case.documents)):
        here = given & (case.layout.examples == number)
        usual = np.nanmedian(ratios[here]) if here.any() else 1.0
        wrong = here & (np.abs(ratios / usual - 1) > TOLERANCE)
        if wrong.any() and not np.ptp(case.mask[here]):
            return Untested(OWN_WEIGHTS)
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0])
            return Finding(
                "mask_differs",
                f"the step uses other loss weights than those given: at [{at[0]}, {at[1]}] "
                f"{case.mask[at]:.2g} counts as {weights[at] / usual:.2g}",
            )
    return None


def find_lit_masked_rows(case, masked_but_lit):
    """Masked rows of dlogits (B, T) that are lit though the mask is used: something else reaches them."""
    if not masked_but_lit.any():
        return None
    name = "smoothing_ignores_mask" if is_smoothing(case, masked_but_lit) else "auxiliary_loss_unmasked"
    return Finding(
        name,
        f"{int(masked_but_lit.sum())} masked rows of dlogits are not zero, the first at "
        f"{show_first(masked_but_lit)}, and do not change with their targets",
    )


def is_smoothing(case, masked_but_lit):
    """Whether what lights a masked row is the uniform term of label smoothing: a multiple of p - 1 / V.

    p comes from a call in which this row's target is the only one in the loss.
    """
    row, column = map(int, np.argwhere(masked_but_lit)[0])
    if case.targets[row, column] < 0:
        return False
    alone = case.call(case.ids, case.targets, mask_only(case, (row, column)))[1][row, column]
    extra = case.dlogits[row, column]
    y = case.targets[row, column]
    rest = np.arange(len(alone)) != y
    # alone is w (p - (1 - e) onehot(y) - e / V): beside y, it must be extra times a constant plus a constant
    design = np.stack([alone[rest], np.ones(rest.sum())], axis=1)
    solution, *_ = np.linalg.lstsq(design, extra[rest], rcond=None)
    left = extra[rest] - design @ solution
    return bool(
        np.abs(left).max() < 1e-2 * np.abs(extra).max() and abs(extra.sum()) < 1e-3 * np.abs(extra).sum()
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
    masked = (case.mask == 0) & np.isin(case.roles, (PROMPT, TOOL))
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
