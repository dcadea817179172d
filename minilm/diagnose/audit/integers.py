"""Lists and arrays of a row as NumPy arrays of one shape; what is none is refused by its name."""

import array

import numpy as np

from ..report import DiagnoseError


def require_integers(name, values, n_axes, shape=None):
    """An int64 array. Raises DiagnoseError for another dtype or shape, or nothing at all."""
    numbers = pack_integers(values) if isinstance(values, list) else None
    if numbers is None:
        if isinstance(values, list) and bool in map(type, values):
            raise DiagnoseError(f"{name} holds true or false: it must hold integers")
        numbers = require_rectangular(name, values)
    if numbers.ndim != n_axes or numbers.shape != (shape or numbers.shape) or numbers.size == 0:
        refuse_shape(name, numbers, n_axes, shape)
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


def refuse_shape(name, numbers, n_axes, shape):
    """Raise DiagnoseError for an array of another shape, and say what it looks like."""
    wants = "(n,), one list, not empty" if n_axes == 1 else "(B, T), not empty"
    if name == "position_ids" and numbers.ndim == n_axes + 1:
        wants = (
            f"{shape}; several axes, as models of images have them, are not read: give the text's, or none"
        )
    elif numbers.ndim == 2 and n_axes == 1 and numbers.size:
        wants += "; if one object holds all rows, write each row on a line of its own"
    raise DiagnoseError(f"{name} has shape {numbers.shape}: ids, labels and masks have one shape {wants}")
