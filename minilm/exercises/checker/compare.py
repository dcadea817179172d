"""When two arrays are equal, up to rounding or up to a factor."""

import numpy as np


def is_close(got, right, tolerance=None):
    """Whether two arrays are equal to `tolerance` of the largest entry, by default to rounding."""
    if not np.isfinite(got).all():
        return False
    scale = max(np.abs(right).max(initial=0.0), 1e-60)  # not 0, to which an h of 1e-20 is no rounding
    tolerance = tolerance or choose_tolerance(got, right)
    return bool(np.abs(got - right).max(initial=0.0) <= tolerance * scale)


def choose_tolerance(*arrays):
    """What rounding may do, relative to the largest entry: 1e-4 where there is a float32, else 1e-8."""
    return 1e-4 if any(a.dtype == np.float32 for a in arrays) else 1e-8


def are_equal(a, b):
    """Whether two outputs, either of which may be None, agree in shape and values."""
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and is_close(a, b)


def find_differences(got, right):
    """Where two arrays differ by more than rounding, as an array of bool."""
    near = np.abs(got - right) <= choose_tolerance(got, right) * np.abs(right).max(initial=0.0)
    return ~near  # so that NaN differs


def find_ratio(got, right):
    """c if got = c * right throughout and c is neither 0 nor infinite, else None."""
    if not right.any() or not got.any():
        return None
    c = float(np.vdot(right, got) / np.vdot(right, right))
    return c if 1e-99 < abs(c) < 1e99 and is_close(got, c * right) else None
