"""Answers: the backward passes of NLL, linear and GELU."""

import math

import numpy as np
from exercises.unpacking import unpack_cache, unpack_caches

SLOPE = math.sqrt(2 / math.pi)

# ---------------------------------------------------------------- token_nll_backward


def onehot(probs, where):
    return np.eye(probs.shape[-1], dtype=probs.dtype)[where[-1]]


def subtract_one_last(dnll, cache):
    probs, where = cache
    dlogits = probs * dnll[..., None]
    dlogits[where] -= 1
    return dlogits, None


def write_into_cache(dnll, cache):
    probs, where = cache
    probs[where] -= 1
    return probs * dnll[..., None], None


def nll_backward_by_loops(dnll, cache):
    probs, where = cache
    targets = where[-1]
    dlogits = np.zeros(probs.shape)
    for b, t, v in np.ndindex(probs.shape):
        dlogits[b, t, v] = (probs[b, t, v] - (v == targets[b, t])) * dnll[b, t]
    return dlogits, None


def nll_backward_by_jacobians(dnll, cache):
    """-log is -1 / p at the target, and the softmax has the Jacobian diag(p) - p p^T."""
    probs, where = cache
    diagonal = np.einsum("btv,vw->btvw", probs, np.eye(probs.shape[-1]))
    jacobian = diagonal - probs[..., None] * probs[..., None, :]
    dprobs = np.zeros(probs.shape)
    dprobs[where] = -dnll / probs[where]
    return np.einsum("btv,btvw->btw", dprobs, jacobian), None


@unpack_cache
def nll_backward_by_onehot(dnll, probs, where):
    return np.einsum("btv,bt->btv", probs - onehot(probs, where), dnll), None


NLL = {
    r"dnll is not used: it carries the loss mask": lambda d, p, where: (p - onehot(p, where), None),
    r"The one-hot part is missing": lambda d, p, where: (p * d[:, :, None], None),
    r"The sign is wrong": lambda d, p, where: ((onehot(p, where) - p) * d[..., None], None),
    r"The probabilities are missing": lambda d, p, where: (-onehot(p, where) * d[..., None], None),
    r"exactly (\d+) times too small: multiply by the number of targets \(\1\), since dnll": (
        lambda d, p, where: ((p - onehot(p, where)) * d[..., None] / d.size, None)
    ),
    r"the softmax's derivative at the target; -log cancels one factor": lambda d, p, where: (
        (p - onehot(p, where)) * (p[where] * d)[..., None],
        None,
    ),
}

# ---------------------------------------------------------------- linear_backward


def dw(x, dy):
    return np.einsum("btc,btk->ck", x, dy)


def forget_transpose(dy, cache):
    x, weight, _ = cache
    dx = dy @ weight
    return dx, x.T @ dy, dy.sum(0)


@unpack_cache
def linear_by_einsum(dy, x, weight, has_bias):
    return np.einsum("btk,ck->btc", dy, weight), dw(x, dy), np.einsum("btk->k", dy) if has_bias else None


def linear_by_loops(dy, cache):
    x, weight, has_bias = cache
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(weight.shape), np.zeros(weight.shape[1])
    for b, t in np.ndindex(x.shape[:2]):
        dx[b, t] = weight @ dy[b, t]
        dweight += np.outer(x[b, t], dy[b, t])
        dbias += dy[b, t]
    return dx, dweight, dbias if has_bias else None


@unpack_cache
def linear_by_tensordot(dy, x, weight, has_bias):
    dweight = np.tensordot(x, dy, axes=([0, 1], [0, 1]))
    return [
        dy.dot(weight.T),
        dweight,
        np.ones(dy[..., 0].size) @ dy.reshape(-1, dy.shape[-1]) if has_bias else None,
    ]


def replace(k, change):
    """A linear_backward whose output k is change(dy, x, weight), the others being right."""

    def answer(dy, cache):
        x, weight, _ = cache
        outputs = [dy @ weight.T, dw(x, dy), dy.sum((0, 1))]
        outputs[k] = change(dy, x, weight)
        return tuple(outputs)

    return answer


