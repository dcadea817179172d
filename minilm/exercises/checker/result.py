"""From what a learner's function returned to arrays, or to a sentence about its form."""

import numpy as np

FLOAT64 = (
    "\nNote: float32 came in and float64 went out, which makes training slower. np.zeros, np.sqrt of a "
    "number and minilm's masks are float64; np.zeros_like and math.sqrt go with float32."
)
NO_FLOATS = "\nNote: floats were asked for, so that loss weights other than 0 and 1 are possible, too."
LISTS = (
    "\nNote: a list came out. Its numbers are right, but what follows computes with arrays, so it goes on "
    "with minilm's own function: np.array(...) makes an array of a list."
)


def read_outputs(exercise, result, expected):
    """A result as a tuple of arrays like `expected`, and the problem with its form, "" if there is none."""
    problem = find_problem(exercise, result)
    if problem:
        return None, problem
    try:
        outputs = exercise.split_outputs(tuple(result) if exercise.is_tuple else result)
    except Exception as error:
        what = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        return None, f"The result cannot be read: {what}. Return {exercise.describe_result()}."
    if [got is None for got in outputs] != [right is None for right in expected]:
        problem = find_misplaced_none(exercise, outputs, expected)
        if problem:
            return None, problem
    arrays = []
    for label, got, right in zip(exercise.labels, outputs, expected, strict=True):
        problem = find_output_problem(label, got, right)
        if problem:
            return None, problem
        arrays.append(None if got is None else np.asarray(got))
    return tuple(arrays), ""


def find_problem(exercise, result):
    """The problem with what is returned as a whole, or ""."""
    wanted = exercise.describe_result()
    if result is None:
        return f"Your function returns None: is the return missing? Return {wanted}."
    if name_type(result) == "a generator":
        return f"Your function is a generator: use return, not yield. Return {wanted}."
    if not exercise.is_tuple:
        is_tuple = isinstance(result, tuple)
        return f"Your function returns a tuple of {len(result)}, not {wanted}." if is_tuple else ""
    count = len(exercise.returns or exercise.labels)
    if not isinstance(result, (tuple, list)):
        return f"Your function returns {name_type(result)}, not {wanted}."
    if len(result) != count:
        return f"Your function returns {len(result)} values, not {count}: return {wanted}."
    return ""


def find_misplaced_none(exercise, outputs, expected):
    """The problem with a None that stands in the place of an output, where only the order is wrong, or ""."""
    if sum(got is None for got in outputs) != sum(right is None for right in expected):
        return ""
    return (
        f"None stands in another place: the order is {exercise.describe_result().removeprefix('the tuple ')}."
    )


def find_output_problem(label, got, right):
    """The problem with one output that holds no real numbers, or ""."""
    if right is None:
        return "" if got is None else f"{label} has no gradient here: return None in its place."
    if got is None:
        return f"{label} is None, but there is a gradient."
    try:
        array = np.asarray(got)
    except Exception:
        return f"{label} is no array: are its rows of different lengths?"
    if array.dtype.kind == "c":
        return f"{label} is complex: is a .imag or .real missing?"
    if array.dtype.kind not in "fiub":
        of = f" of dtype {array.dtype}" if isinstance(got, (np.ndarray, list, tuple)) else ""
        return f"{label} is {name_type(got)}{of}, not an array of numbers."
    if np.asarray(right).dtype.kind in "iu" and array.dtype.kind == "f":
        return f"{label} is an array of {array.dtype}: token ids are indices, keep them integers."
    return ""


def name_type(value):
    """A value's type with its article: "an array", "an int", "a generator"."""
    name = {"ndarray": "array"}.get(type(value).__name__, type(value).__name__)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def has_lists(exercise, returned):
    """Whether a list or tuple stands in the place of an array, in an answer that read_outputs has read."""
    outputs = exercise.split_outputs(tuple(returned) if exercise.is_tuple else returned)
    return any(isinstance(output, (list, tuple)) for output in outputs)


def note_types(args, got, expected):
    """A remark on number types that are not wrong but cost something, or ""."""
    has_float32 = any(getattr(a, "dtype", None) == np.float32 for a in args)
    if has_float32 and any(a is not None and a.dtype == np.float64 for a in got):
        return FLOAT64
    pairs = [(a, b) for a, b in zip(got, expected, strict=True) if a is not None]
    if any(a.dtype.kind != "f" and b.dtype.kind == "f" for a, b in pairs):
        return NO_FLOATS
    return ""


def find_lost_imaginary(warned):
    """The problem that NumPy warned of when a complex number went into a real array, or ""."""
    if not any(name == "ComplexWarning" for name, _ in warned):
        return ""
    return (
        "A complex number was made real, which drops its imaginary part (NumPy's ComplexWarning): by "
        "storing it in a real array, or by float(). Make the copy of x complex before you step, "
        "x.astype(complex), and take .imag before you store a slope."
    )
