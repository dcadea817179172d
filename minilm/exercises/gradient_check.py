"""The exercises of lesson 5: two ways of checking a gradient."""

import numpy as np

from .exercise import Exercise, sizes


def central_difference(f, x, h):
    """(f(x + h e) - f(x - h e)) / 2h for every entry's unit vector e."""
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = h
        gradient[i] = (f(x + e) - f(x - e)) / (2 * h)
    return gradient


def complex_step(f, x, h):
    """Im f(x + ih e) / h for every entry's unit vector e."""
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape, complex)
        e[i] = 1j * h
        gradient[i] = f(x + e).imag / h
    return gradient


def make_function(h, constant=0):
    """A function and a place; `constant` is added to it, and costs a difference its digits."""

    def make(rng, dtype):
        rows, columns = sizes(rng, "rows", "columns")
        a = rng.normal(size=(rows, columns))

        def f(x):
            return (np.exp(0.3 * x) * a).sum() + (x * x * x).sum() + constant

        return f, rng.normal(size=(rows, columns)) + 1.5, h

    return make


def one_sided(f, x, h):
    """The forward difference, with a step large enough to tell it from the central one."""
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = h
        gradient[i] = (f(x + e) - f(x)) / h
    return gradient


def all_at_once(f, x, h):
    return np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h))


def one_entry(f, x, h):
    """f called with a number where it takes the array."""
    return np.array([(f(x[i] + h) - f(x[i] - h)) / (2 * h) for i in np.ndindex(x.shape)]).reshape(x.shape)


EXERCISES = {
    "central_difference": Exercise(
        "central_difference(f, x, h): the gradient of f (array -> number) at x by central "
        "differences, one entry at a time; x must stay as it is.",
        ("gradient",),
        central_difference,
        make_function(1e-3),
        (
            (
                "gradient",
                "This is the one-sided difference: its error shrinks like h, not like h^2.",
                one_sided,
            ),
            (
                "gradient",
                "This is the one-sided difference to the left: its error shrinks like h, not like h^2.",
                lambda f, x, h: one_sided(f, x, -h),
            ),
            ("gradient", "All entries are moved at once: move one, keep the others.", all_at_once),
            (
                "gradient",
                "It is divided by h, but the two points are 2h apart.",
                lambda f, x, h: 2 * central_difference(f, x, h),
            ),
            ("gradient", "f gets one entry alone: give it the whole array, one entry moved.", one_entry),
            (
                "gradient",
                "It is another step than h, or another method: move by the h that comes in.",
                lambda f, x, h: complex_step(f, x, 1e-20),
            ),
        ),
        (
            "Loop over np.ndindex(x.shape); perturb a copy.",
            "(f(x with x[i] + h) - f(x with x[i] - h)) / (2 * h)",
        ),
        constants=lambda f, x, h: {"2h": 2 * h},
        is_tuple=False,
    ),
    "complex_step": Exercise(
        "complex_step(f, x, h): the gradient of f at x from one complex evaluation an entry, h = 1e-20.",
        ("gradient",),
        complex_step,
        make_function(1e-20, constant=1e6),
        (
            (
                "gradient",
                "This is the real part, f itself: the derivative sits in the imaginary part.",
                lambda f, x, h: np.full(x.shape, f(x)),
            ),
            (
                "gradient",
                "It is divided by 2h, but there is only one point, h away.",
                lambda f, x, h: complex_step(f, x, h) / 2,
            ),
            (
                "gradient",
                "This is the real part, divided by h: take the imaginary part.",
                lambda f, x, h: np.full(x.shape, f(x) / h),
            ),
            (
                "gradient",
                "All entries are moved at once: move one, keep the others.",
                lambda f, x, h: np.full(x.shape, f(x + 1j * h).imag / h),
            ),
            (
                "gradient",
                "It is 0 everywhere: h = 1e-20 is lost in x + h. Step along i: x + 1j * h.",
                lambda f, x, h: np.zeros(x.shape),
            ),
        ),
        ("A complex copy of x; add 1j * h to one entry.", "f(x + 1j * h * e).imag / h"),
        constants=lambda f, x, h: {"h": h},
        is_tuple=False,
    ),
}
