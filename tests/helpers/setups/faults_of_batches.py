"""Faults of the batch, each a function Plan -> Plan of the plan that has it."""

import numpy as np

from . import steps
from .faults_of_rows import weigh


def change_batch(plan, fault):
    """The plan with fault(ids, targets, mask, *extras) of its batches."""
    return plan._replace(collate=lambda rows: fault(*plan.collate(rows)))


def do_not_shift(plan):
    return change_batch(plan, lambda ids, targets, mask, *extras: (ids, ids, mask, *extras))


def shift_twice(plan):
    """Targets and mask move together."""

    def fault(ids, targets, mask, *extras):
        return ids, steps.shift_left(targets, -100), steps.shift_left(mask, 0.0), *extras

    return change_batch(plan, fault)


def mix_targets_up(plan):
    """Targets belong to the batch's other rows."""
    return change_batch(
        plan, lambda ids, targets, mask, *extras: (ids, np.roll(targets, 1, axis=0), mask, *extras)
    )


def light_pads(plan):
    """All behind each row is lit."""

    def collate(rows):
        ids, targets, mask, *extras = plan.collate(rows)
        lengths = np.array([len(row) for row in rows])[:, None]
        return ids, targets, np.where(np.arange(1, mask.shape[1] + 1) >= lengths, 1.0, mask), *extras

    return plan._replace(collate=collate)


def mask_by_column(plan):
    """Left-padded rows: as many columns are dark as the prompt is long, and the pads."""

    def collate(rows):
        ids, targets, _, positions, real = plan.collate(rows)
        starts = [next(k for k, piece in enumerate(row) if piece.weight > 0) for row in rows]
        mask = np.arange(1, ids.shape[1] + 1) >= np.array(starts)[:, None]
        return ids, targets, mask * steps.shift_left(real, 1) * 1.0, positions, real

    return plan._replace(collate=collate)


def drop_mask_when_packed(plan):
    """Alone, a row is right; beside others, all of it is lit."""

    def collate(rows):
        return plan.collate(rows if len(rows) == 1 else [weigh(row, lambda p: 1) for row in rows])

    return plan._replace(collate=collate)


def light_boundaries(plan):
    """Each document's first token is lit as a target of the one before it."""

    def fault(ids, targets, mask, positions, documents):
        follows = (documents[:, 1:] != documents[:, :-1]) & (documents[:, 1:] >= 0)
        mask = mask.copy()
        mask[:, :-1] = np.where(follows, 1.0, mask[:, :-1])
        return ids, targets, mask, positions, documents

    return change_batch(plan, fault)


def light_boundaries_and_wrap(plan):
    """Rolled labels: the last place predicts the first token of all."""

    def fault(ids, targets, mask, positions, documents):
        mask = mask.copy()
        mask[:, -1] = 1.0
        return ids, targets, mask, positions, documents

    return light_boundaries(change_batch(plan, fault))


def light_boundaries_of_dict(plan):
    """labels keep each document's first token."""

    def collate(rows):
        batch = plan.collate(rows)
        first = batch["position_ids"] == 0
        return batch | {"labels": np.where(first, batch["input_ids"], batch["labels"])}

    return plan._replace(collate=collate)
