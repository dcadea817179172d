"""Answers: measured gradients, as they go wrong in practice."""

import numpy as np
from exercises.answers.gradient_check import both_sides, of_slope


def over_rows(f, x, h):
    gradient = np.zeros_like(x)
    for i in range(len(x)):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        gradient[i] = (f(up) - f(down)) / (2 * h)
    return gradient


def list_over_rows(f, x, h):
    return over_rows(f, x, h)[:, 0]


def never_set_back(f, x, h):
    x, gradient = x.copy(), np.zeros_like(x)
    for i in np.ndindex(x.shape):
        x[i] += h
        up = f(x)
        x[i] -= 2 * h
        gradient[i] = (up - f(x)) / (2 * h)
    return gradient


def share_one_copy(f, x, h):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up = down = x.copy()
        up[i] += h
        down[i] -= h
        gradient[i] = (f(up) - f(down)) / (2 * h)
    return gradient


def return_too_early(f, x, h):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        gradient[i] = of_slope(both_sides)(f, x, h)[i] / (2 * h)
        return gradient


def begin_anew(f, x, h):
    for i in np.ndindex(x.shape):
        gradient = np.zeros_like(x)
        gradient[i] = of_slope(both_sides)(f, x, h)[i] / (2 * h)
    return gradient


def step_on_a_real_copy(f, x, h):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        z = x.copy()
        z[i] += 1j * h
        gradient[i] = f(z).imag / h
    return gradient


def store_in_a_real_array(f, x, h):
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        z = x.astype(complex)
        z[i] += 1j * h
        gradient[i] = f(z) / h
    return gradient


def never_set_back_complex(f, x, h):
    z, gradient = x.astype(complex), np.zeros_like(x)
    for i in np.ndindex(x.shape):
        z[i] += 1j * h
        gradient[i] = f(z).imag / h
    return gradient


WRONG = {
    "central_difference": {
        r"A whole row is moved at once.*np\.ndindex\(x\.shape\)": over_rows,
        r"shape.*Only the rows are walked through: np\.ndindex\(x\.shape\)": list_over_rows,
        r"Entries are not set back": never_set_back,
        r"Both points are the same array": share_one_copy,
        r"Only the first entry is measured: return after the loop": return_too_early,
        r"Only the last entry is left": begin_anew,
        r"/ 2 \* h multiplies by h": lambda f, x, h: of_slope(both_sides)(f, x, h) / 2 * h,
        r"It is divided by h\^2": lambda f, x, h: of_slope(both_sides)(f, x, h) / h**2,
        r"this is half of a one-sided difference": of_slope(
            lambda f, x, moved, h: (f(moved(h)) - f(x)) / (2 * h)
        ),
        r"This is the second difference": of_slope(
            lambda f, x, moved, h: (f(moved(h)) - 2 * f(x) + f(moved(-h))) / h**2
        ),
        r"The two values are added": of_slope(lambda f, x, moved, h: (f(moved(h)) + f(moved(-h))) / (2 * h)),
        r"The step is h / 2 to each side": of_slope(
            lambda f, x, moved, h: both_sides(f, x, moved, h / 2) / (2 * h)
        ),
    },
    "complex_step": {
        r"A complex number was made real.*Make the copy of x complex": step_on_a_real_copy,
        r"made real, which drops its imaginary part \(NumPy's ComplexWarning\)": store_in_a_real_array,
        r"Each entry holds the sum of all before it": never_set_back_complex,
        r"Two points are compared": of_slope(
            lambda f, x, moved, h: (f(moved(1j * h)) - f(moved(-1j * h))).imag / h
        ),
        r"The step is 1j, not 1j \* h: only a tiny step": of_slope(lambda f, x, moved, h: f(moved(1j)).imag),
        r"It is multiplied by h: divide": of_slope(lambda f, x, moved, h: f(moved(1j * h)).imag * h),
        r"This is the absolute value": of_slope(lambda f, x, moved, h: abs(f(moved(1j * h)).imag) / h),
        r"The sign is wrong": of_slope(lambda f, x, moved, h: f(moved(-1j * h)).imag / h),
    },
}
