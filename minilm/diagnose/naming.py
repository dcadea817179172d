"""From what the probes measured to a fault's name: the shortest explanation that fits exactly."""

from typing import NamedTuple

import numpy as np

from . import locate, probes
from .locate import LEAD, PAD, PROMPT, RESPONSE, STOP, TAIL, TOOL

UNTESTED = "untested"  # an outcome beside a Finding and None
KNOWN_PARTS = (PROMPT, TOOL, RESPONSE, STOP)


class Finding(NamedTuple):
    """A fault's name, and the measurement that shows it."""

    fault: str
    evidence: str


def of_the_mask(mask, case):
    """What is wrong with a mask (B, T), as a Finding, or None.

    Examples without any weight are told apart first; then each known mistake's mask is compared.
    """
    here = [(d.row, slice(max(d.spans[0][0] - 1, 0), d.spans[-1][1] + 1)) for d in case.documents]
    empty = [k for k, at in enumerate(here) if case.weights[at].any() and not mask[at].any()]
    if empty:
        return Finding("marker_not_found", f"examples {some(empty)} of {len(here)} carry no weight at all")
    care = np.isin(case.roles, KNOWN_PARTS)
    scaled = mask / mask.max()
    if not matches(scaled, case.weights, care):
        for name, wrong in mistakes(case).items():
            inner = care.copy()  # np.roll brings something else in at the end it comes from
            inner[:, {"mask_one_late": [0], "mask_one_early": [-1]}.get(name, [])] = False
            if matches(scaled, wrong, inner) and not matches(case.weights, wrong, inner):
                return Finding(name, places(scaled, case, care))
        return Finding("mask_differs", places(scaled, case, care))
    return beyond_the_parts(scaled, case)


def beyond_the_parts(scaled, case):
    """Weight on pads, or on the first token of the next document in a packed row."""
    for role, name in ((PAD, "pads_in_the_loss"), (LEAD, "boundary_in_the_loss")):
        lit = (scaled > 0) & (case.roles == role)
        if lit.any():
            return Finding(name, f"{int(lit.sum())} {locate.NAMES[role]} targets carry weight: {first(lit)}")
    return None


def mistakes(case):
    """What the mask would be under each known mistake, by name."""
    right, roles = case.weights, case.roles
    known = np.isin(roles, KNOWN_PARTS)
    last = np.zeros(right.shape)
    for doc in case.documents:
        last[doc.row, max(doc.spans[-1][0] - 1, 0) :] = 1
    return {
        "mask_not_applied": known * 1.0,
        "mask_one_late": moved(right, 1),
        "mask_one_early": moved(right, -1),
        "mask_inverted": np.isin(roles, (PROMPT, TOOL)) * 1.0,
        "last_turn_only": right * last,
        "tool_output_trained": np.where(roles == TOOL, 1.0, right),
        "eos_masked": np.where(roles == STOP, 0.0, right),
    }


def moved(weights, places):
    """Columns moved to the right, or left if negative."""
    out = np.zeros_like(weights)
    if places > 0:
        out[:, places:] = weights[:, :-places]
    else:
        out[:, :places] = weights[:, -places:]
    return out


def matches(a, b, where):
    """Whether two masks agree on the places that count."""
    return np.allclose(a[where], b[where], atol=1e-4)


def places(scaled, case, care):
    """Which known targets carry weight though they should not, and the other way round, as text."""
    said = []
    for role in KNOWN_PARTS:
        here = care & (case.roles == role)
        wrong = here & ~np.isclose(scaled, case.weights, atol=1e-4)
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0])
            said.append(
                f"{int(wrong.sum())} of {int(here.sum())} {locate.NAMES[role]} targets, the first at "
                f"{first(wrong)}: {scaled[at]:.2g} where {case.weights[at]:.2g} is meant"
            )
    return "; ".join(said)


def of_the_use(case, weights, lit):
    """What the step makes of a mask that it is given: weights (B, T) that its gradient or loss has."""
    given = case.mask > 0
    used = weights > 1e-3 * max(weights.max(), 1e-30)
    masked_but_lit = lit & ~given & (case.roles != TAIL)
    if (used == given)[case.roles != TAIL].all():
        if masked_but_lit.any():
            return Finding(
                "smoothing_ignores_mask",
                f"{int(masked_but_lit.sum())} masked rows of dlogits are not zero, the first at "
                f"{first(masked_but_lit)}, and do not change with their targets",
            )
        return None
    pads = case.roles == PAD
    if not used.any():
        second = "" if case.dlogits is None else ", or is the second value the logits, not their gradient?"
        return Finding("targets_unused", f"other targets change nothing: does the step use its own{second}")
    if used.all() and (pads | (case.roles == LEAD)).any() and pads_count(case):
        return Finding("mask_after_reduction", f"all {used.size} targets carry weight, pads too")
    if used[~pads].all():
        return Finding(
            "mask_not_applied", f"the step is given a mask and has weight at {first(used & ~given)}"
        )
    for name, step in (("mask_one_late", 1), ("mask_one_early", -1)):
        wrong = (moved(given * 1.0, step) > 0) & (case.targets >= 0)
        if (wrong == used)[:, 1:-1].all():
            return Finding(name, f"the step uses the mask moved by one: {unlike(used, given)}")
    return Finding("mask_differs", f"the step uses another mask: {unlike(used, given)}")


