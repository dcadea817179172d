"""What can be said of an output whose shape is wrong."""

import itertools

import numpy as np

from .compare import is_close

TRANSPOSED = "It is transposed."


def explain_shape(got, right):
    """A sentence for a wrong shape, or ""."""
    if got.shape == (*right.shape, 1) and is_close(got[..., 0], right):
        return "The numbers are right, but the last axis, of length 1, should go: write [..., 0]."
    if got.shape == (1, *right.shape) and is_close(got[0], right):
        return (
            "The numbers are right, but the first axis, of length 1, should go: a keepdims too much, or a "
            "tuple of one that is not unpacked?"
        )
    if got.size == right.size and is_close(got.reshape(right.shape), right):
        return f"The numbers are right: reshape them to {right.shape}."
    if got.ndim == right.ndim:
        return find_transposition(got, right) or find_cut(got, right)
    if got.ndim < right.ndim:
        return find_missing_axes(got, right)
    return find_extra_axes(got, right)


def find_transposition(got, right):
    """A sentence for an array whose axes stand in another order, or ""."""
    if got.ndim >= 2 and got.mT.shape == right.shape and is_close(got.mT, right):
        return TRANSPOSED
    for order in itertools.permutations(range(got.ndim)):
        moved = got.transpose(order)
        if moved.shape == right.shape and is_close(moved, right):
            return f"Its axes stand in another order: transpose{order} would put them right."
    return ""


def find_cut(got, right):
    """A sentence for one entry too many or too few at an end of one axis, or ""."""
    for axis in range(got.ndim):
        more, fewer = (got, right) if got.shape[axis] > right.shape[axis] else (right, got)
        what = "One too many" if more is got else "One is missing"
        for where, part in (("last", slice(None, -1)), ("first", slice(1, None))):
            cut = more[(slice(None),) * axis + (part,)]
            if cut.shape == fewer.shape and is_close(cut, fewer):
                return f"{what} along axis {axis}: the {where}; all others are right."
    return ""


def find_missing_axes(got, right):
    """A sentence for an array with too few axes."""
    if got.shape == (np.count_nonzero(right),) and is_close(got, right[right != 0]):
        return "Only the entries that are not 0 are there: keep the shape, with 0 at all others."
    for axes in list_axes(right, right.ndim - got.ndim):
        for verb, reduced in (("summed", right.sum(axis=axes)), ("averaged", right.mean(axis=axes))):
            if reduced.shape == got.shape and is_close(got, reduced):
                return f"It is {verb} over {name_axes(axes)}, which should stay."
        for where, index in (("first", 0), ("last", -1)):
            picked = right[tuple(index if axis in axes else slice(None) for axis in range(right.ndim))]
            if picked.shape == got.shape and is_close(got, picked):
                return f"Only the {where} along {name_axes(axes)} is there: all of them should be."
    return (
        f"Axes are missing: it has {got.ndim}, not {right.ndim}. Is something summed or picked out "
        "that should be kept?"
    )


def find_extra_axes(got, right):
    """A sentence for an array with too many axes."""
    for axes in list_axes(got, got.ndim - right.ndim):
        reduced = got.sum(axis=axes)
        if reduced.shape == right.shape and is_close(reduced, right):
            if axes == tuple(range(len(axes))):
                return "It is not yet summed over the leading axes: every row that used it adds its part."
            return f"It is not yet summed over {name_axes(axes)}."
    return (
        f"There are axes too many: it has {got.ndim}, not {right.ndim}. Is something not yet summed, or "
        "picked with an index that broadcasts?"
    )


def list_axes(array, count):
    """All choices of `count` axes of an array."""
    return itertools.combinations(range(array.ndim), count)


def name_axes(axes):
    """ "axis 1", "axes 0 and 1", or "axes 0, 1 and 2"."""
    *some, last = map(str, axes)
    return f"axes {', '.join(some)} and {last}" if some else f"axis {last}"
