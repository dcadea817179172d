"""From a wrong answer to the sentence that helps.

A trial is (args, got, right): the arguments of a case, the learner's outputs and the right ones, both
tuples of arrays, or of None where there is no gradient. What is tried, in this order: outputs in another
order, the known mistakes of the exercise, what it finds out itself (`diagnose`), then what can be said of
any array: of its shape in explain_shape, of its values in explain_values.
"""

import itertools

import numpy as np

from .compare import are_equal, choose_tolerance, is_close
from .explain_shape import explain_shape
from .explain_values import NOT_FINITE, describe_worst, explain_values
from .show_row import compare_roles, show_row

OVERFLOW = "overflow encountered in exp"
COMPARE_SHAPES = "Compare the shapes that go in with the shape that should come out."


def explain_answer(exercise, trials):
    """What is wrong with the first wrong output, and why; "" if all trials agree."""
    exercise = exercise._replace(make_mistakes=remember(exercise.make_mistakes))
    order = find_order(exercise, trials)
    if order:
        return order
    for k, label in enumerate(exercise.labels):
        cases = [(args, got[k], right[k]) for args, got, right in trials if right[k] is not None]
        misshapen = [case for case in cases if case[1].shape != case[2].shape]
        if misshapen:
            return describe_shape(exercise, label, misshapen, trials)
        wrong = [case for case in cases if not is_close(case[1], case[2])]
        if wrong:
            return describe_values(exercise, label, wrong, trials)
    return ""


def remember(make_mistakes):
    """make_mistakes, which computes the table of a case only once: some train a model for it."""
    tables = {}

    def look_up(*args):
        key = tuple(map(id, args))
        if key not in tables:
            tables[key] = make_mistakes(*args)
        return tables[key]

    return look_up


def describe_shape(exercise, label, misshapen, trials):
    """What is wrong with an output of another shape than the right one."""
    why = find_mistake(exercise, label, misshapen) or explain_shape(*misshapen[0][1:])
    why = why or find_exchange(exercise, label, trials) or COMPARE_SHAPES
    _, got, right = misshapen[0]
    return f"{label} has shape {got.shape}, not {right.shape}. {why}"


def describe_values(exercise, label, wrong, trials):
    """What is wrong with an output of the right shape, and where it shows."""
    finite = [case for case in wrong if np.isfinite(case[1]).all()]
    shown = wrong
    why = find_mistake(exercise, label, wrong) or exercise.diagnose(label, wrong)
    if not why and finite:
        shown = finite
        why = find_mistake(exercise, label, finite) or find_exchange(exercise, label, trials)
        why = why or (exercise.row_labels and compare_roles(exercise, finite))
        why = why or explain_values(exercise, finite)
    if exercise.row_labels:
        args, got, right = shown[0]
        which = f"{label} is wrong. " if exercise.is_tuple else ""
        return f"{which}{why or NOT_FINITE}\n{show_row(exercise.row_labels(*args), got, right)}"
    return f"{label} is wrong: {describe_worst(*shown[0][1:])}. {why or NOT_FINITE}"


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
    if not np.array_equal(got[~finite], mistaken[~finite].astype(float), equal_nan=True):
        return False
    return bool(finite.any()) and is_close(got[finite], mistaken[finite], choose_tolerance(got, right))


def find_order(exercise, trials):
    """A sentence for outputs that are all right, or of the right shapes, but in another order, or ""."""
    names = exercise.returns or exercise.labels
    if len(names) != len(exercise.labels) or not 2 <= len(names) <= 3:
        return ""
    wanted = f"return ({', '.join(names)})"
    for order in itertools.permutations(range(len(names))):
        if order == tuple(sorted(order)):
            if all(are_equal(*pair) for _, got, right in trials for pair in zip(got, right, strict=True)):
                return ""
            continue
        yours = ", ".join(names[j] for j in order)
        pairs = [(got[i], right[j]) for _, got, right in trials for i, j in enumerate(order)]
        if all(are_equal(*pair) for pair in pairs):
            return f"The values are right, but in another order: yours is ({yours}). Please {wanted}."
        own = [(got[i], right[i]) for _, got, right in trials for i in range(len(order))]
        if have_shapes(pairs) and not have_shapes(own):
            return f"The shapes are those of ({yours}): is the order mixed up? Please {wanted}."
    return ""


def have_shapes(pairs):
    """Whether all pairs of outputs have the same shape, or are both None."""
    return all(getattr(a, "shape", None) == getattr(b, "shape", None) for a, b in pairs)


def find_exchange(exercise, label, trials):
    """A sentence for an output that has the values of another output, or ""."""
    k = exercise.labels.index(label)
    for j, other in enumerate(exercise.labels):
        mine = [(got[k], right[j]) for _, got, right in trials]
        its = [(got[j], right[j]) for _, got, right in trials]
        if j == k or any(right is None for _, right in mine):
            continue
        if not all(are_equal(*pair) for pair in mine):
            continue
        if not all(are_equal(*pair) for pair in its):
            names = exercise.returns or exercise.labels
            order = f": the order is {', '.join(names)}" if len(names) == len(exercise.labels) else ""
            return f"These are the values of {other}{order}."
        if not have_shapes([(got[k], right[k]) for _, got, right in trials]):
            return f"These are the values of {other}, which stand in both places."
    return ""


def quote_warning(problem, warned):
    """What NumPy warned of, where the answer is not finite: it names the operation. Else ""."""
    texts = [text for name, text in warned if name == "RuntimeWarning"]
    if NOT_FINITE not in problem or not texts:
        return ""
    advice = " Subtract each row's maximum before exp." if texts[0] == OVERFLOW else ""
    return f" NumPy warned: {texts[0]}.{advice}"
