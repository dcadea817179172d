"""What make_batch returns, in one of two forms, and how a changed batch is handed to the step.

(ids, targets, mask, ...)                        arrays (B, T); targets[:, t] follows ids[:, t]
{"input_ids": ..., "labels": ..., ...}           arrays (B, n), labels at their own place
"""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .report import DiagnoseError
from .shift import IGNORED, find_shift, find_strangers

MASKS = ("loss_mask", "completion_mask", "assistant_masks", "mask")  # what a dict's loss weights are called


class Batch(NamedTuple):
    """Arrays (B, T), targets shifted and -100 where there is none, and what goes with them.

    is_real (B, T + 1): which tokens the attention mask shows; None if there is none. rebuild(ids, targets,
    mask): the arguments for the step, of this batch or of one with pads appended. handed: the numbers among
    them. is_dict: whether the step gets a dict, and logits at all T + 1 places.
    """

    ids: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    is_real: np.ndarray | None
    rebuild: object
    handed: dict
    is_dict: bool = False


def call_make_batch(make_batch, examples, ignore_index=IGNORED):
    """A Batch from a user's make_batch. Raises DiagnoseError for anything else."""
    try:
        made = make_batch(examples)
        if isinstance(made, Mapping):
            return read_dict(dict(made), ignore_index)
        ids, targets, mask, *extras = made
        ids, targets, mask = (np.array(a) for a in (ids, targets, mask))
    except DiagnoseError:
        raise
    except Exception as error:
        raise DiagnoseError(
            f"make_batch failed on {len(examples)} examples: {type(error).__name__}: {error}; it must return "
            "(ids, targets, mask), rectangular arrays of shape (B, T), or a dict of input_ids and labels"
        ) from error
    require_arrays(ids, targets, mask)
    return read_tuple(
        ids.astype(np.int64), targets.astype(np.int64), mask.astype(float), extras, ignore_index
    )


def read_tuple(ids, targets, mask, extras, ignore_index):
    """The Batch of ids, targets and a mask (B, T), and of what else is handed to the step.

    A target that is ignored carries no loss, whatever the mask says there; the step gets both as they were.
    """
    filler = find_filler(ids, targets, mask, ignore_index)
    known = np.where((targets == ignore_index) | ((targets == filler) & (mask == 0)), IGNORED, targets)
    beside = np.where(known == IGNORED, mask, 0.0)  # loss weights where nothing is predicted

    def rebuild(ids, targets, mask):
        given = np.where(targets == IGNORED, filler, targets)
        T = ids.shape[1]
        return [ids.copy(), given, mask + widen(beside, T), *(widen(extra, T) for extra in extras)]

    numbers = {f"extra {k + 1}": extra for k, extra in enumerate(extras)}
    return Batch(ids, known, mask - beside, None, rebuild, list_handed(numbers))


def find_filler(ids, targets, mask, ignore_index):
    """What stands in place of masked targets: ignore_index, or one id such as 0."""
    if ignore_index in targets or find_shift(ids, targets) == 1:
        return ignore_index
    strange = targets[find_strangers(ids, targets) & (mask == 0)]
    is_filler = len(strange) and (strange == strange[0]).all()
    lit = np.where(mask > 0, targets, IGNORED)
    return int(strange[0]) if is_filler and find_shift(ids, lit) == 1 else ignore_index


def require_arrays(ids, targets, mask):
    """Raise DiagnoseError unless ids and targets are integers, mask weights, all of one (B, T), T >= 3."""
    for name, array, kinds in (("ids", ids, "iu"), ("targets", targets, "iu"), ("mask", mask, "biuf")):
        if array.ndim != 2 or array.shape != ids.shape or array.dtype.kind not in kinds:
            raise DiagnoseError(
                f"make_batch returned {name} of shape {array.shape}, {array.dtype}: ids and targets are "
                f"integers and mask numbers, all of one shape (B, T)"
            )
    mask = mask.astype(float)
    if not np.isfinite(mask).all() or (mask < 0).any():
        raise DiagnoseError("make_batch returned a mask with negative or non-finite weights")
    if ids.shape[1] < 3:
        raise DiagnoseError(f"the rows have {ids.shape[1]} targets: give longer examples, of 3 at least")


