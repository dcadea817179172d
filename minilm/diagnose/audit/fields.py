"""The arrays of one prepared row, under the names that trainers give them.

    ids        input_ids, ids, tokens
    labels     labels, targets: ids, and the ignore index where there is no loss
    masks      loss_mask, mask, completion_mask, assistant_masks, assistant_mask, loss_weights, loss_weight,
               weights, loss_scale: loss weights; several are multiplied, as trainers do
    attention  attention_mask: 0 at pads
    positions  position_ids: 0 where a document of a packed row begins

Another list whose name speaks of a mask, a weight, a loss or labels is refused. All else is ignored:
it does not change the loss.
"""

import array
import functools
import re
from typing import NamedTuple

import numpy as np

from ..report import DiagnoseError

IDS = ("input_ids", "ids", "tokens")
LABELS = ("labels", "targets")
MASKS = (
    "loss_mask mask completion_mask assistant_masks assistant_mask "
    "loss_weights loss_weight weights loss_scale"
).split()
HARMLESS = ("attention_mask", "special_tokens_mask")
NO_LABELS = (
    "no labels: a trainer would take input_ids and train the prompts, too; give labels (-100: no loss) or a "
    "loss_mask"
)


class Fields(NamedTuple):
    """Arrays of one shape, (n,) or (B, T); None where a row does not have them. `masks` is their product.

    mask_name: the first mask's name, or None.
    """

    ids: np.ndarray
    labels: np.ndarray | None
    masks: np.ndarray | None
    attention: np.ndarray | None
    positions: np.ndarray | None
    mask_name: str | None


def name_ids(row):
    """The name under which a row, or an .npz file, holds ids; None if it holds none."""
    return next((name for name in IDS if row.get(name) is not None), None)


def parse_fields(row, n_axes=1):
    """A dict of lists or arrays -> Fields. Raises DiagnoseError, naming the field."""
    row = {name: value for name, value in row.items() if value is not None}
    refuse_unknown(row)
    name = name_ids(row)
    if name is None:
        raise DiagnoseError(f"there are no ids: it needs one of {', '.join(IDS)}")
    ids = require_integers(name, row[name], n_axes)
    labels = None
    if given := [name for name in LABELS if name in row]:
        labels = require_integers(given[0], row[given[0]], n_axes, ids.shape)
    masks, mask_name = multiply_masks(row, ids.shape)
    if labels is None and masks is None:
        raise DiagnoseError(NO_LABELS)
    if (ids < 0).any():
        raise DiagnoseError(f"{name} holds {ids[ids < 0][0]}: an id is never negative; pad with an id")
    attention, positions = (
        require_integers(key, row[key], n_axes, ids.shape) if key in row else None
        for key in ("attention_mask", "position_ids")
    )
    return Fields(ids, labels, masks, attention, positions, mask_name)


@functools.cache
def is_suspicious(name):
    """Whether a field of this name may decide the mask, and is not known."""
    is_known = name in LABELS or name in MASKS or name in HARMLESS
    return not is_known and bool(re.search("mask|weight|loss|label", name))


def refuse_unknown(row):
    """Raise DiagnoseError for a list that may decide the mask under a name that nobody knows."""
    for name, value in row.items():
        if is_suspicious(name) and isinstance(value, list | np.ndarray):
            raise DiagnoseError(
                f"the field {name!r:.80} is not known, and may decide what carries loss: name it "
                "loss_mask (1: carries loss), or drop it"
            )


def multiply_masks(row, shape):
    """The product of all masks of a row, and the first one's name; (None, None) without one."""
    given = [name for name in MASKS if isinstance(row.get(name), list | np.ndarray)]
    product = None
    for name in given:
        mask = require_rectangular(name, row[name])
        if mask.dtype.kind not in "biuf" or mask.shape != shape:
            raise DiagnoseError(
                f"{name} is {mask.dtype} of shape {mask.shape}: it must be numbers of the ids' shape {shape}"
            )
        if mask.dtype.kind in "if" and (not np.isfinite(mask).all() or (mask < 0).any()):
            raise DiagnoseError(f"{name} holds a negative weight, or one that is not finite")
        product = mask.astype(float) if product is None else product * mask
    return product, (given or [None])[0]


def require_integers(name, values, n_axes, shape=None):
    """An int64 array. Raises DiagnoseError for another dtype or shape, or nothing at all."""
    numbers = pack_integers(values) if isinstance(values, list) else None
    if numbers is None:
        if isinstance(values, list) and bool in map(type, values):
            raise DiagnoseError(f"{name} holds true or false: it must hold integers")
        numbers = require_rectangular(name, values)
    wants = "(n,), one list" if n_axes == 1 else "(B, T)"
    if numbers.ndim != n_axes or numbers.shape != (shape or numbers.shape) or numbers.size == 0:
        raise DiagnoseError(
            f"{name} has shape {numbers.shape}: ids, labels and masks have one shape {wants}, not empty"
        )
    if numbers.dtype.kind not in "iu":
        raise DiagnoseError(f"{name} holds {numbers.dtype}: it must hold integers")
    if numbers.dtype == np.uint64 and (numbers > np.iinfo(np.int64).max).any():
        raise DiagnoseError(f"{name} holds {numbers.max()}, which is no id")
    return numbers.astype(np.int64, copy=False)


def pack_integers(values):
    """A flat list of integers as an array, quickly; None for any other list."""
    if (True in values or False in values) and bool in map(type, values):  # True == 1
        return None
    try:
        return np.frombuffer(array.array("q", values), dtype=np.int64)
    except (TypeError, OverflowError, ValueError):
        return None


def require_rectangular(name, values):
    """An array of whatever was given. Raises DiagnoseError for rows of different lengths."""
    try:
        return np.asarray(values)
    except (ValueError, OverflowError):
        raise DiagnoseError(f"{name} has rows of different lengths: pad them to one (B, T)") from None
