"""A batch with all that is known of it, and the user's step behind a call that checks what it says."""

from typing import NamedTuple

import numpy as np

from .locate import DiagnoseError


class Case(NamedTuple):
    """A batch with all that is known of it: arrays (B, T), roles and weights those of the targets."""

    call: object  # (ids, targets, mask) -> (loss, dlogits or None)
    ids: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    roles: np.ndarray
    weights: np.ndarray
    documents: list
    loss: float
    dlogits: np.ndarray | None


def caller(step, more):
    """The step on copies, checked: (ids, targets, mask) -> (loss, dlogits or None).

    Raises DiagnoseError for a step that raises or returns something else, or not always the same kind.
    """
    kinds = set()  # the vocabulary of the dlogits, None where there are none

    def call(ids, targets, mask):
        try:
            with np.errstate(all="ignore"):
                out = step(ids.copy(), targets.copy(), mask.copy(), *(widened(a, ids.shape[1]) for a in more))
        except Exception as error:
            raise DiagnoseError(f"the step function raised {type(error).__name__}: {error}") from error
        loss, dlogits = out if isinstance(out, tuple) and len(out) == 2 else (out, None)
        dlogits = None if dlogits is None else rows(dlogits, ids)
        kinds.add(None if dlogits is None else dlogits.shape[2])
        if len(kinds) > 1:
            raise DiagnoseError(
                "the step function returns dlogits in some calls only, or of changing vocabularies: return "
                "(loss, dlogits) always, or always the loss alone"
            )
        return number(loss), dlogits

    return call


def widened(extra, T):
    """What make_batch gave beyond the three, with columns of 0 for pads that a probe appends."""
    if not isinstance(extra, np.ndarray) or extra.ndim != 2 or extra.shape[1] >= T:
        return extra
    return np.pad(extra, ((0, 0), (0, T - extra.shape[1])))


def number(loss):
    """The loss as a float, NaN allowed. Raises DiagnoseError for what is no real number."""
    try:
        value = np.asarray(loss)
        if value.size == 1 and value.dtype.kind in "fiu":
            return float(value.reshape(()))
    except (TypeError, ValueError, RuntimeError):
        pass
    found = f"shape {np.shape(loss)}" if hasattr(loss, "shape") else f"{loss!r:.60}"
    raise DiagnoseError(f"the step function returned {found} as loss: return one number, or (loss, dlogits)")


def rows(dlogits, ids):
    """dlogits as an array. Raises DiagnoseError unless they are floats (B, T, V)."""
    try:
        array = np.asarray(dlogits)
    except ValueError:
        raise DiagnoseError("the step function returned dlogits whose rows differ in length") from None
    if array.dtype.kind != "f" or array.ndim != 3 or array.shape[:2] != ids.shape or array.shape[2] < 2:
        raise DiagnoseError(
            f"the step function returned dlogits of shape {array.shape}, {array.dtype}: they must be floats "
            f"of shape (B, T, V) = ({ids.shape[0]}, {ids.shape[1]}, vocabulary), the gradient of its loss"
        )
    return array
