"""Answers: two ways to measure a gradient."""

import numpy as np


def entry_by_entry(f, x, h, slope):
    """slope(f, x, moved(step) -> x with one entry moved, h) for every entry."""
    gradient = np.zeros(x.shape, np.result_type(slope(f, x, lambda step: x + step, h)))
    for i in np.ndindex(x.shape):

        def moved(step, i=i):
            copy = x.astype(np.result_type(x, step))
            copy[i] += step
            return copy

        gradient[i] = slope(f, x, moved, h)
    return gradient


def of_slope(slope):
    """An answer that takes slope(f, x, moved, h) for every entry."""
    return lambda f, x, h: entry_by_entry(f, x, h, slope)


def both_sides(f, x, moved, h):
    return f(moved(h)) - f(moved(-h))


def move_entry_alone(f, x, h):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        gradient[i] = (f(x[i] + h) - f(x[i] - h)) / (2 * h)
    return gradient


def move_in_place(f, x, h):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        x[i] += h
        up = f(x)
        x[i] -= 2 * h
        gradient[i] = (up - f(x)) / (2 * h)
    return gradient


def use_own_step(f, x, h):
    return of_slope(both_sides)(f, x, 1e-5) / 2e-5


def central_over_the_flat_array(f, x, h):
    gradient = []
    for i in range(x.size):
        e = np.zeros(x.size)
        e[i] = h
        e = e.reshape(x.shape)
        gradient.append((f(x + e) - f(x - e)) / (2 * h))
    return np.array(gradient).reshape(x.shape)


def central_with_a_restored_copy(f, x, h):
    x = x.copy()
    gradient = np.empty(x.shape)
    for i, old in np.ndenumerate(x.copy()):
        x[i] = old + h
        up = f(x)
        x[i] = old - h
        gradient[i] = (up - f(x)) / h / 2
        x[i] = old
    return gradient


def complex_step_over_units(f, x, h):
    units = np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([f(x + 1j * h * e).imag for e in units]).reshape(x.shape) / h


def complex_step_as_lists(f, x, h):
    rows = []
    for i in range(x.shape[0]):
        rows.append([])
        for j in range(x.shape[1]):
            z = x.astype(complex)
            z[i, j] = complex(x[i, j], h)
            rows[-1].append(f(z).imag / h)
    return rows


WRONG = {
    "central_difference": {
        r"one-sided difference: its error shrinks like h, not like h\^2": of_slope(
            lambda f, x, moved, h: (f(moved(h)) - f(x)) / h
        ),
        r"one-sided difference to the left": of_slope(lambda f, x, moved, h: (f(x) - f(moved(-h))) / h),
        r"divided by h, but the two points are 2h apart": lambda f, x, h: of_slope(both_sides)(f, x, h) / h,
        r"exactly 500 times too small: divide by 2h \(0\.002\)": of_slope(both_sides),
        r"All entries are moved at once": lambda f, x, h: np.ones_like(x) * (f(x + h) - f(x - h)) / (2 * h),
        r"f gets one entry alone: give it the whole array": move_entry_alone,
        r"The sign is wrong": lambda f, x, h: -of_slope(both_sides)(f, x, h) / (2 * h),
        r"changes its second argument: work on a copy": move_in_place,
        r"another step than h, or another method": use_own_step,
        r"has shape \(\d+,\), not \(\d, \d\)\. The numbers are right: reshape them": lambda f, x, h: (
            of_slope(both_sides)(f, x, h) / (2 * h)
        ).ravel(),
    },
    "complex_step": {
        r"real part, f itself: the derivative is in the imaginary part": of_slope(
            lambda f, x, moved, h: f(moved(1j * h)).real
        ),
        r"real part, divided by h: take the imaginary part": of_slope(
            lambda f, x, moved, h: f(moved(1j * h)).real / h
        ),
        r"divide by h \(1e-20\)": of_slope(lambda f, x, moved, h: f(moved(1j * h)).imag),
        r"h = 1e-20 is lost in x \+ h, as is any difference of f\. Step along i": of_slope(
            lambda f, x, moved, h: (f(moved(h)) - f(x)) / h
        ),
        r"divided by 2h, but there is only one point": of_slope(
            lambda f, x, moved, h: f(moved(1j * h)).imag / (2 * h)
        ),
        r"All entries are moved at once": lambda f, x, h: np.full(x.shape, np.imag(f(x + 1j * h)) / h),
        r"gradient is complex: is a \.imag or \.real missing\?": of_slope(
            lambda f, x, moved, h: f(moved(1j * h)) / h
        ),
        r"nearly right: an approximation": use_own_step,
    },
}

RIGHT = {
    "central_difference": (central_over_the_flat_array, central_with_a_restored_copy),
    "complex_step": (complex_step_over_units, complex_step_as_lists),
}
