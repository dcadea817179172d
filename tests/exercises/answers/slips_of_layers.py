"""Answers: linear, GELU and layer norm, as they go wrong in practice."""

import numpy as np
from exercises.answers.backward_by_hand import SLOPE, of_dx, replace
from exercises.answers.layer_norm import mean, norm_dx, of_rest
from exercises.answers.layer_norm import of_dx as norm_of_dx


def rotate(outputs):
    dx, dweight, dbias = outputs
    return dweight, dbias, dx


right_linear = replace(0, lambda d, x, w: d @ w.T)
right_norm = norm_of_dx(lambda g, d, xhat, s, w: s * (g - mean(g) - xhat * mean(g * xhat)))
YOURS = (
    r"The values are right, but in another order: yours is \(dweight, dbias, dx\)\. Please return \(dx, dwei"
)

LINEAR = {
    YOURS: lambda dy, cache: rotate(right_linear(dy, cache)),
    r"Only the last example is there: is it = where \+= is meant": replace(
        1, lambda d, x, w: x[-1].T @ d[-1]
    ),
    r"dbias is wrong.*Only the very first row is there": replace(2, lambda d, x, w: d[0, 0]),
    r"x and dy are summed before they are multiplied": replace(
        1, lambda d, x, w: np.outer(x.sum((0, 1)), d.sum((0, 1)))
    ),
    r"weight is reshaped, not transposed": replace(0, lambda d, x, w: d @ w.reshape(w.shape[::-1])),
    r"weight is inverted": replace(0, lambda d, x, w: d @ np.linalg.pinv(w)),
    r"dbias is wrong.*dy is not used": replace(2, lambda d, x, w: np.ones(d.shape[-1])),
    r"dbias has shape \(\).*summed over everything": replace(2, lambda d, x, w: d.sum()),
}


def second(slope=lambda x, du: du, dt=lambda t: 1 - t * t):
    """A gelu_backward with another second term."""
    return of_dx(lambda d, x, t, du: d * ((1 + t) / 2 + x * dt(t) * slope(x, du) / 2))


GELU = {
    r"t is tanh\(u\) already: tanh is taken again\.": of_dx(
        lambda d, x, t, du: d * ((1 + np.tanh(t)) / 2 + x / 2 * (1 - np.tanh(t) ** 2) * du)
    ),
    r"tanh is taken again in its derivative": second(dt=lambda t: 1 / np.cosh(t) ** 2),
    r"not \(1 - t\)\^2": second(dt=lambda t: (1 - t) ** 2),
    r"u' has 2 / pi: the root is missing": second(lambda x, du: du * SLOPE),
    r"u' has x without its square": second(lambda x, du: SLOPE * (1 + 3 * 0.044715 * x)),
    r"u itself stands where its derivative u' belongs": second(lambda x, du: SLOPE * (x + 0.044715 * x**3)),
    r"u' lacks its 1": second(lambda x, du: SLOPE * 3 * 0.044715 * x**2),
    r"multiplies the 1 in u' only": second(lambda x, du: SLOPE + 3 * 0.044715 * x**2),
    r"The constant is 0\.044715, ten times smaller": second(lambda x, du: SLOPE * (1 + 3 * 0.44715 * x**2)),
    r"The first term, \(1 \+ t\) / 2, is missing": of_dx(lambda d, x, t, du: d * x * (1 - t * t) * du / 2),
    r"The second term, .* has the wrong sign": of_dx(
        lambda d, x, t, du: d * ((1 + t) / 2 - x * (1 - t * t) * du / 2)
    ),
    r"The two terms are multiplied": of_dx(lambda d, x, t, du: d * (1 + t) / 2 * x * (1 - t * t) * du / 2),
    r"This is the forward, y": of_dx(lambda d, x, t, du: x * (1 + t) / 2),
    r"This is ReLU's derivative": of_dx(lambda d, x, t, du: d * (x > 0)),
}


def with_means(average):
    """A layer_norm_backward whose means are average(array)."""
    return norm_of_dx(lambda g, d, xhat, s, w: s * (g - average(g) - xhat * average(g * xhat)))


def project(along):
    """A layer_norm_backward with another second projection, along(dxhat, xhat)."""
    return norm_of_dx(lambda g, d, xhat, s, w: s * (g - mean(g) - along(g, xhat)))


NORM = {
    YOURS: lambda dy, cache: rotate(right_norm(dy, cache)),
    r"dweight is wrong.*weight is too much: dweight is made of dy": of_rest(
        lambda d, xhat, w: ((d * w * xhat).sum((0, 1)), d.sum((0, 1)))
    ),
    r"The means run over the batch": with_means(lambda a: a.mean(0, keepdims=True)),
    r"The means run over all rows: that is batch norm": with_means(lambda a: a.mean((0, 1))),
    r"The second mean lacks the factor xhat in front": project(lambda g, xhat: mean(g * xhat)),
    r"The second mean lacks xhat inside": project(lambda g, xhat: xhat * mean(g)),
    r"The variance divides by C here, not by C - 1": project(
        lambda g, xhat: xhat * (g * xhat).sum(-1, keepdims=True) / (g.shape[-1] - 1)
    ),
    r"eps is left out of the standard deviation": norm_of_dx(
        lambda g, d, xhat, s, w: (g - mean(g) - xhat * mean(g * xhat)) / np.sqrt(1 / s**2 - 1e-5)
    ),
    r"inv_std is squared": norm_of_dx(lambda g, d, xhat, s, w: s * s * (g - mean(g) - xhat * mean(g * xhat))),
    r"The square root of inv_std": norm_of_dx(
        lambda g, d, xhat, s, w: np.sqrt(s) * (g - mean(g) - xhat * mean(g * xhat))
    ),
    r"The gradient through the variance lacks a factor inv_std": norm_of_dx(
        lambda g, d, xhat, s, w: s * (g - mean(g)) - xhat * mean(g * xhat)
    ),
    r"right up to a factor of its own": norm_of_dx(
        lambda g, d, xhat, s, w: s**3 * (g - mean(g) - xhat * mean(g * xhat))
    ),
    r"The gradient through the mean has the wrong sign": norm_of_dx(
        lambda g, d, xhat, s, w: s * (g + mean(g) - xhat * mean(g * xhat))
    ),
    r"The gradient through the variance is twice": project(lambda g, xhat: 2 * xhat * mean(g * xhat)),
    r"1 / std multiplies dxhat only": norm_of_dx(
        lambda g, d, xhat, s, w: s * g - mean(g) - xhat * mean(g * xhat)
    ),
    r"dweight is wrong.*inv_std is too much": lambda dy, cache: (
        norm_dx(dy, *cache),
        (dy * cache[0] * cache[1]).sum((0, 1)),
        dy.sum((0, 1)),
    ),
}

WRONG = {"linear_backward": LINEAR, "gelu_backward": GELU, "layer_norm_backward": NORM}
