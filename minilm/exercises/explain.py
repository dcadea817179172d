"""From a wrong answer to the sentence that helps.

A trial is (args, got, right): the arguments of a case, the learner's outputs and the right ones, both
tuples of arrays, or of None where there is no gradient.
"""

import numpy as np

TRANSPOSED = "It is transposed."
COMPARE_SHAPES = "Compare the shapes that go in with the shape that should come out."
NOT_FINITE = "There are numbers that are not finite: a division by 0, a log of 0, or exp of something large?"
NEARLY = "It is nearly right: an approximation, a small term too much or too little, or rounding?"


def explain_answer(exercise, trials):
    """What is wrong with the first wrong output, and why; "" if all trials agree."""
    for k, label in enumerate(exercise.labels):
        cases = [(args, got[k], right[k]) for args, got, right in trials if right[k] is not None]
        for args, got, right in cases:
            if got.shape != right.shape:
                why = explain_shape(exercise, label, args, got, right)
                why = why or find_exchange(exercise, label, trials) or COMPARE_SHAPES
                return f"{label} has shape {got.shape}, not {right.shape}. {why}"
        wrong = [case for case in cases if not is_close(case[1], case[2])]
        if wrong:
            why = find_mistake(exercise, label, wrong) or find_exchange(exercise, label, trials)
            why = why or explain_values(exercise, wrong)
            return f"{label} is wrong: {describe_worst(*wrong[0][1:])}. {why}"
    return ""


def is_close(got, right, tolerance=None):
    """Whether two arrays are equal to `tolerance` of the largest entry, by default to rounding."""
    if not np.isfinite(got).all():
        return False
    scale = max(np.abs(right).max(initial=0.0), 1e-30)  # not 0, to which an h of 1e-20 is no rounding
    tolerance = tolerance or choose_tolerance(got, right)
    return bool(np.abs(got - right).max(initial=0.0) <= tolerance * scale)


def choose_tolerance(*arrays):
    """What rounding may do, relative to the largest entry: 1e-4 where there is a float32, else 1e-8."""
    return 1e-4 if any(a.dtype == np.float32 for a in arrays) else 1e-8


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


def find_mistake(exercise, label, wrong):
    """The sentence of the first known mistake that explains every wrong case, or ""."""
    known = [exercise.make_mistakes(*args).get(label, {}) for args, _, _ in wrong]
    for sentence in known[0]:
        cases = zip(known, wrong, strict=True)
        if all(is_mistake(got, mistakes[sentence], right) for mistakes, (_, got, right) in cases):
            return sentence
    return ""


def is_mistake(got, mistaken, right):
    """Whether an answer is this mistake, infinities and NaN included."""
    mistaken = np.asarray(mistaken)
    if got.shape != mistaken.shape:
        return False
    finite = np.isfinite(mistaken)
    if not finite.any() or (finite != np.isfinite(got)).any():
        return False
    return is_close(got[finite], mistaken[finite], choose_tolerance(got, right))


def find_exchange(exercise, label, trials):
    """A sentence for an output that has the values of another output, or ""."""
    k = exercise.labels.index(label)
    for j, other in enumerate(exercise.labels):
        mine = [(got[k], right[j]) for _, got, right in trials]
        its = [(got[j], right[j]) for _, got, right in trials]
        if j != k and all(map(are_equal, mine)) and not all(map(are_equal, its)):
            names = exercise.returns or exercise.labels
            order = f": the order is {', '.join(names)}" if len(names) == len(exercise.labels) else ""
            return f"These are the values of {other}{order}."
    return ""


def are_equal(pair):
    """Whether two outputs, which may be None, agree in shape and values."""
    a, b = pair
    return a is not None and b is not None and a.shape == b.shape and is_close(a, b)


