"""The arrays of one prepared row, under the names that trainers give them.

    ids        input_ids, ids, tokens
    labels     labels, targets: ids, and the ignore index where there is no loss
    masks      loss_mask, mask, completion_mask, assistant_masks, assistant_mask, loss_weights, loss_weight,
               weights, loss_scale: loss weights; several are multiplied, as trainers do. One number for the
               row is a factor, and so is weight or sample_weight
    attention  attention_mask: 0 at pads, a positive number elsewhere
    starts     where documents of a packed row begin: see documents.py

Two names of one thing (input_ids and ids, labels and targets, loss_mask and completion_mask) must agree.
Another list whose name speaks of a mask, a weight, a loss or labels is refused. All else is ignored:
it does not change the loss.
"""

import functools
import re
from typing import NamedTuple

import numpy as np

from ..report import DiagnoseError
from . import documents
from .integers import pack_integers, require_integers, require_rectangular

IDS = ("input_ids", "ids", "tokens")
LABELS = ("labels", "targets")
MASKS = (
    "loss_mask mask completion_mask assistant_masks assistant_mask "
    "loss_weights loss_weight weights loss_scale"
).split()
FACTORS = ("weight", "sample_weight")
NUMBERS = frozenset((*FACTORS, *MASKS))
ALIKE = ("loss_mask", "mask", "completion_mask")  # masks that no trainer multiplies
TEXT = "messages conversations conversation prompt completion text instruction output".split()
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
    starts: np.ndarray | None
    mask_name: str | None


def name_ids(row):
    """The name under which a row, or an .npz file, holds ids; None if it holds none."""
    return next((name for name in IDS if row.get(name) is not None), None)


def parse_fields(row, n_axes=1):
    """A dict of lists or arrays -> Fields. Raises DiagnoseError, naming the field."""
    row = {name: value for name, value in row.items() if value is not None}
    refuse_unknown(row)
    name, ids = read_named(row, IDS, n_axes)
    if name is None:
        is_text = any(key in row for key in TEXT)
        two = "; the rows before hold ids: keep rows of text in a file of their own" if is_text else ""
        raise DiagnoseError(f"there are no ids: it needs one of {', '.join(IDS)}{two}")
    _, labels = read_named(row, LABELS, n_axes, ids.shape)
    masks, mask_name = multiply_masks(row, ids.shape)
    weights = multiply_factors(row, masks, ids.shape)
    if labels is None and masks is None:
        raise DiagnoseError(NO_LABELS)
    refuse_negative(name, ids)
    attention, positions = (
        require_integers(key, row[key], n_axes, ids.shape) if key in row else None
        for key in ("attention_mask", "position_ids")
    )
    if attention is not None and (attention < 0).any():
        raise DiagnoseError(
            f"attention_mask holds {attention.min()}: it is 0 at pads, elsewhere 1 or a document's number"
        )
    starts = documents.find_starts(row, ids.shape, attention, positions)
    return Fields(ids, labels, weights, attention, starts, mask_name)


def read_named(row, names, n_axes, shape=None):
    """The name and the integers of one field that has several names; (None, None) where it is absent."""
    given = [name for name in names if name in row]
    if not given:
        return None, None
    first = require_integers(given[0], row[given[0]], n_axes, shape)
    for name in given[1:]:
        other = pack_integers(row[name]) if isinstance(row[name], list) else row[name]
        if isinstance(other, np.ndarray):  # not text, nor a count
            refuse_difference(given[0], first, name, other)
    return given[0], first


def refuse_difference(name, values, other_name, others):
    """Raise DiagnoseError if two fields that say the same thing differ."""
    if values.shape != others.shape or (values != others).any():
        raise DiagnoseError(
            f"{name} and {other_name} differ, and both would be read: keep the one that your trainer reads"
        )


def refuse_negative(name, ids):
    """Raise DiagnoseError for a negative id, which may be the place of an image."""
    if (ids < 0).any():
        bad = ids[ids < 0][0]
        what = "pad with an id"
        if bad < -1 and (ids == bad).any(axis=-1).all():
            what = f"if {bad} marks the place of an image, write an id there that no text has"
        raise DiagnoseError(f"{name} holds {bad}: an id is never negative; {what}")


@functools.cache
def is_suspicious(name):
    """Whether a field of this name may decide the mask, and is not known."""
    is_known = name in (*LABELS, *MASKS, *FACTORS, *HARMLESS)
    return not is_known and bool(re.search("mask|weight|loss|label", name))


def refuse_unknown(row):
    """Raise DiagnoseError for a list that may decide the mask under a name that nobody knows."""
    for name, value in row.items():
        if is_suspicious(name) and isinstance(value, list | np.ndarray):
            raise DiagnoseError(
                f"the field {name!r:.80} is not known, and may decide what carries loss: name it "
                "loss_mask (1: carries loss), or drop it"
            )


def name_dtype(array):
    """What an array holds, as text: "text" for strings, else the dtype."""
    return "text" if array.dtype.kind in "US" else str(array.dtype)


def multiply_masks(row, shape):
    """The product of all masks of a row, and the first one's name; (None, None) without one."""
    given = [name for name in MASKS if isinstance(row.get(name), list | np.ndarray)]
    product, alike = None, []
    for name in given:
        mask = pack_integers(row[name]) if isinstance(row[name], list) else None
        mask = require_rectangular(name, row[name]) if mask is None else mask
        if mask.dtype.kind not in "biuf" or mask.shape != shape:
            raise DiagnoseError(
                f"{name} is {name_dtype(mask)} of shape {mask.shape}: it must be numbers of the ids' shape "
                f"{shape}"
            )
        if mask.dtype.kind in "if" and (not np.isfinite(mask).all() or (mask < 0).any()):
            raise DiagnoseError(f"{name} holds a negative weight, or one that is not finite")
        product = mask.astype(float) if product is None else product * mask
        alike += [(name, mask)] if name in ALIKE else []
    for name, mask in alike[1:]:
        refuse_difference(*alike[0], name, mask)
    return product, (given or [None])[0]


def multiply_factors(row, masks, shape):
    """Masks times the numbers that a whole row weighs. Raises DiagnoseError for what is no such number."""
    for name in NUMBERS & row.keys():
        value = row[name]
        if name in MASKS and isinstance(value, list | np.ndarray):
            continue
        factor = require_rectangular(name, value)
        is_number = factor.dtype.kind in "iuf" and factor.shape == shape[:-1]
        if not is_number or not np.isfinite(factor).all() or (factor < 0).any():
            raise DiagnoseError(f"{name} is {value!r:.80}: it must be a number, 0 or more, for each row")
        masks = (np.ones(shape) if masks is None else masks) * factor[..., None]
    return masks