def read_dict(given, ignore_index):
    """A Batch from a dict in transformers' form. Raises DiagnoseError for one without input_ids or labels."""
    given = {key: read_value(value) for key, value in given.items()}
    name = "shift_labels" if "shift_labels" in given else "labels"
    if "input_ids" not in given or name not in given:
        raise DiagnoseError(
            f"make_batch returned a dict of {', '.join(map(str, given)) or 'nothing'}: it needs "
            "input_ids and labels, as the loss sees them"
        )
    ids, labels = given["input_ids"], given[name]
    masks = [key for key in MASKS if np.shape(given.get(key)) == ids.shape]
    weights = np.prod([np.ones(ids.shape), labels != ignore_index, *(given[key] for key in masks)], axis=0)
    require_arrays(ids, labels, weights)
    labels = np.where(labels == ignore_index, IGNORED, labels).astype(np.int64)
    ids, is_real = ids.astype(np.int64), given.get("attention_mask")
    is_real = np.asarray(is_real) != 0 if np.shape(is_real) == ids.shape else None
    first = 0 if name == "shift_labels" or is_ahead(ids, labels) else 1  # the first label that is predicted
    rebuild = functools.partial(change_dict, given, name, masks, first, ignore_index)
    if first == 0:
        is_real = None if is_real is None else np.pad(is_real, ((0, 0), (0, 1)), mode="edge")
        return Batch(ids, labels, weights, is_real, rebuild, list_handed(given), True)
    targets = np.where(labels == IGNORED, ids, labels)[:, 1:]
    return Batch(ids[:, :-1], targets, weights[:, 1:], is_real, rebuild, list_handed(given), True)


def change_dict(given, name, masks, first, ignore_index, ids, targets, mask):
    """The argument for a step that takes a dict: `given` with other ids, targets and mask (B, T), copied.

    name: what the labels are called; masks: what the loss weights beside them are; first: the place of the
    first label that is predicted, 0 if labels stand one place ahead.
    """
    T = ids.shape[1] + first
    batch = {key: widen(value, T) for key, value in given.items()}
    is_grown = T > given["input_ids"].shape[1]
    last = ids[:, -1:] if is_grown else given["input_ids"][:, -1:]  # is read by no target
    batch["input_ids"] = np.concatenate([ids, last], axis=1)[:, :T]
    shown = mask > 0
    if masks:  # loss weights that stand beside the labels are changed themselves; the labels stay
        shown = shown | (widen(given[name] != ignore_index, T)[:, first:] != 0)
    batch[name][:, first:] = np.where(shown & (targets != IGNORED), targets, ignore_index)
    for key in masks:
        batch[key] = batch[key].astype(float)
        batch[key][:, first:] = mask
    return [batch]


def is_ahead(ids, labels):
    """Whether labels stand one place ahead of their ids, and not at their own place."""
    labelled = labels != IGNORED
    at_home = (labels == ids)[labelled].all()
    return bool(not at_home and (labels[:, :-1] == ids[:, 1:])[labelled[:, :-1]].all())


def read_value(value):
    """A value of a dict: an array, or a list of numbers or of rows, as an array; all else as it is."""
    is_list = isinstance(value, list) and value and not isinstance(value[0], str | dict)
    return np.array(value) if hasattr(value, "shape") or is_list else value


def list_handed(given):
    """The numbers among what is handed to the step, such as num_items_in_batch, by name."""
    return {str(key): read_number(value) for key, value in given.items() if holds_one_number(value)}


def holds_one_number(value):
    """Whether something is one real number, or holds one alone."""
    if isinstance(value, bool | str | bytes | Mapping):
        return False
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return False
    return array.size == 1 and array.dtype.kind in "iuf"


def read_number(value):
    """One number as a float."""
    return float(np.asarray(value).reshape(()))


def widen(value, T):
    """An array (B, < T) with columns of 0 for the pads that a probe appends; all else as it is, copied."""
    if not isinstance(value, np.ndarray):
        return value
    if value.ndim != 2 or value.shape[1] >= T or value.shape[1] < 2:
        return value.copy()
    return np.pad(value, ((0, 0), (0, T - value.shape[1])))
