"""What does the mean divide by, and what happens where there is nothing to divide by?"""

import contextlib

import numpy as np

from .case import measure_with_more_pads
from .examples import PAD
from .mask_as_used import OWN_WEIGHTS, judge_values
from .reading import COARSE
from .report import DiagnoseError, Finding, Untested
from .shares import close, compare_slope, find_groups, measure_divisor, measure_shares, sum_by_example

UNCLEAR = Untested("the loss alone does not tell a sum from a constant divisor")
EXACT = 1e-3  # relative: a divisor that is this close to a count is that count


def check_denominator(case):
    """The mean must divide by what is meant (the mask's sum, 1, a number), and the gradient with it."""
    if case.measured is not None and isinstance(judge_values(case, case.measured), Untested):
        return Untested(OWN_WEIGHTS)
    shares = [share for share in measure_shares(case) if np.isfinite(share.ratio)]
    if not shares:
        return UNCLEAR
    if max(share.error / max(abs(share.ratio), 1e-12) for share in shares) > 0.1:
        return judge_divisors(case) if case.dlogits is not None else Untested(case.resolution.note or COARSE)
    ratios = np.array([share.ratio for share in shares])
    errors = np.array([share.error for share in shares])
    weights = np.array([case.mask[share.place] for share in shares])
    says = f"a response target counts {ratios[0]:.4f} times its loss alone"
    if close(ratios, weights, errors) and (case.mask > 0).sum() > 1:
        return judge_constant_denominator(case, says)
    right = weights / case.mask.sum()
    if close(ratios, right, errors) and case.meant.denominator == "weights":
        return judge_gradient([slope for share in shares for slope in share.slopes]) or compare_scale(case)
    worst = int(np.abs(ratios / right - 1).argmax())
    says = f"a response target counts {ratios[worst]:.4f} times its loss alone; right is {right[worst]:.4f}"
    return name_denominator(case, shares, weights / ratios, says)


def name_denominator(case, shares, divisors, evidence):
    """The Finding for divisors that follow the mask and are not its sum: means of means, or another."""
    examples = [case.layout.examples[share.place] for share in shares]
    groups = find_groups(case, examples, divisors)
    if groups and np.ptp(sum_by_example(case)[examples]):
        evidence += f"; each of {groups} has a mean of its own, and these are averaged"
        return Finding("mean_of_means", evidence + compare_rows_apart(case))
    return Finding("denominator_differs", evidence + compare_divisor(case))


def check_empty_mask(case):
    """A mask without a single 1 must be refused, unless nothing is divided by its sum.

    A NaN that no gradient carries on is a fact, and no more.
    """
    try:
        loss, dlogits = case.call(case.ids, case.targets, np.zeros_like(case.mask))
    except DiagnoseError:  # refused, as it should be
        return None
    if dlogits is not None and not np.isfinite(loss) and not dlogits.any():
        return "an empty mask gives a loss of NaN and a gradient of 0"
    if np.isfinite(loss) and (loss != 0 or has_constant_denominator(case)):
        return None
    name, what = ("empty_mask_nan", "NaN") if not np.isfinite(loss) else ("empty_mask_silent", "0")
    return Finding(name, f"the loss of an empty mask is {what}")


def has_constant_denominator(case):
    """Whether one target counts as much in the batch as alone: a sum, or a sum over a constant."""
    shares = [share for share in measure_shares(case) if np.isfinite(share.ratio)]
    weights = np.array([case.mask[share.place] for share in shares])
    return bool(shares) and close([share.ratio for share in shares], weights, max(s.error for s in shares))


