"""The exercises on gradient checks: two ways to measure a gradient."""

import numpy as np

from .exercise import Exercise, draw_sizes
from .question import Question


def central_difference(f, x, h):
    """(f(x + h e) - f(x - h e)) / 2h for every entry's unit vector e."""
    return measure(x, h, lambda step: (f(x + step) - f(x - step)) / (2 * h))


def complex_step(f, x, h):
    """Im f(x + ih e) / h for every entry's unit vector e."""
    return measure(x, h, lambda step: f(x + 1j * step).imag / h)


def measure(x, h, slope):
    """slope(h e) for every entry's unit vector e, as an array like x."""
    slopes = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        slopes[i] = slope(step)
    return slopes


def make_function(rng, h, constant):
    """A function, a point and h; `constant` is added to the function, and costs a difference its digits."""
    rows, columns = draw_sizes(rng, "rows", "columns")
    a = rng.normal(size=(rows, columns))

    def f(x):
        return (np.exp(0.3 * x) * a).sum() + (x * x * x).sum() + constant

    return f, rng.normal(size=(rows, columns)) + 1.5, h


def make_difference_mistakes(f, x, h):
    def move_one_entry(i):
        return (f(x[i] + h) - f(x[i] - h)) / (2 * h)

    right = measure(x, h, lambda step: (f(x + step) - f(x)) / h)
    left = measure(x, h, lambda step: (f(x) - f(x - step)) / h)
    all_moved = np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h))
    one_entry = np.reshape([move_one_entry(i) for i in np.ndindex(x.shape)], x.shape)
    exact = complex_step(f, x, 1e-20)
    return {
        "gradient": {
            "This is the one-sided difference: its error shrinks like h, not like h^2.": right,
            "This is the one-sided difference to the left: its error shrinks like h, not like h^2.": left,
            "All entries are moved at once: move one, keep the others.": all_moved,
            "It is divided by h, but the two points are 2h apart.": 2 * central_difference(f, x, h),
            "f gets one entry alone: give it the whole array, one entry moved.": one_entry,
            "It is another step than h, or another method: move by the h that comes in.": exact,
        }
    }


def make_complex_mistakes(f, x, h):
    everywhere = np.ones(x.shape)
    all_moved = f(x + 1j * h).imag / h * everywhere
    return {
        "gradient": {
            "This is the real part, f itself: the derivative is in the imaginary part.": f(x) * everywhere,
            "It is divided by 2h, but there is only one point, h away.": complex_step(f, x, h) / 2,
            "This is the real part, divided by h: take the imaginary part.": f(x) / h * everywhere,
            "All entries are moved at once: move one, keep the others.": all_moved,
            "It is 0 everywhere: h = 1e-20 is lost in x + h. Step along i: x + 1j * h.": 0 * everywhere,
        }
    }


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
            "(f(x with x[i] + h) - f(x with x[i] - h)) / (2 * h)",
        ),
        constants=lambda f, x, h: {"2h": 2 * h},
        is_tuple=False,
    ),
    "complex_step": Exercise(
        "complex_step(f, x, h): the gradient of f at x, each entry from one complex evaluation; h = 1e-20.",
        ("gradient",),
        complex_step,
        lambda rng, dtype: make_function(rng, h=1e-20, constant=1e6),
        make_complex_mistakes,
        hints=("A complex copy of x; add 1j * h to one entry.", "f(x + 1j * h * e).imag / h"),
        constants=lambda f, x, h: {"h": h},
        is_tuple=False,
    ),
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
