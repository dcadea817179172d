"""Answers: RMS norm's backward pass."""

import numpy as np


def mean(a):
    return a.mean(-1, keepdims=True)


def of_dx(dx):
    """An rms_norm_backward with this dx, of (dy, xhat, inv_std)."""
    return lambda dy, cache: (dx(dy, *cache),)


def rms_by_jacobians(dy, cache):
    """Row by row: dxhat/dx = (1 - xhat xhat^T / C) / std."""
    xhat, inv_std = cache
    C = xhat.shape[-1]
    dx = np.zeros(xhat.shape)
    for b, t in np.ndindex(xhat.shape[:2]):
        row = xhat[b, t]
        dx[b, t] = (np.eye(C) - np.outer(row, row) / C) @ dy[b, t] * inv_std[b, t]
    return dx, None


def rms_row_by_row(dy, cache):
    return (rms_by_jacobians(dy, cache)[0],)


def rms_by_the_chain(dy, cache):
    """As it is derived: dstd first, then both ways to x."""
    xhat, inv_std = cache
    dstd = -(dy * xhat).sum(-1, keepdims=True) * inv_std
    return [dy * inv_std + dstd * xhat / xhat.shape[-1]]


WRONG = {
    "rms_norm_backward": {
        r"The way through the std is missing": of_dx(lambda d, xhat, s: d * s),
        r"The second term's sign is wrong": of_dx(lambda d, xhat, s: (d + xhat * mean(d * xhat)) * s),
        r"A sum stands where a mean over the channels belongs": of_dx(
            lambda d, xhat, s: (d - xhat * (d * xhat).sum(-1, keepdims=True)) * s
        ),
        r"1 / std is missing\.": of_dx(lambda d, xhat, s: d - xhat * mean(d * xhat)),
        r"1 / std is missing in the second term": of_dx(lambda d, xhat, s: d * s - xhat * mean(d * xhat)),
        r"divided by inv_std, which is 1 / std already": of_dx(
            lambda d, xhat, s: (d - xhat * mean(d * xhat)) / s
        ),
        r"The mean of dy \* xhat is needed, not that of dy": of_dx(
            lambda d, xhat, s: (d - xhat * mean(d)) * s
        ),
        r"lacks its outer factor xhat": of_dx(lambda d, xhat, s: (d - mean(d * xhat)) * s),
        r"too many factors 1 / std.*Leave out two": of_dx(
            lambda d, xhat, s: d * s - xhat * mean(d * xhat) * s**3
        ),
        r"too many factors 1 / std.*Leave out one": of_dx(
            lambda d, xhat, s: d * s - s * s * xhat * mean(d * xhat)
        ),
        r"this forward takes no mean out": of_dx(
            lambda d, xhat, s: (d - mean(d) - xhat * mean(d * xhat)) * s
        ),
        r"The mean runs over the positions": of_dx(
            lambda d, xhat, s: (d - xhat * (d * xhat).mean(1, keepdims=True)) * s
        ),
        r"The mean runs over the whole batch": of_dx(lambda d, xhat, s: (d - xhat * np.mean(d * xhat)) * s),
        r"Each channel hears only itself.*Average": of_dx(lambda d, xhat, s: (d - xhat**2 * d) * s),
        r"Each channel hears only itself.*C is there": of_dx(
            lambda d, xhat, s: s * d - s * d * xhat**2 / xhat.shape[-1]
        ),
        r"derivative of x\^2 is 2 x": of_dx(lambda d, xhat, s: (d - xhat * mean(d * xhat) / 2) * s),
        r"derivative of sqrt is": of_dx(lambda d, xhat, s: (d - 2 * xhat * mean(d * xhat)) * s),
        r"one factor 1 / std too much": of_dx(lambda d, xhat, s: (d - xhat * mean(d * xhat)) * s**2),
        r"divided by C twice": of_dx(lambda d, xhat, s: (d - xhat * mean(d * xhat) / d.shape[-1]) * s),
        r"returns an array, not the tuple \(dx,\)": lambda dy, cache: rms_by_jacobians(dy, cache)[0],
        r"returns 2 values, not 1": rms_by_jacobians,
    }
}
RIGHT = {"rms_norm_backward": (rms_row_by_row, rms_by_the_chain)}
