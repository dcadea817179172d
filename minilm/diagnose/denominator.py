"""What does the mean divide by, and what happens where there is nothing to divide by?"""

import contextlib
from typing import NamedTuple

import numpy as np

from .case import exchange_targets, exchange_targets_at, mask_only, measure_with_more_pads
from .locate import PAD
from .mask_as_used import measure_gradient_weights
from .report import DiagnoseError, Finding, Untested

UNCLEAR = Untested("the loss alone does not tell a sum from a constant divisor")


class Share(NamedTuple):
    """What part of the loss one target is, against its loss alone: its loss weight over the denominator."""

    place: tuple
    ratio: float  # NaN where the target's exchange moves nothing
    slope: tuple | None  # what `measure_slope` returns


def check_denominator(case):
    """The mean must divide by the sum of the mask (a plain sum is right, too), and the gradient with it."""
    shares = [share for share in measure_shares(case) if np.isfinite(share.ratio)]
    if not shares:
        return UNCLEAR
    ratios = np.array([share.ratio for share in shares])
    weights = np.array([case.mask[share.place] for share in shares])
    if close(ratios, weights / case.mask.sum()):
        return judge_gradient([share.slope for share in shares if share.slope is not None])
    right = weights[0] / case.mask.sum()
    evidence = f"a response target counts {ratios[0]:.4f} times its loss alone; right is {right:.4f}"
    row_sums = np.array([case.mask[share.place[0]].sum() for share in shares])
    n_rows = int((case.mask.sum(axis=1) > 0).sum())
    if any(close(ratios, weights / row_sums / n) for n in (1, n_rows)) and np.ptp(row_sums):
        evidence += f", 1 / (rows x tokens in its row) is {1 / n_rows / row_sums[0]:.4f}"
        return Finding("mean_of_means", evidence + compare_rows_apart(case))
    if close(ratios, weights):
        return judge_constant_denominator(case, evidence)
    return Finding("denominator_differs", evidence)


def check_empty_mask(case):
    """A mask without a single 1 must be refused."""
    try:
        loss = case.measure_loss(mask=np.zeros_like(case.mask))
    except DiagnoseError:  # refused, as it should be
        return None
    if loss == 0:
        return Finding("empty_mask_silent", "the loss of an empty mask is 0")
    return None if np.isfinite(loss) else Finding("empty_mask_nan", "the loss of an empty mask is NaN")


def measure_shares(case):
    """The Share of one response target of each document.

    Exchange the target under the batch's mask, and under a mask that holds it alone: the ratio of
    the changes is weight / sum(weights) if the mean is right, and 1 under a sum.
    """
    shares = []
    for doc in case.documents:
        places = [(doc.row, at - 1) for at in range(*doc.answer) if at - 1 < case.ids.shape[1]]
        places = [p for p in places if case.mask[p] > 0 and case.targets[p] >= 0 and p[1] >= 0]
        if places:
            shares.append(measure_share(case, places[0]))
    return shares


def measure_share(case, place):
    """The Share of the target at a place, measured with the id that changes the loss most."""
    alone = mask_only(case, place)
    loss_alone = case.measure_loss(mask=alone)
    changes = {
        turn: case.measure_loss(targets=exchange_targets_at(case, place, turn), mask=alone) - loss_alone
        for turn in range(1, min(6, len(np.unique(case.ids))))
    }
    turn = max(changes, key=lambda t: abs(changes[t]), default=1)
    if not changes or not case.has_moved(changes[turn], 0.0):
        return Share(place, np.nan, None)
    observed = case.measure_loss(targets=exchange_targets_at(case, place, turn)) - case.loss
    return Share(place, observed / changes[turn], measure_slope(case, place, turn, observed))