def unlike(used, given):
    """Where two masks differ, as text."""
    return f"weight at {first(used & ~given)} that is masked, none at {first(given & ~used)} that is not"


def pads_count(case):
    """Whether pads that are appended move the loss, which tells more than a pad exchanged for a word."""
    longer = probes.padded(case)
    return longer is None or probes.moved(case, longer[0], case.loss)


def of_the_mean(case, measured):
    """The denominator, from `probes.shares`; also whether gradient and loss agree on it."""
    told = [entry for entry in measured if np.isfinite(entry[1])]
    if not told:
        return UNTESTED
    seen = np.array([s for _, s, _ in told])
    weight = np.array([case.mask[place] for place, _, _ in told])
    row_sum = np.array([case.mask[place[0]].sum() for place, _, _ in told])
    n_rows = int((case.mask.sum(axis=1) > 0).sum())
    total = case.mask.sum()
    if not close(seen, weight / total):
        right = weight[0] / total
        said = f"a response target has {seen[0]:.4f} of the loss that it has alone; right is {right:.4f}"
        if any(close(seen, weight / row_sum / k) for k in (1, n_rows)) and np.ptp(row_sum):
            return Finding(
                "mean_of_means", said + f", 1 / (rows x tokens in its row) is {1 / n_rows / row_sum[0]:.4f}"
            )
        if close(seen, weight):
            return counted(case, said)
        return Finding("denominator_differs", said)
    return of_the_slope([entries for _, _, entries in told if entries is not None])


def of_the_slope(measured):
    """Whether dlogits are the gradient of the loss, from `probes.entries`: a constant off, or right.

    Label smoothing e, if that is in the loss, leaves (1 - e) w and w (p - e / V) there: right is
    what some e explains.
    """
    for smoothing in np.linspace(0, 0.5, 51):
        ratios = np.array([slope_ratio(*entries, smoothing) for entries in measured])
        ratios = ratios[np.isfinite(ratios)]
        if smoothing == 0:
            plain = ratios
        if len(ratios) and close(ratios, 1.0):
            return None
    if len(plain) and close(plain, plain[0]):
        return Finding("gradient_scaled", f"dlogits are {plain[0]:.4f} times the gradient of the loss")
    return None


def slope_ratio(wp, wp_other, w, V, observed, smoothing):
    """The change of the loss that dlogits promise over the observed one; NaN where they promise none."""
    p, other = (a * (1 - smoothing) + w * smoothing / V for a in (wp, wp_other))
    return w * np.log(p / other) / observed if min(w, p, other) > 0 and observed else np.nan


def counted(case, said):
    """The denominator does not follow the mask: a count of places, another constant, or 1 (a sum).

    "untested" where it cannot be told from outside which.
    """
    if case.dlogits is None:
        longer = probes.padded(case)
        if longer and abs(longer[0] * longer[1] - case.loss) < 1e-3 * abs(case.loss):
            more = f"{longer[1]:.2g} times the pads divide the loss by as much"
            return Finding("denominator_counts_all", f"{said}; {more}")
        return UNTESTED
    weights, _ = probes.gradient_weights(case)
    lit = (case.mask > 0) & (weights > 0)
    divisor = float(np.median(case.mask[lit] / weights[lit]))
    if close(divisor, 1.0) or close(divisor, case.mask.sum()):  # a sum, or the count handed over
        return None
    counts = (case.mask.size, (case.roles != PAD).sum())
    name = "denominator_counts_all" if any(close(divisor, n) for n in counts) else "denominator_differs"
    return Finding(name, f"{said}; the loss divides by {divisor:.1f}, whatever the mask")


def close(a, b):
    """Equal up to what float32 leaves of a difference of losses."""
    return bool(np.allclose(a, b, rtol=0.02))


def first(where):
    """The first place of a boolean array, as text."""
    at = np.argwhere(where)
    return f"[{at[0][0]}, {at[0][1]}]" if len(at) else "no place"


def some(numbers):
    """A short list of numbers, as text."""
    shown = ", ".join(map(str, numbers[:4]))
    return f"{shown}, ..." if len(numbers) > 4 else shown
