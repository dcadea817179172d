"""What can be said of a result that is right up to a constant factor."""

import numpy as np

NEARLY = "It is nearly right: an approximation, a small term too much or too little, or rounding?"


def explain_factor(exercise, wrong, ratios):
    """A sentence for an answer that is right up to a constant factor, or ""."""
    if np.allclose(ratios, -1):
        return "The sign is wrong."
    if np.allclose(ratios, 1, rtol=1e-2):
        return NEARLY
    named = name_factor(exercise, wrong, ratios)
    if named:
        return f"It is {describe_ratio(ratios[0])}: {named}"
    if np.allclose(ratios, ratios[0], rtol=1e-4):
        return f"It is {describe_ratio(ratios[0])} in every case: a constant factor is missing or too much."
    if wrong[0][1].size == 1:  # any two numbers have a ratio
        return ""
    return f"It is {describe_ratio(ratios[0])} here, another factor in another case: what is divided by what?"


def name_factor(exercise, wrong, ratios):
    """Which constant of an exercise, or length of an axis, a ratio is, and what to do, or ""."""
    constants = [list_constants(exercise, args, right) for args, _, right in wrong]
    for power in (1, -1, 2, -2, 0.5, -0.5, 3, -3):
        for name, value in constants[0].items():
            values = np.array([c[name] for c in constants], float)
            if np.allclose(ratios, values**power, rtol=1e-4) and not np.allclose(values, 1):
                return write_advice(power, name, value)
    return ""


def write_advice(power, name, value):
    """What to do about a result that is value^power times the right one."""
    what, comma, why = name.partition(",")
    verb, other = ("divide", "multiply") if power > 0 else ("multiply", "divide")
    if abs(power) == 1:
        return f"{verb} by {what} ({value:.4g}){comma}{why}."
    if abs(power) == 2:
        return f"that is {what} ({value:.4g}) squared. Is there a place where you {other}, and should {verb}?"
    return f"that is {'the square root' if abs(power) < 1 else 'the cube'} of {what} ({value:.4g})."


def list_constants(exercise, args, right):
    """The factors that an exercise names, then the lengths of the output's axes and their product."""
    lengths = {f"the length of axis {axis}": n for axis, n in enumerate(right.shape)}
    return exercise.constants(*args) | lengths | {"the number of its entries": right.size}


def describe_ratio(ratio):
    """ "exactly 12 times too large"; a ratio that is no whole number gets no "exactly"."""
    times = max(abs(ratio), 1 / abs(ratio))
    sign = "of the wrong sign and " if ratio < 0 else ""
    exactly = "exactly " if abs(times - round(times)) < 1e-4 * times else ""
    direction = "large" if abs(ratio) > 1 else "small"
    return f"{sign}{exactly}{times:.4g} times too {direction}"
