"""The user's step behind a call that checks what it returns."""

import numpy as np

from .report import DiagnoseError


def guard_step(step, extras):
    """The step on copies, checked: (ids, targets, mask) -> (loss, dlogits or None).

    `extras` is what make_batch returned beyond these three.
    Raises DiagnoseError for a step that raises or returns something else, or not always the same kind.
    """
    vocabularies = set()  # of the dlogits, None where there are none

    def call(ids, targets, mask):
        wide_extras = (widen(extra, ids.shape[1]) for extra in extras)
        try:
            with np.errstate(all="ignore"):
                returned = step(ids.copy(), targets.copy(), mask.copy(), *wide_extras)
        except Exception as error:
            raise DiagnoseError(f"the step function raised {type(error).__name__}: {error}") from error
        is_pair = isinstance(returned, tuple) and len(returned) == 2
        loss, dlogits = returned if is_pair else (returned, None)
        dlogits = None if dlogits is None else require_dlogits(dlogits, ids)
        vocabularies.add(None if dlogits is None else dlogits.shape[2])
        if len(vocabularies) > 1:
            raise DiagnoseError(
                "the step function returns dlogits in some calls only, or of changing vocabularies: return "
                "(loss, dlogits) always, or always the loss alone"
            )
        return require_number(loss), dlogits

    return call


def widen(extra, T):
    """An extra (B, < T) with columns of 0 for the pads that a probe appends; all else as it is."""
    if not isinstance(extra, np.ndarray) or extra.ndim != 2 or extra.shape[1] >= T:
        return extra
    return np.pad(extra, ((0, 0), (0, T - extra.shape[1])))


def require_number(loss):
    """The loss as a float, NaN allowed. Raises DiagnoseError for what is no real number."""
    try:
        value = np.asarray(loss)
        if value.size == 1 and value.dtype.kind in "fiu":
            return float(value.reshape(()))
    except (TypeError, ValueError, RuntimeError):
        pass
    what = f"shape {np.shape(loss)}" if hasattr(loss, "shape") else f"{loss!r:.60}"
    raise DiagnoseError(f"the step function returned {what} as loss: return one number, or (loss, dlogits)")


def require_dlogits(dlogits, ids):
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
