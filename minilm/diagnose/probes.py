"""Controlled probes of a step function: change one thing in a batch, and see what the loss says.

Everything here needs only that the step can be called; what dlogits add is used where they come.
"""

import numpy as np

from . import locate
from .locate import DiagnoseError

NOISE = 3e-7  # relative: below it, a float32 loss did not change


def moved(case, loss, other):
    """Whether a loss changed by more than rounding."""
    return abs(loss - other) > NOISE * max(abs(loss), abs(other), abs(case.loss))


def with_mask_in_targets(case):
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
        if moved(case, case.call(case.ids, case.targets, other)[0], case.loss):
            return case

    def call(ids, targets, mask):
        return case.call(ids, np.where(mask > 0, targets, -100), mask)

    return case._replace(call=call)


def exchanged(case, turn=1):
    """Every target replaced by another id of the batch (the `turn`-th after it); -100 stays."""
    pool = np.unique(case.ids)
    places = np.searchsorted(pool, case.targets) + turn
    return np.where(case.targets >= 0, pool[places % len(pool)], case.targets)


def gradient_weights(case):
    """What the gradient weighs every target by (B, T), and whose rows of dlogits are lit at all.

    A row is w (p - onehot(y)). Exchange y for y' and its entry at y rises by w, whatever p is. A
    row that is lit and does not care for its target has w = 0: something else lights it.
    """
    _, other = case.call(case.ids, exchanged(case), case.mask)
    norms = np.linalg.norm(case.dlogits, axis=-1)
    lit = norms > 1e-6 * max(norms.max(), 1e-30)
    y, y_other = (d.argmin(axis=-1) for d in (case.dlogits, other))
    rise = np.take_along_axis(other - case.dlogits, y[..., None], axis=-1)[..., 0]
    weights = np.where(lit & (y != y_other), rise, 0.0)
    for ahead in (0, 1, -1):  # a step that shifts once more lights another row than the target's own
        if (np.roll(case.targets, -ahead, axis=1) == y)[weights > 0].all():
            return np.roll(weights, ahead, axis=1), np.roll(lit, ahead, axis=1)
    return weights, lit


def loss_lights(case):
    """Which targets the loss depends on (B, T): exchange many, and halve them where the loss moves.

    The black-box form of gradient_weights; the only one that tells the loss's own mask.
    """
    lit = np.zeros(case.ids.shape, bool)
    left = [np.argwhere(case.targets >= 0)]
    while left:
        places = left.pop()
        at = tuple(places.T)
        if len(places) and any(moved(case, exchange_at(case, at, turn), case.loss) for turn in (1, 2)):
            if len(places) == 1:
                lit[at] = True
            else:
                left += np.array_split(places, 2)
    return lit


def exchange_at(case, place, turn, mask=None):
    """The loss when the targets at one place, or at index arrays of several, are others."""
    targets = case.targets.copy()
    targets[place] = exchanged(case, turn)[place]
    return case.call(case.ids, targets, case.mask if mask is None else mask)[0]


def shares(case):
    """What part of the loss one response target of each document is, against its loss alone.

    Exchange the target under the batch's mask, and under a mask that holds it alone: the ratio of
    the changes is weight / sum(weights) if the mean is right, and 1 under a sum. Returns a list of
    (place, share, what `entries` says).
    """
    found = []
    for doc in case.documents:
        places = [(doc.row, at - 1) for at in range(*doc.spans[-1][:2]) if at - 1 < case.ids.shape[1]]
        places = [p for p in places if case.mask[p] > 0 and case.targets[p] >= 0 and p[1] >= 0]
        if places:
            found.append((places[0], *share(case, places[0])))
    return found


def share(case, place):
    """One entry of `shares`, with the id that changes the loss most."""
    alone = np.zeros_like(case.mask)
    alone[place] = 1.0
    loss_alone = case.call(case.ids, case.targets, alone)[0]
    turns = range(1, min(6, len(np.unique(case.ids))))
    change = {turn: exchange_at(case, place, turn, alone) - loss_alone for turn in turns}
    turn = max(change, key=lambda t: abs(change[t]), default=1)
    if not change or not moved(case, change[turn], 0.0):
        return np.nan, None
    observed = exchange_at(case, place, turn) - case.loss
    return observed / change[turn], entries(case, place, turn, observed)


def entries(case, place, turn, observed):
    """What dlogits hold at an exchanged target: (w p(y), w p(y'), w, V, change of the loss), or None.

    With weight w the loss changes by w (log p(y) - log p(y')); w p(y') stands in dlogits, and
    w p(y) after the exchange.
    """
    if case.dlogits is None:
        return None
    targets = case.targets.copy()
    targets[place] = other = exchanged(case, turn)[place]
    y, before = case.targets[place], case.dlogits[place]
    after = case.call(case.ids, targets, case.mask)[1][place]
    return float(after[y]), float(before[other]), float(after[y] - before[y]), len(before), observed


def padded(case):
    """(the loss with pads without weight appended, by what factor the batch grew), or None.

    Twice the columns, or one more where the model has no positions for that.
    """
    B, T = case.ids.shape
    pads = case.targets[(case.roles == locate.PAD) & (case.targets >= 0)]
    pad_id = pads[0] if len(pads) else case.ids[0, -1]
    for extra in (T, 1):
        grown = ((0, 0), (0, extra))
        ids, targets = (np.pad(a, grown, constant_values=pad_id) for a in (case.ids, case.targets))
        mask = np.concatenate([case.mask, np.zeros((B, extra))], axis=1)
        try:
            return case.call(ids, targets, mask)[0], (T + extra) / T
        except DiagnoseError:
            continue
    return None


def empty(case):
    """What the step says of a mask without a single 1: "refused", "nan", "zero" or "other"."""
    try:
        loss, _ = case.call(case.ids, case.targets, np.zeros_like(case.mask))
    except DiagnoseError:
        return "refused"
    return "zero" if loss == 0 else "other" if np.isfinite(loss) else "nan"


def split(case):
    """The loss of the batch, and the token-weighted mean of its rows' losses; None for one row."""
    totals = case.mask.sum(axis=1)
    rows_with = np.flatnonzero(totals)
    if len(rows_with) < 2:
        return None
    parts = []
    for row in rows_with:
        mask = np.zeros_like(case.mask)
        mask[row] = case.mask[row]
        parts.append(case.call(case.ids, case.targets, mask)[0])
    return case.loss, float(np.dot(totals[rows_with], parts) / totals.sum())
