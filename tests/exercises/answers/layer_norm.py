"""Answers: layer norm's backward pass."""

import numpy as np


def mean(a):
    return a.mean(-1, keepdims=True)


def norm_dx(dy, xhat, inv_std, weight):
    g = dy * weight
    return inv_std * (g - mean(g) - xhat * mean(g * xhat))


def of_dx(dx):
    """A layer_norm_backward with this dx, of (dxhat, dy, xhat, inv_std, weight)."""

    def answer(dy, cache):
        xhat, inv_std, weight = cache
        return dx(dy * weight, dy, xhat, inv_std, weight), (dy * xhat).sum((0, 1)), dy.sum((0, 1))

    return answer


def of_rest(rest):
    """A layer_norm_backward with a right dx, and with dweight and dbias from (dy, xhat, weight)."""
    return lambda dy, cache: (norm_dx(dy, *cache), *rest(dy, cache[0], cache[2]))


norm_without_mean = of_dx(lambda g, d, xhat, inv_std, w: inv_std * (g - xhat * mean(g * xhat)))


def norm_by_jacobians(dy, cache):
    """Row by row: dxhat/dx = (1 - 1/C - xhat xhat^T / C) / std."""
    xhat, inv_std, weight = cache
    C = xhat.shape[-1]
    dx = np.zeros(xhat.shape)
    for b, t in np.ndindex(xhat.shape[:2]):
        row = xhat[b, t]
        jacobian = (np.eye(C) - np.ones((C, C)) / C - np.outer(row, row) / C) * inv_std[b, t]
        dx[b, t] = jacobian.T @ (dy[b, t] * weight)
    return dx, np.einsum("btc,btc->c", dy, xhat), dy.sum(0).sum(0)


def norm_by_the_chain(dy, cache):
    """The long way, as batch normalisation is taught: variance first, then mean, then x."""
    xhat, inv_std, weight = cache
    C = xhat.shape[-1]
    centred = xhat / inv_std
    dxhat = dy * weight
    dvariance = (dxhat * centred).sum(-1, keepdims=True) * -0.5 * inv_std**3
    dmean = -(dxhat * inv_std).sum(-1, keepdims=True) - 2 * dvariance * centred.mean(-1, keepdims=True)
    dx = dxhat * inv_std + dvariance * 2 * centred / C + dmean / C
    rows = dy.reshape(-1, C)
    return dx, (rows * xhat.reshape(-1, C)).sum(0), rows.sum(0)


NORM = {
    r"dx is wrong.*The gradient through the mean is missing": norm_without_mean,
    r"dx is wrong.*The gradient through the variance is missing": of_dx(
        lambda g, d, xhat, s, w: s * (g - mean(g))
    ),
    r"dx is wrong.*through the mean and through the variance are missing": of_dx(
        lambda g, d, xhat, s, w: g * s
    ),
    r"dx is wrong.*weight is missing: dxhat = dy \* weight": of_dx(
        lambda g, d, xhat, s, w: (d - mean(d) - xhat * mean(d * xhat)) * s
    ),
    r"dx is wrong.*1 / std is missing": of_dx(lambda g, d, xhat, s, w: g - mean(g) - xhat * mean(g * xhat)),
    r"dx is wrong.*Sums stand where means over the channels belong": of_dx(
        lambda g, d, xhat, s, w: s * (g - g.sum(-1, keepdims=True) - xhat * (g * xhat).sum(-1, keepdims=True))
    ),
    r"dx is wrong.*divided by inv_std, which is 1 / std already": of_dx(
        lambda g, d, xhat, s, w: (g - mean(g) - xhat * mean(g * xhat)) / s
    ),
    r"dx is wrong.*weight is multiplied at the end": of_dx(
        lambda g, d, xhat, s, w: w * (d - mean(d) - xhat * mean(d * xhat)) * s
    ),
    r"dweight is wrong.*xhat is missing": of_rest(lambda d, xhat, w: (d.sum((0, 1)), d.sum((0, 1)))),
    r"dweight has shape.*not yet summed over the rows": of_rest(lambda d, xhat, w: (d * xhat, d)),
    r"dbias has shape.*summed over the channels": of_rest(
        lambda d, xhat, w: ((d * xhat).sum((0, 1)), d.sum(-1))
    ),
    r"dweight is wrong.*exactly (\d+) times too small: multiply by the number of rows B T \(\1\)": of_rest(
        lambda d, xhat, w: ((d * xhat).mean((0, 1)), d.mean((0, 1)))
    ),
    r"dbias is wrong.*weight is too much": of_rest(
        lambda d, xhat, w: ((d * xhat).sum((0, 1)), (d * w).sum((0, 1)))
    ),
}

WRONG = {"layer_norm_backward": NORM}
RIGHT = {"layer_norm_backward": (norm_by_jacobians, norm_by_the_chain)}
