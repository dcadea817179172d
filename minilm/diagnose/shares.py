"""What does one target count in the loss, and what is its loss weight divided by?"""

import itertools
from typing import NamedTuple

import numpy as np

from .case import exchange_targets, exchange_targets_at, find_largest_effect, mask_only
from .reading import list_targets


class Share(NamedTuple):
    """What part of the loss one target is, against its loss alone: its loss weight over the denominator."""

    place: tuple
    ratio: float  # NaN where the target's exchange moves nothing
    error: float  # how exactly the ratio is known
    slopes: list  # what `measure_slope` returns, for several exchanges


def measure_shares(case):
    """The Share of one target of each document, and of one of each further loss weight.

    Exchange the target under the batch's mask, and under a mask that holds it alone: the ratio of
    the changes is weight / sum(weights) if the mean is right, and 1 under a sum.
    """
    chosen, known = [], set()
    for document in case.documents:
        places = [p for answer in document.answers for p in list_targets(case, document, answer)]
        chosen += [p for p in places if case.mask[p] > 0][-1:]
    known = {case.mask[place] for place in chosen}
    for place in map(tuple, np.argwhere((case.mask > 0) & (case.targets >= 0))):
        if case.mask[place] not in known and len(known) < 5:
            known.add(case.mask[place])
            chosen.append(place)
    return [measure_share(case, place) for place in chosen]


def measure_share(case, place):
    """The Share of the target at a place, measured with the id that changes the loss most."""
    alone = mask_only(case, place)
    turn, change, error = find_largest_effect(case, place, alone)
    if abs(change) <= error:
        return Share(place, np.nan, np.nan, [])
    observed, error_observed = case.measure_effect(place, turn)
    error = (error_observed + error * abs(observed / change)) / abs(change)
    slopes = [measure_slope(case, place, turn, observed)]
    slopes += [measure_slope(case, place, t, case.measure_effect(place, t)[0]) for t in {1, 2} - {turn}]
    return Share(place, observed / change, error, [slope for slope in slopes if slope is not None])


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


def compare_slope(wp, wp_other, w, V, observed, smoothing):
    """The change of the loss that dlogits promise over the observed one; NaN where they promise none."""
    p, p_other = (a * (1 - smoothing) + w * smoothing / V for a in (wp, wp_other))
    return w * np.log(p / p_other) / observed if min(w, p, p_other) > 0 and observed else np.nan


# ---------------------------------------------------------------- divisors


def sum_by_example(case):
    """The sum of the loss weights of every example."""
    return np.array([case.mask[case.layout.examples == k].sum() for k in range(len(case.documents))])


def measure_divisor(case, where=slice(None)):
    """What the gradient divides the loss weights by, in the batch or in a part of it."""
    mask, measured = case.mask[where], case.measured[where]
    lit = (mask > 0) & (measured > 0)
    return float(np.median(mask[lit] / measured[lit])) if lit.any() else np.nan


def find_groups(case, numbers, divisors):
    """Which groups of examples have means of their own that are averaged, as text; "" if none explains it.

    divisors: what the loss weights in these examples are divided by. Tried are rows, examples, neighbours in
    every way, and every n-th example, as workers take them.
    """
    sums, N = sum_by_example(case), len(case.documents)
    rows = np.array([document.row for document in case.documents])
    splits = [np.arange(N), rows, *(np.arange(N) % n for n in range(2, N))]
    if N <= 10:
        splits += [np.cumsum([0, *cuts]) for cuts in itertools.product((0, 1), repeat=N - 1)]
    for groups in splits:
        if groups.max() and close_groups(sums, groups, numbers, divisors):
            each = [np.flatnonzero(groups == g).tolist() for g in range(groups.max() + 1)]
            return "the examples" if len(each) == N else f"the groups of examples {each}"
    return ""


def close_groups(sums, groups, numbers, divisors):
    """Whether the examples' divisors are their group's sum of loss weights, or that times the groups."""
    totals = np.bincount(groups, weights=sums)
    own = totals[groups[numbers]]
    n_lit = int((totals > 0).sum())
    return any(close(divisors, own * n) for n in (1, n_lit, len(totals)))


def close(a, b, error=0.0):
    """Equal up to what float32 leaves of a difference of losses, or up to a known error."""
    return bool((np.abs(np.asarray(a) - b) <= 0.02 * np.abs(b) + 3 * np.asarray(error)).all())