def explain_shape(exercise, label, args, got, right):
    """A sentence for a wrong shape, or ""."""
    mistake = find_mistake(exercise, label, [(args, got, right)])
    if mistake:
        return mistake
    if got.size == right.size and is_close(got.reshape(right.shape), right):
        return f"The numbers are right: reshape them to {right.shape}."
    if got.ndim == right.ndim >= 2 and got.mT.shape == right.shape and is_close(got.mT, right):
        return TRANSPOSED
    extra = tuple(range(got.ndim - right.ndim))
    if extra and got.shape[len(extra) :] == right.shape and is_close(got.sum(axis=extra), right):
        return "It is not yet summed over the leading axes: every row that used it adds its part."
    if got.ndim < right.ndim:
        return "Axes are missing: is something summed or picked out that should be kept?"
    if got.ndim > right.ndim:
        return "There are axes too many: is something not yet summed, or over another axis?"
    return ""


def explain_values(exercise, wrong):
    """A sentence for wrong numbers that are no known mistake."""
    if not all(np.isfinite(got).all() for _, got, _ in wrong):
        return NOT_FINITE
    ratios = [find_ratio(got, right) for _, got, right in wrong]
    if None not in ratios:
        sentence = explain_factor(exercise, wrong, ratios)
        if sentence:
            return sentence
    if all(is_square(got) and is_close(got.mT, right) for _, got, right in wrong):
        return TRANSPOSED
    if not any(got.any() for _, got, _ in wrong):
        return "It is 0 everywhere."
    if all(got.dtype.kind in "iub" and right.dtype.kind == "f" for _, got, right in wrong):
        return f"It is an array of {wrong[0][1].dtype}, which holds no fractions: make it one of floats."
    if all(is_close(got, right, tolerance=1e-2) for _, got, right in wrong):
        return NEARLY
    return count_wrong_entries(*wrong[0][1:])


def count_wrong_entries(got, right):
    """What can be said when nothing is known: how many entries are wrong, and the first of them."""
    off = np.abs(got - right) > choose_tolerance(got, right) * np.abs(right).max()
    if off.all():
        return f"{'No entry is right: go' if off.ndim else 'Go'} through the formula term by term."
    first = [int(i) for i in np.argwhere(off)[0]]
    return f"{off.sum()} of {off.size} entries differ, the first at {first}; the others are right."


def is_square(array):
    return array.ndim >= 2 and array.shape[-1] == array.shape[-2]


def find_ratio(got, right):
    """c if got = c * right throughout and c is neither 0 nor infinite, else None."""
    if not right.any() or not got.any():
        return None
    c = float(np.vdot(right, got) / np.vdot(right, right))
    return c if 1e-99 < abs(c) < 1e99 and is_close(got, c * right) else None


def explain_factor(exercise, wrong, ratios):
    """A sentence for an answer that is right up to a constant factor, or ""."""
    if np.allclose(ratios, -1):
        return "The sign is wrong."
    constants = [exercise.constants(*args) for args, _, _ in wrong]
    for name, value in constants[0].items():
        values = np.array([c[name] for c in constants])
        for verb, factor in (("divide by", values), ("multiply by", 1 / values)):
            if np.allclose(ratios, factor, rtol=1e-4) and not np.allclose(factor, 1):
                what, comma, why = name.partition(",")
                return f"It is {describe_ratio(ratios[0])}: {verb} {what} ({value:.4g}){comma}{why}."
    if np.allclose(ratios, ratios[0], rtol=1e-4):
        return f"It is {describe_ratio(ratios[0])} in every case: a constant factor is missing or too much."
    if wrong[0][1].size == 1:  # any two numbers have a ratio
        return ""
    return f"It is {describe_ratio(ratios[0])} here, another factor in another case: what is divided by what?"


def describe_ratio(ratio):
    """ "exactly 12 times too large"; a ratio that is no whole number gets no "exactly"."""
    times = max(abs(ratio), 1 / abs(ratio))
    sign = "of the wrong sign and " if ratio < 0 else ""
    exactly = "exactly " if abs(times - round(times)) < 1e-4 * times else ""
    direction = "large" if abs(ratio) > 1 else "small"
    return f"{sign}{exactly}{times:.4g} times too {direction}"
