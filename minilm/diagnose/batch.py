"""What make_batch returns, in one of two forms, and how a changed batch is handed to the step.

(ids, targets, mask, ...)                        arrays (B, T); targets[:, t] follows ids[:, t]
{"input_ids": ..., "labels": ..., ...}           arrays (B, n), labels at their own place
"""

from typing import NamedTuple

import numpy as np

from .report import DiagnoseError

IGNORED = -100
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
        if isinstance(made, dict):
            return read_dict(made, ignore_index)
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
    targets = np.where(targets == ignore_index, IGNORED, targets).astype(np.int64)

    def rebuild(ids, targets, mask):
        given = np.where(targets == IGNORED, ignore_index, targets)
        return [ids.copy(), given, mask.copy(), *(widen(extra, ids.shape[1]) for extra in extras)]

    handed = {f"extra {k + 1}": float(extra) for k, extra in enumerate(extras) if is_number(extra)}
    return Batch(ids.astype(np.int64), targets, mask.astype(float), None, rebuild, handed)


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
    given = {key: np.array(value) if hasattr(value, "shape") else value for key, value in given.items()}
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
    known = np.where(labels == IGNORED, ids, labels)

    def rebuild(new_ids, targets, mask):
        T, lost = new_ids.shape[1] + first, new_ids.shape[1] == ids.shape[1] - 1
        batch = {key: widen(value, T) for key, value in given.items()}
        tail = ids[:, -1:] if lost else np.repeat(new_ids[:, -1:], first, axis=1)
        batch["input_ids"] = np.concatenate([new_ids, tail], axis=1)[:, :T]
        shown = mask > 0
        if masks:  # loss weights that stand beside the labels are changed themselves; the labels stay
            shown = shown | (widen(given[name] != ignore_index, T)[:, first:] != 0)
        batch[name][:, first:] = np.where(shown & (targets != IGNORED), targets, ignore_index)
        for key in masks:
            batch[key] = batch[key].astype(float)
            batch[key][:, first:] = mask
        return [batch]

    if first == 0:
        is_real = None if is_real is None else np.pad(is_real, ((0, 0), (0, 1)), mode="edge")
        return Batch(ids, labels, weights, is_real, rebuild, list_handed(given), True)
    return Batch(ids[:, :-1], known[:, 1:], weights[:, 1:], is_real, rebuild, list_handed(given), True)


def is_ahead(ids, labels):
    """Whether labels stand one place ahead of their ids, and not at their own place."""
    labelled = labels != IGNORED
    at_home = (labels == ids)[labelled].all()
    return bool(not at_home and (labels[:, :-1] == ids[:, 1:])[labelled[:, :-1]].all())


def list_handed(given):
    """The numbers in a dict, such as num_items_in_batch."""
    return {str(key): float(value) for key, value in given.items() if is_number(value)}


def is_number(value):
    """Whether something is one real number."""
    if isinstance(value, bool) or isinstance(value, str | bytes | dict | list | tuple):
        return False
    array = np.asarray(value)
    return array.size == 1 and array.dtype.kind in "iuf"


def widen(value, T):
    """An array (B, < T) with columns of 0 for the pads that a probe appends; all else as it is, copied."""
    if not isinstance(value, np.ndarray):
        return value
    if value.ndim != 2 or value.shape[1] >= T or value.shape[1] < 2:
        return value.copy()
    return np.pad(value, ((0, 0), (0, T - value.shape[1])))
