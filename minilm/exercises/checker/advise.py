"""What helps against an exception that nearly always has the same cause."""

import re
import traceback

TUPLE = (
    "Is a tuple not unpacked? Every backward returns one, even of one gradient: write "
    "`(dx,) = gelu_backward(dy, cache)`"
)
BRACKETS = "Between arrays write & and |, not `and` and `or`, and brackets: (a == 1) | (a == 2)"
DICT = "Parameters and gradients are nested dicts: go down to the arrays, or use tree.map_arrays."
LOST_AXIS = (
    "One array lacks an axis of the other: keepdims=True keeps it in a mean, a sum or a max, and "
    "[..., None] puts one in at the end"
)
ALL_AXES = "has more than two axes, and .T turns all of them round: .swapaxes(-1, -2) turns the last two"


def find_advice(error, text, function):
    """A sentence on an exception and its text, after a full stop and a blank, or ""."""
    turned = find_turned(error, function)
    if turned and isinstance(error, ValueError):
        return f". {turned} {ALL_AXES}"
    shapes = re.search(r"broadcast together with shapes \(([\d,]+)\) \(([\d,]+)\)", text)
    if shapes and is_reduced(*(re.findall(r"\d+", shape) for shape in shapes.groups())):
        return f". {LOST_AXIS}"
    if "truth value of an array" in text:
        return f". {BRACKETS}"
    if "inhomogeneous" in text or re.search(
        r"'tuple' object has no attribute|operand .*'tuple'|multiply sequence by", text
    ):
        return f". {TUPLE}"
    return f". {DICT}" if re.search(r"operand .*'dict'", text) else ""


def find_turned(error, function):
    """The array of more than two axes that is transposed in the line that fails, by name, or ""."""
    code = getattr(function, "__code__", None)
    trace = error.__traceback__
    for (frame, _), summary in zip(traceback.walk_tb(trace), traceback.extract_tb(trace), strict=True):
        names = re.findall(r"(\w+)\.T\b", summary.line or "") if frame.f_code is code else []
        for name in names:
            if getattr(frame.f_locals.get(name), "ndim", 0) > 2:
                return name
    return ""


def is_reduced(one, other):
    """Whether one shape is the other without one of its axes."""
    few, many = sorted((one, other), key=len)
    return any(few == many[:k] + many[k + 1 :] for k in range(len(many)))
