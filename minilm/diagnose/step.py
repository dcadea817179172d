"""The user's step behind a call that checks what it returns, and what its losses can resolve."""

from typing import NamedTuple

import numpy as np

from .report import DiagnoseError

ROUNDING = 3e-7  # relative: below it, a float32 loss did not change
FORMATS = {"bfloat16": (16, 2.0**-8), "float16": (13, 2.0**-11)}  # float32's bits that are 0, and resolution
DROPOUT = 1e-3  # relative: two calls that differ by more are not rounding


class Resolution(NamedTuple):
    """How exactly a loss is known: `relative` to its size. `note` says why, "" where it is float32's."""

    relative: float
    note: str

    @property
    def is_coarse(self):
        """Whether one target among many may change nothing."""
        return self.relative > 1e-4


def guard_step(step, batch):
    """The step on copies, checked: (ids, targets, mask) -> (loss, dlogits or None).

    Raises DiagnoseError for a step that raises or returns something else, or not always the same kind.
    """
    vocabularies = set()  # of the dlogits, None where there are none

    def call(ids, targets, mask):
        arguments = batch.rebuild(ids, targets, mask)
        try:
            with np.errstate(all="ignore"):
                returned = step(*arguments)
        except Exception as error:
            raise DiagnoseError(f"the step function raised {type(error).__name__}: {error}") from error
        is_pair = isinstance(returned, tuple | list) and len(returned) == 2
        loss, dlogits = returned if is_pair else (returned, None)
        dlogits = None if dlogits is None else require_dlogits(dlogits, ids, batch.is_dict)
        vocabularies.add(None if dlogits is None else dlogits.shape[2])
        if len(vocabularies) > 1:
            raise DiagnoseError(
                "the step function returns dlogits in some calls only, or of changing vocabularies: return "
                "(loss, dlogits) always, or always the loss alone"
            )
        return require_number(loss), dlogits

    return call


def to_numpy(value):
    """A tensor of torch, also one with a graph or in bfloat16, as an array of float32; all else as it is."""
    return value.detach().float().cpu().numpy() if hasattr(value, "detach") else value


def require_number(loss):
    """The loss as a float, NaN allowed. Raises DiagnoseError for what is no real number."""
    try:
        value = np.asarray(to_numpy(loss))
        if value.size == 1 and value.dtype.kind in "fiu":
            return float(value.reshape(()))
    except (TypeError, ValueError, RuntimeError):
        pass
    what = f"shape {np.shape(loss)}" if hasattr(loss, "shape") else f"{loss!r:.60}"
    raise DiagnoseError(f"the step function returned {what} as loss: return one number, or (loss, dlogits)")


def require_dlogits(dlogits, ids, is_dict):
    """dlogits as an array (B, T, V). Raises DiagnoseError unless they are floats (B, T, V).

    A step that gets a dict may return them at all T + 1 places of input_ids; the last predicts nothing.
    """
    try:
        array = np.asarray(to_numpy(dlogits))
    except ValueError:
        raise DiagnoseError("the step function returned dlogits whose rows differ in length") from None
    if is_dict and array.ndim == 3 and array.shape[1] == ids.shape[1] + 1:
        array = array[:, :-1]
    if array.dtype.kind != "f" or array.ndim != 3 or array.shape[:2] != ids.shape or array.shape[2] < 2:
        raise DiagnoseError(
            f"the step function returned dlogits of shape {array.shape}, {array.dtype}: they must be floats "
            f"of shape (B, T, V) = ({ids.shape[0]}, {ids.shape[1]}, vocabulary), the gradient of its loss"
        )
    return array


def measure_resolution(losses_again, other_losses):
    """A Resolution from losses of the same batch, called again, and those of other batches.

    Raises DiagnoseError where calls differ by more than rounding can.
    """
    size = max(map(abs, losses_again)) or 1.0
    spread = (max(losses_again) - min(losses_again)) / size
    if spread > DROPOUT:
        raise DiagnoseError("the step gives another loss at a second call: switch dropout off")
    if spread:
        note = f"the loss differs by {spread:.1g} of itself from call to call: smaller changes are not seen"
        return Resolution(max(8 * spread, ROUNDING), note)
    losses = {loss for loss in (*losses_again, *other_losses) if loss and np.isfinite(loss)}
    for name, (bits, relative) in FORMATS.items():
        if len(losses) > 3 and all(is_rounded_to(loss, bits) for loss in losses):
            return Resolution(
                relative, f"the loss comes in {name}: changes below {relative:.1g} are not seen"
            )
    return Resolution(ROUNDING, "")


def is_rounded_to(loss, bits):
    """Whether a loss is a float32 whose last bits are all 0."""
    single = np.float32(loss)
    return bool(single == loss and single.view(np.uint32) % 2**bits == 0)
