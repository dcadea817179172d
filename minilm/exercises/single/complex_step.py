"""The exercise on the complex step, which gradient_check takes in, and what both share."""

import numpy as np

from ..checker.exercise import Exercise, draw_sizes


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
        # the last term ties all entries together, so that one that is not set back spoils the others
        return (np.exp(0.3 * x) * a).sum() + (x * x * x).sum() + (x * a).sum() ** 2 + constant

    return f, rng.normal(size=(rows, columns)) + 1.5, h


def list_loop_slips(gradient):
    """A right gradient of which a loop keeps only one entry."""
    first, last = np.zeros(gradient.shape), np.zeros(gradient.shape)
    first.flat[0], last.flat[-1] = gradient.flat[0], gradient.flat[-1]
    return {
        "Only the first entry is measured: return after the loop, not in it.": first,
        "Only the last entry is left: make the array of zeros before the loop, not in it.": last,
    }


def make_complex_mistakes(f, x, h):
    everywhere = np.ones(x.shape)
    all_moved = f(x + 1j * h).imag / h * everywhere
    right = complex_step(f, x, h)
    alone = np.reshape([f(x[i] + 1j * h).imag / h for i in np.ndindex(x.shape)], x.shape)
    rows = np.array([f(x + 1j * h * (np.arange(len(x)) == i)[:, None]).imag / h for i in range(len(x))])
    far = complex_step(f, x, 1.0)
    return {
        "gradient": {
            "This is the real part, f itself: the derivative is in the imaginary part.": f(x) * everywhere,
            "It is divided by 2h, but there is only one point, h away.": complex_step(f, x, h) / 2,
            "This is the real part, divided by h: take the imaginary part.": f(x) / h * everywhere,
            "It is divided by 1j * h, which exchanges the two parts: divide by h.": -f(x) / h * everywhere,
            "All entries are moved at once: move one, keep the others.": all_moved,
            "It is multiplied by h: divide.": right * h * h,
            "It is 0 everywhere: a real step of h = 1e-20 is lost in x + h, as is any difference of f. Step "
            "along i, x + 1j * h, on a complex copy of x, and take the imaginary part.": 0 * everywhere,
            "A whole row is moved at once: np.ndindex(x.shape) walks over all entries.": (
                rows[:, None] + 0 * x
            ),
            "Only the rows are walked through: np.ndindex(x.shape) walks over all entries.": rows,
            "All entries are moved at once, and one number comes out: one for each entry.": (
                f(x + 1j * h).imag / h
            ),
            "Each entry holds the sum of all before it: copy x anew in the loop.": (
                np.cumsum(right).reshape(x.shape)
            ),
            "Two points are compared: one is enough, its imaginary part is h times the slope.": 2 * right,
            "The step is 1j, not 1j * h: only a tiny step gives the slope.": far,
            "The step is 1j, not 1j * h, but it is divided by h.": far / h,
            "The entry is replaced by 1j * h: add it.": (
                measure(x, 1, lambda e: f(np.where(e > 0, 1j * h, x)).imag / h)
            ),
            "The step is h times the entry: move by 1j * h.": right * x,
            "This is the absolute value: the sign belongs to the slope.": np.abs(right),
            "This is the angle of f: take its imaginary part.": right / f(x),
            "f gets one entry alone: give it the whole array, one entry moved.": alone,
            **list_loop_slips(right),
        }
    }


EXERCISES = {
    "complex_step": Exercise(
        "complex_step(f, x, h): the gradient of f at x, each entry from one complex evaluation; h = 1e-20.",
        ("gradient",),
        complex_step,
        lambda rng, dtype: make_function(rng, h=1e-20, constant=1e6),
        make_complex_mistakes,
        hints=(
            "A complex copy of x; add 1j * h to one entry.",
            "gradient = np.zeros(x.shape)\n"
            "for i in np.ndindex(x.shape):\n"
            "    z = x.astype(complex)\n"
            "    z[i] += 1j * h\n"
            "    gradient[i] = f(z).imag / h\n"
            "return gradient",
        ),
        constants=lambda f, x, h: {"h": h},
        is_tuple=False,
    ),
}
