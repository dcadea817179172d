"""A batch with all that is known of it, and the probes that several checks share.

A probe changes one thing in the batch and looks at what the loss says. It needs only that the step can
be called; what dlogits add is used where the step returns them.
"""

from typing import NamedTuple

import numpy as np

from .batch import Batch
from .examples import PAD, PROMPT, RESPONSE, TOOL
from .locate import Document
from .report import DiagnoseError
from .step import ROUNDING, Resolution
from .template import Layout


class Alone(NamedTuple):
    """An example in a batch of its own. before, after: what stands around it, nearest first, without pads."""

    batch: Batch
    call: object
    document: Document
    before: list
    after: list
    layout: Layout


class Case(NamedTuple):
    """A batch with all that is known of it: arrays (B, T), the layout that of the targets."""

    call: object  # (ids, targets, mask) -> (loss, dlogits or None)
    ids: np.ndarray
    targets: np.ndarray
    mask: np.ndarray  # as made
    layout: Layout
    documents: list
    alone: list  # an Alone for each example
    meant: object  # a Meant
    handed: dict  # numbers that the batch hands to the step
    stop_is_guess: bool  # what is taken for the stop token may be a pad
    loss: float = np.nan
    dlogits: np.ndarray | None = None
    resolution: Resolution = Resolution(ROUNDING, "")
    measured: np.ndarray | None = None  # what the step weighs every target by, up to a factor
    lit: np.ndarray | None = None  # whose rows of dlogits are not zero, or which targets the loss depends on

    @property
    def weights(self):
        """The loss weights as meant."""
        return self.layout.meant

    @property
    def roles(self):
        """What each target counts as."""
        return self.layout.roles

    @property
    def pool(self):
        """The ids that stand in for others: those of the parts; pads and specials can mean more."""
        parts = np.isin(self.roles, (PROMPT, TOOL, RESPONSE)) & (self.targets >= 0)
        words = np.unique(self.targets[parts])
        return words if len(words) > 2 else np.unique(self.ids)

    def measure_loss(self, ids=None, targets=None, mask=None):
        """The step's loss on the batch with the given arrays in place of its own."""
        ids = self.ids if ids is None else ids
        targets = self.targets if targets is None else targets
        return self.call(ids, targets, self.mask if mask is None else mask)[0]

    def measure_effect(self, place, turn=1, ids=None, mask=None):
        """(how the loss changes when the target at a place is exchanged, how exactly that is known).

        Terms of the loss that know no targets, such as a router's balance, fall out of it.
        """
        other = exchange_targets_at(self, place, turn)
        losses = self.measure_loss(ids, None, mask), self.measure_loss(ids, other, mask)
        return losses[1] - losses[0], self.resolution.relative * max(map(abs, losses))

    def has_moved(self, loss, other):
        """Whether a loss changed by more than rounding."""
        return abs(loss - other) > self.resolution.relative * max(abs(loss), abs(other), abs(self.loss))


def mask_only(case, places):
    """A mask (B, T) that is 1 at the places (an index of arrays) and 0 elsewhere."""
    mask = np.zeros_like(case.mask)
    mask[places] = 1.0
    return mask


def exchange_inputs(case, places):
    """Inputs with another id of the batch at each of the places, a list of (row, column)."""
    ids, pool = case.ids.copy(), case.pool
    for place in places:
        ids[place] = pool[(np.searchsorted(pool, ids[place]) + 1) % len(pool)]
    return ids


def exchange_targets(case, turn=1):
    """Every target replaced by another id of the batch (the `turn`-th after it); -100 stays."""
    pool = case.pool
    places = np.searchsorted(pool, case.targets) + turn
    return np.where(case.targets >= 0, pool[places % len(pool)], case.targets)


def exchange_targets_at(case, places, turn=1):
    """Targets that are exchanged at the places (an index of arrays) alone."""
    targets = case.targets.copy()
    targets[places] = exchange_targets(case, turn)[places]
    return targets


def find_largest_effect(case, place, mask):
    """(turn, effect, error) of the exchange of a target whose effect is largest: it is measured best."""
    before = case.measure_loss(mask=mask)
    best = 1, 0.0, np.inf
    for turn in range(1, min(6, len(case.pool))):
        after = case.measure_loss(targets=exchange_targets_at(case, place, turn), mask=mask)
        if abs(after - before) >= abs(best[1]):
            best = turn, after - before, case.resolution.relative * max(abs(after), abs(before))
    return best


def measure_with_more_pads(case):
    """(the loss with pads without loss weight appended, by what factor the batch grew), or None.

    Twice the columns, or one more where the model has no positions for that.
    """
    B, T = case.ids.shape
    pads = case.targets[(case.roles == PAD) & (case.targets >= 0)]
    pad_id = pads[0] if len(pads) else case.ids[0, -1]
    for extra in (T, 1):
        grown = ((0, 0), (0, extra))
        ids, targets = (np.pad(a, grown, constant_values=pad_id) for a in (case.ids, case.targets))
        mask = np.concatenate([case.mask, np.zeros((B, extra))], axis=1)
        try:
            return case.measure_loss(ids, targets, mask), (T + extra) / T
        except DiagnoseError:
            continue
    return None
