"""What can be said of wrong numbers in an output of the right shape."""

import itertools

import numpy as np

from .compare import find_differences, find_ratio, is_close
from .explain_factor import NEARLY, explain_factor
from .explain_shape import TRANSPOSED
from .inputs import find_input

NOT_FINITE = "There are numbers that are not finite: a division by 0, a log of 0, or exp of something large?"
FUNCTIONS = {  # of the right value
    "the absolute values": np.abs,
    "the squares": np.square,
    "the square roots": np.sqrt,
    "the exponentials": np.exp,
    "the inverses, 1 / x,": np.reciprocal,
}


def describe_worst(got, right):
    """Where an array is most wrong: index, got, expected, ratio."""
    difference = np.where(np.isfinite(got), np.abs(got - right), np.inf)
    index = np.unravel_index(difference.argmax(), difference.shape)
    a, b = got[index], right[index]
    place = f"at {[int(i) for i in index]} " if index else ""
    if right.dtype.kind != "f" or not a or not b or not np.isfinite(a):
        return f"{place}got {a:.6g}, expected {b:.6g}"
    digits = 6 if abs(a / b - 1) > 1e-3 else 10  # a small difference must show
    return f"{place}got {a:.{digits}g}, expected {b:.{digits}g} (ratio {a / b:.{digits - 2}g})"


def explain_values(exercise, wrong):
    """A sentence for finite wrong numbers that are no known mistake."""
    pairs = [(got, right) for _, got, right in wrong]
    if not any(got.any() for got, _ in pairs):
        return "It is 0 everywhere."
    ratios = [find_ratio(got, right) for got, right in pairs]
    if None not in ratios:
        sentence = explain_factor(exercise, wrong, ratios)
        if sentence:
            return sentence
    if all(np.abs(got).max() < 1e-12 * np.abs(right).max() for got, right in pairs):
        return "It is 0 everywhere, but for rounding."
    if all(is_square(got) and is_close(got.mT, right) for got, right in pairs):
        return TRANSPOSED
    if all(got.dtype.kind in "iub" and (right != np.round(right)).any() for got, right in pairs):
        return f"It is an array of {wrong[0][1].dtype}, which holds no fractions: make it one of floats."
    return find_input(exercise, wrong) or find_pattern(pairs) or locate_errors(pairs)


def find_pattern(pairs):
    """A sentence for something that holds in all pairs (got, right) of arrays, or ""."""
    if all(got.size == 1 for got, _ in pairs):  # any two numbers have a ratio and a difference
        return find_function(pairs)
    if all(is_close(got, right, tolerance=1e-2) for got, right in pairs):
        return NEARLY
    if all(is_close(np.sort(got, axis=None), np.sort(right, axis=None)) for got, right in pairs):
        return (
            "The numbers are right, but they stand in another order: is something reshaped whose axes "
            "should be swapped, or moved along an axis?"
        )
    if all(is_close(got, np.cumsum(right).reshape(right.shape)) for got, right in pairs):
        return "Each entry holds the sum of all before it: is something not set back in the loop?"
    return find_repeat(pairs) or find_function(pairs) or find_constant(pairs) or find_row_factor(pairs)


def find_repeat(pairs):
    """A sentence for right values of one index that stand along a whole axis, or ""."""
    for axis, (where, index) in itertools.product(range(pairs[0][1].ndim), (("last", -1), ("first", 0))):
        rows = [np.expand_dims(np.take(right, index, axis), axis) + 0 * right for _, right in pairs]
        if all(is_close(got, row) for (got, _), row in zip(pairs, rows, strict=True)):
            return f"Along axis {axis}, all have the value of the {where}: is an index missing?"
    return ""


def find_function(pairs):
    """A sentence for the right values put through one more function, or ""."""
    with np.errstate(all="ignore"):
        for name, function in FUNCTIONS.items():
            values = [function(right.astype(float)) for _, right in pairs]
            finite = all(np.isfinite(value).all() for value in values)
            if finite and all(is_close(got, value) for (got, _), value in zip(pairs, values, strict=True)):
                return f"These are {name} of the right values."
    return ""


def find_constant(pairs):
    """A sentence for one number added everywhere, or to all of a row, or ""."""
    differences = [got - right for got, right in pairs]
    if all(is_close(d, np.full(d.shape, d.flat[0]), 1e-6) for d in differences):
        return f"It is {differences[0].flat[0]:+.4g} off everywhere: one number is added that should not be."
    if all(d.ndim > 1 and d.shape[-1] > 1 and is_close(d, d[..., :1] + 0 * d, 1e-6) for d in differences):
        return (
            "All entries of a row (along the last axis) are off by one number: what belongs to the whole row "
            "(its maximum, sum or mean) is missing, too much, or another row's."
        )
    return ""


def find_row_factor(pairs):
    """A sentence for rows or channels that are right up to a factor of their own, or ""."""
    if any(right.ndim < 2 or right.shape[-1] < 2 for _, right in pairs):
        return ""
    rows = [(got.reshape(-1, got.shape[-1]), right.reshape(-1, right.shape[-1])) for got, right in pairs]
    if all(have_factors(got, right) for got, right in rows):
        return (
            "Every row (along the last axis) is right up to a factor of its own: what is multiplied or "
            "divided by a number of that row?"
        )
    if all(have_factors(got.T, right.T) for got, right in rows):
        return "Every channel (along the last axis) is right up to a factor of its own: which one?"
    return ""


def have_factors(rows, right):
    """Whether every row of a matrix is the right one times a number of its own, not 0."""
    if not rows.any(axis=1)[right.any(axis=1)].all():
        return False
    sizes = np.maximum((right * right).sum(axis=1, keepdims=True), 1e-300)
    return is_close(rows, (rows * right).sum(axis=1, keepdims=True) / sizes * right)


def locate_errors(pairs):
    """What can be said when nothing is known: which entries are wrong."""
    got, right = pairs[0]
    off = find_differences(got, right)
    if off.all():
        return f"{'No entry is right: go' if off.ndim else 'Go'} through the formula term by term."
    first = [int(i) for i in np.argwhere(off)[0]]
    count = f"{off.sum()} of {off.size} entries differ, the first at {first}; the others are right."
    return f"{count}{find_place(pairs)}"


def find_place(pairs):
    """A sentence, with a blank before it, about where all wrong entries are, or ""."""
    offs = [find_differences(got, right) for got, right in pairs]
    are_zero = all((got[off] == 0).all() for (got, _), off in zip(pairs, offs, strict=True))
    for axis, (where, index) in itertools.product(range(offs[0].ndim), (("last", -1), ("first", 0))):
        others = tuple(k for k in range(offs[0].ndim) if k != axis)
        lines = [off.any(axis=others) for off in offs]
        if all(len(line) > 2 and line[index] and line.sum() == 1 for line in lines):
            return f" All of them are the {where} along axis {axis}."
        if are_zero and all(is_one_left(*pair, axis, index) for pair in pairs):
            return f" Only the {where} along axis {axis} is there, the others are 0: does a loop end early?"
    if are_zero:
        return " The wrong ones are all 0."
    if all((right[off] == 0).all() for (_, right), off in zip(pairs, offs, strict=True)):
        return " They should all be 0."
    return ""


def is_one_left(got, right, axis, index):
    """Whether a result is 0 but at one index of an axis, where the right one is not 0 either."""
    kept = np.take(got, index, axis)
    return bool(kept.any()) and np.count_nonzero(got) == np.count_nonzero(kept) < np.count_nonzero(right)


def is_square(array):
    return array.ndim >= 2 and array.shape[-1] == array.shape[-2]