LINEAR = {
    r"dweight has shape.*It is transposed: \[in, out\]": replace(1, lambda d, x, w: dw(d, x)),
    r"dbias has shape.*summed over the channels: sum over the rows": replace(2, lambda d, x, w: d.sum(-1)),
    r"dbias has shape.*summed over the batch only": replace(2, lambda d, x, w: d.sum(0)),
    r"dweight has shape.*summed over time only: sum over the batch, too": replace(
        1, lambda d, x, w: x.mT @ d
    ),
    r"dweight is wrong.*exactly (\d+) times too small: multiply by the number of rows B T \(\1\)": replace(
        1, lambda d, x, w: dw(x, d) / d[..., 0].size
    ),
    r"dbias is wrong.*exactly (\d+) times too small: multiply by B \(\1\)": replace(
        2, lambda d, x, w: d.mean(0).sum(0)
    ),
    r"dx is wrong.*The sign is wrong": replace(0, lambda d, x, w: -d @ w.T),
    r"dx has shape.*the forward's product: dx is made of dy, not of x": replace(0, lambda d, x, w: x @ w),
    r"dx has shape.*The numbers are right: reshape them to \(\d, \d, \d\)": replace(
        0, lambda d, x, w: d.reshape(-1, d.shape[-1]) @ w.T
    ),
    r"dbias has shape \(1, \d\), not \(\d,\)\..*the first axis, of length 1, should go: a keepdims": replace(
        2, lambda d, x, w: d.reshape(-1, d.shape[-1]).sum(0, keepdims=True)
    ),
    r"dbias has shape.*not yet summed over the rows": replace(2, lambda d, x, w: d),
    r"returns 2 values, not 3: return the tuple \(dx, dweight, dbias\)": (
        lambda dy, cache: (dy @ cache[1].T, dw(cache[0], dy))
    ),
    r"raises ValueError in line \d+, `dx = dy @ weight`: .*in: \(6, 5, 2\), \[\(6, 5, 3\), .*, bool\]": (
        forget_transpose
    ),
}

# ---------------------------------------------------------------- gelu_backward


def slope_of(x):
    return SLOPE * (1 + 3 * 0.044715 * x**2)


@unpack_cache
def gelu_without_three(dy, x, t):
    du = SLOPE * (1 + 0.044715 * x**2)
    return (dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * du),)


@unpack_cache
def gelu_first_term(dy, x, t):
    return (dy * (1 + t) / 2,)


@unpack_cache
def gelu_of_the_exact_form(dy, x, t):
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return (dy * (0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) + x * density),)


def gelu_by_loops(dy, cache):
    x, _ = cache
    dx = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        z = float(x[i])
        u = SLOPE * (z + 0.044715 * z**3)
        sech = 1 / math.cosh(u)
        dx[i] = dy[i] * ((1 + math.tanh(u)) / 2 + z / 2 * sech**2 * SLOPE * (1 + 0.134145 * z**2))
    return (dx,)


def gelu_by_complex_step(dy, cache):
    x = cache[0] + 1e-20j
    y = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return [dy * y.imag / 1e-20]


def of_dx(dx):
    """A gelu_backward with dx from (dy, x, t, u')."""
    return lambda dy, cache: (dx(dy, *cache, slope_of(cache[0])),)


GELU = {
    r"dy is not used: multiply by what comes from above": of_dx(
        lambda d, x, t, du: (1 + t) / 2 + x / 2 * (1 - t**2) * du
    ),
    r"u' lacks sqrt\(2 / pi\)": of_dx(
        lambda d, x, t, du: d * ((1 + t) / 2 + x / 2 * (1 - t**2) * (1 + 3 * 0.044715 * x**2))
    ),
    r"The derivative of tanh\(u\) is 1 - tanh\(u\)\^2": of_dx(
        lambda d, x, t, du: d * ((1 + t) / 2 + x / 2 * (1 - t) * du)
    ),
    r"The second term lacks its 1/2": of_dx(lambda d, x, t, du: d * ((1 + t) / 2 + x * (1 - t**2) * du)),
    r"The second term lacks its factor x": of_dx(lambda d, x, t, du: d * ((1 + t) / 2 + (1 - t**2) / 2 * du)),
    r"u' is missing: the chain rule goes on inside tanh": of_dx(
        lambda d, x, t, du: d * ((1 + t) / 2 + x / 2 * (1 - t**2))
    ),
    r"Both terms lack their 1/2": of_dx(lambda d, x, t, du: d * (1 + t + x * (1 - t**2) * du)),
    r"returns an array, not the tuple \(dx,\)": lambda dy, cache: gelu_by_complex_step(dy, cache)[0],
    r"dx is wrong.*dy multiplies the first term only: is a bracket missing\?": of_dx(
        lambda d, x, t, du: d * 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du
    ),
    r"the second term, through tanh\(u\), is missing": gelu_first_term,
    r"the 3 is missing in u'": gelu_without_three,
    r"nearly right: an approximation": gelu_of_the_exact_form,
}

WRONG = {
    "token_nll_backward": unpack_caches(NLL)
    | {
        r"1 is subtracted after the row was multiplied by dnll": subtract_one_last,
        r"changes something inside its second argument: work on a copy": write_into_cache,
    },
    "linear_backward": LINEAR,
    "gelu_backward": GELU,
}

RIGHT = {
    "token_nll_backward": (nll_backward_by_loops, nll_backward_by_onehot, nll_backward_by_jacobians),
    "linear_backward": (linear_by_einsum, linear_by_loops, linear_by_tensordot),
    "gelu_backward": (gelu_by_loops, gelu_by_complex_step),
}