def measure_slope(case, place, turn, observed):
    """What dlogits hold at an exchanged target: (w p(y), w p(y'), w, V, change of the loss), or None.

    With loss weight w the loss changes by w (log p(y) - log p(y')); w p(y') stands in dlogits, and
    w p(y) after the exchange.
    """
    if case.dlogits is None:
        return None
    y, y_other = case.targets[place], exchange_targets(case, turn)[place]
    before = case.dlogits[place]
    after = case.call(case.ids, exchange_targets_at(case, place, turn), case.mask)[1][place]
    return float(after[y]), float(before[y_other]), float(after[y] - before[y]), len(before), observed


def judge_gradient(slopes):
    """Whether dlogits are the gradient of the loss: a Finding where they are off by a constant, or None.

    Label smoothing e, if that is in the loss, leaves (1 - e) w and w (p - e / V) there: right is
    what some e explains.
    """
    for smoothing in np.linspace(0, 0.5, 51):
        ratios = np.array([compare_slope(*slope, smoothing) for slope in slopes])
        ratios = ratios[np.isfinite(ratios)]
        if smoothing == 0:
            unsmoothed = ratios
        if len(ratios) and close(ratios, 1.0):
            return None
    if len(unsmoothed) and close(unsmoothed, unsmoothed[0]):
        return Finding("gradient_scaled", f"dlogits are {unsmoothed[0]:.4f} times the gradient of the loss")
    return None


def compare_slope(wp, wp_other, w, V, observed, smoothing):
    """The change of the loss that dlogits promise over the observed one; NaN where they promise none."""
    p, p_other = (a * (1 - smoothing) + w * smoothing / V for a in (wp, wp_other))
    return w * np.log(p / p_other) / observed if min(w, p, p_other) > 0 and observed else np.nan


def judge_constant_denominator(case, evidence):
    """A denominator that does not follow the mask: a count of places, another constant, or 1 (a sum).

    Returns a Finding, None for a sum, or Untested where it cannot be told from outside which.
    """
    if case.dlogits is None:
        longer = measure_with_more_pads(case)
        if longer and abs(longer[0] * longer[1] - case.loss) < 1e-3 * abs(case.loss):
            pads = f"{longer[1]:.2g} times the pads divide the loss by as much"
            return Finding("denominator_counts_all", f"{evidence}; {pads}")
        return UNCLEAR
    weights, _ = measure_gradient_weights(case)
    lit = (case.mask > 0) & (weights > 0)
    divisor = float(np.median(case.mask[lit] / weights[lit]))
    if close(divisor, 1.0) or close(divisor, case.mask.sum()):  # a sum, or the count handed over
        return None
    counts = (case.mask.size, (case.roles != PAD).sum())
    name = "denominator_counts_all" if any(close(divisor, n) for n in counts) else "denominator_differs"
    return Finding(name, f"{evidence}; the loss divides by {divisor:.1f}, whatever the mask")


def measure_rows_apart(case):
    """The token-weighted mean of the rows' losses, which should be the batch's; None if there is none."""
    totals = case.mask.sum(axis=1)
    rows = np.flatnonzero(totals)
    if len(rows) < 2:
        return None
    with contextlib.suppress(DiagnoseError):
        in_row = [np.arange(len(totals))[:, None] == row for row in rows]
        losses = [case.measure_loss(mask=np.where(here, case.mask, 0)) for here in in_row]
        return float(np.dot(totals[rows], losses) / totals.sum())
    return None


def compare_rows_apart(case):
    """The rows' mean beside the batch's loss, as text to add to the evidence; "" if it has none."""
    mean = measure_rows_apart(case)
    if mean is None:
        return ""
    return f"; the batch's loss is {case.loss:.5f}, its rows' weighted mean {mean:.5f}"


def list_what_is_not_seen(case):
    """What could be wrong with the mean and does not show in this batch, as lines of the report."""
    lines = ["accumulation and workers: one step does not show them"]
    if measure_rows_apart(case) is None or not np.ptp(case.mask.sum(axis=1)):
        lines.insert(0, "mean of row means: the rows have equally many response tokens")
    return lines


def close(a, b):
    """Equal up to what float32 leaves of a difference of losses."""
    return bool(np.allclose(a, b, rtol=0.02))