def judge_gradient(slopes):
    """Whether dlogits are the gradient of the loss: a Finding where they are off by a constant, or None.

    Label smoothing e, if that is in the loss, leaves (1 - e) w and w (p - e / V) there: right is
    what some e explains. A further term in the loss leaves no constant at all.
    """
    if not slopes:
        return None
    for smoothing in np.linspace(0, 0.5, 51):
        ratios = np.array([compare_slope(*slope, smoothing) for slope in slopes])
        ratios = ratios[np.isfinite(ratios)]
        if smoothing == 0:
            unsmoothed = ratios
        if len(ratios) and close(ratios, 1.0):
            return None
    if len(unsmoothed) > 1 and np.ptp(unsmoothed) < EXACT * abs(unsmoothed[0]):
        return Finding("gradient_scaled", f"dlogits are {unsmoothed[0]:.4f} times the gradient of the loss")
    return Untested("a further term in dlogits hides whether they are the gradient of the loss")


# ---------------------------------------------------------------- what the loss divides by


def judge_constant_denominator(case, evidence):
    """A denominator that does not follow the mask: a count of places, another number, or 1 (a sum).

    Returns a Finding, None or a fact for what is right, or Untested where it cannot be told from outside.
    """
    if case.dlogits is not None:
        return judge_divisor(case, measure_divisor(case), evidence)
    longer = measure_with_more_pads(case)
    if longer and abs(longer[0] * longer[1] - case.loss) < 1e-3 * abs(case.loss):
        pads = f"{longer[1]:.2g} times the pads divide the loss by as much"
        return Finding("denominator_counts_all", f"{evidence}; {pads}")
    return UNCLEAR


def judge_divisor(case, divisor, evidence):
    """Whether one divisor of the whole batch is the one that is meant: a Finding, None or a fact."""
    meant, total = case.meant.denominator, case.mask.sum()
    says = f"{evidence}; the loss divides by {divisor:.1f}, whatever the mask"
    if meant == "sum":
        return None if close(divisor, 1.0) else Finding("denominator_differs", f"{says}; a sum is meant")
    if meant != "weights":
        fits = close(divisor, meant)
        return None if fits else Finding("denominator_differs", f"{says}; {meant:g} is meant")
    if close(divisor, 1.0) or close(divisor, total):  # a sum, or the count handed over
        return None
    B, T = case.mask.shape
    real = (case.roles != PAD).sum()
    exact = max(EXACT, case.resolution.relative)
    for count in (B * T, B * (T + 1), real, real + B, real + len(case.documents)):
        if abs(divisor / count - 1) < exact:
            return Finding("denominator_counts_all", says)
    for name, number in case.handed.items():
        if abs(divisor - number) < exact * divisor:
            return f"the loss divides by a number that is handed over ({name} = {number:g})"
    return Finding("denominator_differs", says + compare_divisor(case))


def compare_scale(case):
    """A fact where the loss is a constant times the mean, as with a window that is divided by its steps."""
    if case.dlogits is None:
        return None
    scale = case.mask.sum() / measure_divisor(case)
    return None if close(scale, 1.0) or not np.isfinite(scale) else f"the loss is {scale:.3g} times the mean"


def judge_divisors(case):
    """The same from the gradient alone, for losses that are too coarse: row by row."""
    examples = np.flatnonzero(sum_by_example(case))
    divisors = np.array([measure_divisor(case, case.layout.examples == k) for k in examples])
    if close(divisors, divisors[0]):
        return judge_divisor(case, float(np.median(divisors)), "read off dlogits, since the loss is coarse")
    groups = find_groups(case, examples, divisors)
    name = "mean_of_means" if groups else "denominator_differs"
    shown = ", ".join(f"{divisor:.1f}" for divisor in divisors[:4])
    return Finding(name, f"by the gradient, the examples' loss weights are divided by {shown}")


def compare_divisor(case):
    """The divisor beside the sum of the loss weights, as text to add to the evidence; "" if unknown."""
    if case.dlogits is None:
        return ""
    divisor, total, B = measure_divisor(case), case.mask.sum(), len(case.mask)
    more = divisor - total
    is_whole = 0.5 < more < 3.5 * B and abs(more / B - round(more / B)) < 0.02
    a_row = f", {more / B:.3g} more for each row" if is_whole else ""
    return f"; the loss weights sum to {total:.4g}, the divisor is {divisor:.4g}{a_row}"


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
