"""The exercises on gradient checks: two ways to measure a gradient."""

import numpy as np

from .checker.exercise import Exercise
from .question import Question
from .single import complex_step
from .single.complex_step import list_loop_slips, make_function, measure


def central_difference(f, x, h):
    """(f(x + h e) - f(x - h e)) / 2h for every entry's unit vector e."""
    return measure(x, h, lambda step: (f(x + step) - f(x - step)) / (2 * h))


def make_difference_mistakes(f, x, h):
    central = central_difference(f, x, h)
    return {"gradient": list_division_slips(f, x, h) | list_point_slips(f, x, h) | list_loop_slips(central)}


def list_point_slips(f, x, h):
    """What comes of f at other points."""
    alone = [(f(x[i] + h) - f(x[i] - h)) / (2 * h) for i in np.ndindex(x.shape)]
    rows = np.stack([move_block(f, x, h, i) for i in range(len(x))])[:, None] + 0 * x
    columns = np.stack([move_block(f, x, h, (slice(None), j)) for j in range(x.shape[1])]) + 0 * x
    return {
        "All entries are moved at once: move one, keep the others.": (
            np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h))
        ),
        "f gets one entry alone: give it the whole array, one entry moved.": np.reshape(alone, x.shape),
        "It is another step than h, or another method: move by the h that comes in.": (
            complex_step.complex_step(f, x, 1e-20)
        ),
        "A whole row is moved at once: x[i] is a row; np.ndindex(x.shape) walks over all entries.": rows,
        "Only the rows are walked through: np.ndindex(x.shape) walks over all entries.": rows[:, 0],
        "A whole column is moved at once: np.ndindex(x.shape) walks over all entries.": columns,
        "Entries are not set back after their turn: work on a new copy.": walk_on(f, x, h),
        "The entry is set to h and -h: add h to it, and subtract.": set_entry(f, x, h),
        "The step is h times the entry: move by h.": central_difference_of(f, x, h * x) / (2 * h),
        "f is not called: the difference of its values is asked for.": np.ones(x.shape),
        "Both points are the same array: copy x twice.": 0 * x,
    }


def list_division_slips(f, x, h):
    """What comes of other differences, or of another divisor."""
    central = central_difference(f, x, h)
    right = measure(x, h, lambda step: (f(x + step) - f(x)) / h)
    left = measure(x, h, lambda step: (f(x) - f(x - step)) / h)
    return {
        "This is the one-sided difference: its error shrinks like h, not like h^2.": right,
        "This is the one-sided difference to the left: its error shrinks like h, not like h^2.": left,
        "It is divided by h, but the two points are 2h apart.": 2 * central,
        "The step down ends at x, not at x - h: this is half of a one-sided difference.": right / 2,
        "The step up ends at x, not at x + h: this is half of a one-sided difference.": left / 2,
        "h is missing below: divide by 2 * h.": central * h,
        "/ 2 * h multiplies by h: write / (2 * h).": central * h * h,
        "It is divided by h^2: divide by 2 * h.": 2 * central / h,
        "The step is h / 2 to each side, but it is divided by 2h: divide by h.": (
            central_difference(f, x, h / 2) / 2
        ),
        "This is the second difference: f(x + h e) - f(x - h e) has no middle.": (right - left) / h,
        "The two values are added: subtract them.": (
            measure(x, h, lambda e: (f(x + e) + f(x - e)) / (2 * h))
        ),
        "This is the sum of all slopes: one for each entry.": central.sum(),
    }


def move_block(f, x, h, where):
    """The central difference of all entries at `where` moved at once."""
    step = np.zeros(x.shape)
    step[where] = h
    return (f(x + step) - f(x - step)) / (2 * h)


def walk_on(f, x, h):
    """What comes of x[i] += h, x[i] -= 2 h without setting x[i] back."""
    x, slopes = x.copy(), np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] += h
        up = f(x)
        x[i] -= 2 * h
        slopes[i] = (up - f(x)) / (2 * h)
    return slopes


def set_entry(f, x, h):
    """What comes of x[i] = h and x[i] = -h."""
    return measure(x, 1, lambda e: (f(np.where(e > 0, h, x)) - f(np.where(e > 0, -h, x))) / (2 * h))


def central_difference_of(f, x, steps):
    """f(x + steps e) - f(x - steps e) for every entry's unit vector e."""
    return measure(x, 1, lambda e: f(x + steps * e) - f(x - steps * e))


EXERCISES = {
    "central_difference": Exercise(
        "central_difference(f, x, h): the gradient of f (array -> number) at x by central "
        "differences, one entry at a time; x must stay as it is.",
        ("gradient",),
        central_difference,
        lambda rng, dtype: make_function(rng, h=1e-3, constant=0),
        make_difference_mistakes,
        hints=(
            "Loop over np.ndindex(x.shape); perturb a copy.",
            "gradient = np.zeros(x.shape)\n"
            "for i in np.ndindex(x.shape):\n"
            "    up, down = x.copy(), x.copy()\n"
            "    up[i] += h\n"
            "    down[i] -= h\n"
            "    gradient[i] = (f(up) - f(down)) / (2 * h)\n"
            "return gradient",
        ),
        constants=lambda f, x, h: {"2h": 2 * h},
        is_tuple=False,
    ),
    **complex_step.EXERCISES,
}

QUESTIONS = {
    "bug_place": Question(
        "Where does the bug sit?",
        {
            "a": "in the linear map h.1.attn.c_proj, the lowest one that is right",
            "b": "between h.1.attn.c_proj and h.1.attn.c_attn: mix, softmax or scores",
            "c": "in the linear map h.1.attn.c_attn, the topmost one that is wrong",
            "d": "in block 0, where the largest ratio stands",
        },
        "b",
        {
            "a": "You took the last tensors that are right. Their backward is linear_backward, as at "
            "lm_head: from there it sent down a gradient with which 10 more tensors are right.",
            "b": "All is right down to c_proj. The bias of c_attn is wrong, and its gradient is only the sum "
            "of what arrives: so what arrives is wrong. Linear, GELU and layer norm did their work above.",
            "c": "You took the first tensors that are wrong. The gradient of their bias is only the sum of "
            "what arrives from above: what arrives is wrong already, so look above c_attn.",
            "d": "You followed the size of the error. All 18 tensors from h.1.attn.c_attn down are wrong: "
            "there right and wrong gradients mix, and the ratios say nothing.",
        },
    ),
}
