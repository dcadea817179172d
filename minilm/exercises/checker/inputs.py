"""What a wrong array has to do with the arrays that went in."""

import itertools
import re

import numpy as np

from .compare import find_ratio, is_close


def find_input(exercise, wrong):
    """A sentence for a result that is an input, a product of two, or the right one plus one, or ""."""
    named = [name_inputs(exercise, args) for args, _, _ in wrong]
    pairs = [(got, right) for _, got, right in wrong]
    fitting = [name for name, array in named[0].items() if array.shape == pairs[0][0].shape]
    for name in fitting:
        arrays = [inputs[name] for inputs in named]
        for sign, text in ((1, name), (-1, f"-{name}")):
            if all(fits(got, sign * array) for (got, _), array in zip(pairs, arrays, strict=True)):
                return f"This is {text}, and no more."
        if all(is_multiple(got - right, array) for (got, right), array in zip(pairs, arrays, strict=True)):
            return f"It is the right result plus a multiple of {name}: what adds that?"
        if all(is_multiple(got - array, right) for (got, right), array in zip(pairs, arrays, strict=True)):
            return f"It is {name} plus a multiple of the right result: return the result alone."
    for one, other in itertools.combinations_with_replacement(fitting, 2):
        products = [inputs[one] * inputs[other] for inputs in named]
        if all(fits(got, product) for (got, _), product in zip(pairs, products, strict=True)):
            return f"This is {one} * {other}, and no more."
    return ""


def fits(got, array):
    """Whether a result is this array."""
    return got.shape == array.shape and is_close(got, array)


def is_multiple(difference, array):
    """Whether a difference is a number times this array."""
    return difference.shape == array.shape and find_ratio(difference, array) is not None


def name_inputs(exercise, args):
    """The arrays of numbers among the arguments, by name; those of a cache as the task names them."""
    names = exercise.describe_call().split("(")[1].rstrip(")").split(", ")
    unpacked = re.search(r"\(?([\w, ]+?),?\)? = cache", exercise.task)
    found = {}
    for name, value in zip(names, args, strict=False):
        if name == "cache" and unpacked and isinstance(value, tuple):
            found |= dict(zip(unpacked[1].split(": ")[-1].split(", "), value, strict=False))
        else:
            found[name] = value
    return {
        name.strip(): value
        for name, value in found.items()
        if isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "iuf"
    }
