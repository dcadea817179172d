"""A user's own prepared data as rows that `audit` can look at: from arrays, .npz, or JSONL.

Every source ends in the same form: (tokens, weights), both (n,), weights[k] the loss weight of
predicting tokens[k] from what stands before it.
"""

import warnings

import numpy as np

from .. import files
from .report import DiagnoseError

IGNORED = -100
NAMES = {"ids": ("ids", "input_ids"), "labels": ("labels", "targets"), "mask": ("mask", "loss_mask")}


def read_npz(path):
    """Rows of an .npz file that holds ids (B, T), labels (B, T) and, where there is one, a mask (B, T).

    Raises DiagnoseError, naming the array, for what cannot be rows; OSError for no file.
    """
    with files.atomic.open_regular(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # guesses at what damaged bytes mean
        try:
            arrays = files.npz.read_arrays(file)
        except Exception as error:  # damaged bytes raise anything
            reason = error if isinstance(error, files.npz.SizeError) else type(error).__name__
            raise DiagnoseError(
                f"{path} is no whole .npz file of plain arrays ({reason}): write it with "
                "np.savez(path, ids=..., labels=...), rows padded to one length, labels with -100"
            ) from None
    named = {key: find_array(arrays, names) for key, names in NAMES.items()}
    present = ", ".join(arrays) or "nothing"
    if named["ids"] is None or named["labels"] is None:
        raise DiagnoseError(
            f"{path} holds {present}: it needs ids and labels (or targets). A mask alone does not say "
            "whether it stands at the token that is read or at the one that is predicted"
        )
    return list(read_arrays(**named))


def find_array(arrays, names):
    """The first array that goes by one of the names, or None."""
    return next((arrays[name] for name in names if name in arrays), None)


def read_arrays(ids, labels=None, mask=None):
    """Yield (tokens, weights) of padded arrays (B, T).

    Labels are ids where there is loss and -100 elsewhere, either at their own place, where the loss
    does the shift (transformers), or one place ahead, already shifted: the numbers tell which. A
    mask (0 / 1 or weights) stands where its label does.
    Raises DiagnoseError for arrays of another kind or shape, and for labels that are neither.
    """
    ids = require_integers("ids", ids)
    labels = require_integers("labels", labels, ids.shape)
    labelled = labels != IGNORED
    weights = labelled * (1.0 if mask is None else require_weights(mask, ids.shape))
    if (ids < 0).any() or (labels[labelled] < 0).any():
        raise DiagnoseError(
            "an id is negative, or a label that is not -100: pad ids with an id, labels with -100"
        )
    ahead = labelled[:, :-1]
    if (labels == ids)[labelled].all():
        yield from zip(ids, weights, strict=True)
    elif (labels[:, :-1] == ids[:, 1:])[ahead].all():
        last = np.where(labelled[:, -1:], labels[:, -1:], ids[:, -1:])
        nothing = np.zeros((len(ids), 1))  # the first token is never predicted
        yield from zip(np.hstack([ids, last]), np.hstack([nothing, weights]), strict=True)
    else:
        row, column = np.argwhere(labelled & (labels != ids))[0]
        raise DiagnoseError(
            f"labels[{row}, {column}] is {labels[row, column]}, but ids[{row}, {column}] is "
            f"{ids[row, column]}, nor are all labels the ids after them: a label is the id itself, "
            "at its own place or one place ahead"
        )


def require_integers(name, array, shape=None):
    """An int64 array (B, T). Raises DiagnoseError for another dtype or shape, or none at all."""
    array = require_rectangular(name, array)
    if array.dtype.kind not in "iu":
        raise DiagnoseError(f"{name} holds {array.dtype}: it must hold integers")
    if array.ndim != 2 or array.shape != (shape or array.shape) or array.size == 0:
        raise DiagnoseError(f"{name} has shape {array.shape}: ids, labels and mask are one (B, T), not empty")
    return array.astype(np.int64)


def require_rectangular(name, values):
    """An array of whatever was given. Raises DiagnoseError for rows of different lengths."""
    try:
        return np.asarray(values)
    except ValueError:
        raise DiagnoseError(f"{name} has rows of different lengths: pad them to one (B, T)") from None


def require_weights(mask, shape):
    """A mask as floats. Raises DiagnoseError unless it is (B, T) finite weights, none negative."""
    mask = require_rectangular("mask", mask)
    if mask.dtype.kind not in "biuf" or mask.shape != shape:
        raise DiagnoseError(
            f"mask is {mask.dtype} of shape {mask.shape}: it must be numbers of the ids' shape {shape}"
        )
    if not np.isfinite(mask).all() or (mask < 0).any():
        raise DiagnoseError("mask holds a negative weight, or one that is not finite")
    return mask.astype(float)


def read_jsonl(path):
    """Rows of a JSONL file of {"input_ids": [...], "labels": [...]} objects, one by one.

    Raises ValueError naming file and line.
    """
    return (row for _, row in files.rows.iterate(path, parse_line))


def parse_line(line):
    """One line's bytes -> (tokens, weights). Raises ValueError for another object."""
    row = files.rows.parse_object(line)
    try:
        ids, labels = row["input_ids"], row["labels"]
        if len(ids) != len(labels) or bool in map(type, ids + labels):  # true is no id
            raise ValueError
        (parsed,) = read_arrays(np.array([ids]), np.array([labels]))
    except DiagnoseError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError):
        raise DiagnoseError("it needs equally long lists of ids, input_ids and labels") from None
    return parsed


def is_tokenized(path):
    """Whether a JSONL file's first row holds input_ids, rather than text."""
    return "input_ids" in next((row for _, row in files.rows.iterate(path, files.rows.parse_object)), {})
