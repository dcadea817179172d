"""The exercises of lesson 3: the backward passes of NLL, linear, GELU and layer norm."""

import numpy as np

from .. import layers, losses
from ..layers import GELU_CUBIC, GELU_SLOPE
from .exercise import Exercise, normal, sizes


def make_nll_backward(rng, dtype):
    B, T, V = sizes(rng, "B", "T", "V", low=3)
    _, cache = losses.token_nll_forward(normal(rng, dtype, B, T, V), rng.integers(0, V, (B, T)))
    return rng.random((B, T)).astype(dtype), cache


def make_linear(rng, dtype):
    B, T, C, K = sizes(rng, "B", "T", "C", "K")
    arrays = normal(rng, dtype, B, T, C), normal(rng, dtype, C, K), normal(rng, dtype, K)
    _, cache = layers.linear_forward(*arrays)
    return normal(rng, dtype, B, T, K), cache


def make_gelu(rng, dtype):
    B, T, C = sizes(rng, "B", "T", "C")
    _, cache = layers.gelu_forward(normal(rng, dtype, B, T, C))
    return normal(rng, dtype, B, T, C), cache


def make_layer_norm(rng, dtype):
    B, T, C = sizes(rng, "B", "T", "C", low=3)
    x = normal(rng, dtype, B, T, C) * dtype(3)
    _, cache = layers.layer_norm_forward(x, normal(rng, dtype, C), normal(rng, dtype, C))
    return normal(rng, dtype, B, T, C), cache


def onehot(cache):
    probs, where = cache
    hot = np.zeros_like(probs)
    hot[where] = 1
    return hot


def norm_dx(dy, cache, mean=True, variance=True, weight=True, std=True):
    """Layer norm's dx with some of its parts left out."""
    xhat, inv_std, scale = cache
    dxhat = dy * scale if weight else dy
    dx = dxhat - (dxhat.mean(-1, keepdims=True) if mean else 0)
    dx = dx - (xhat * (dxhat * xhat).mean(-1, keepdims=True) if variance else 0)
    return dx * inv_std if std else dx


def norm_dx_of_sums(dy, cache):
    """Layer norm's dx with sums for its two means."""
    xhat, inv_std, scale = cache
    dxhat = dy * scale
    sums = dxhat.sum(-1, keepdims=True), (dxhat * xhat).sum(-1, keepdims=True)
    return (dxhat - sums[0] - xhat * sums[1]) * inv_std


def gelu_dx(dy, cache, second=0.5, slope=GELU_SLOPE, three=3, square=True, x_too=True, du=True):
    """GELU's dx with some of its parts wrong."""
    x, t = cache
    inner = slope * (1 + three * GELU_CUBIC * x * x) if du else 1
    return dy * (0.5 * (1 + t) + second * (x if x_too else 1) * (1 - (t * t if square else t)) * inner)


def rows(dy, cache):
    return {"the number of rows B T": dy.size // dy.shape[-1], "B": dy.shape[0], "T": dy.shape[1]}


WITHOUT_DY = "dy is not used: multiply by what comes from above (the chain rule)."


EXERCISES = {
    "token_nll_backward": Exercise(
        "token_nll_backward(dnll, cache): probs, where = cache (probs (B, T, V); probs[where] is each "
        "target's probability); return (dlogits, None).",
        ("dlogits", "dtargets"),
        losses.token_nll_backward,
        make_nll_backward,
        (
            (
                "dlogits",
                "dnll is not used: it carries the loss mask, multiply every row by it.",
                lambda d, c: c[0] - onehot(c),
            ),
            (
                "dlogits",
                "The one-hot part is missing: only the target's own logit pulls the NLL down.",
                lambda d, c: c[0] * d[..., None],
            ),
            (
                "dlogits",
                "1 is subtracted after the row was multiplied by dnll: subtract dnll there.",
                lambda d, c: c[0] * d[..., None] - onehot(c),
            ),
            (
                "dlogits",
                "The probabilities are missing: every logit is in the softmax's sum.",
                lambda d, c: -onehot(c) * d[..., None],
            ),
            (
                "dlogits",
                "This is the softmax's derivative at the target; -log cancels one factor.",
                lambda d, c: (c[0] - onehot(c)) * c[0][c[1]][..., None] * d[..., None],
            ),
        ),
        (
            "d(-log p_target) / dlogits is probs with 1 subtracted at the target.",
            "dlogits = probs * dnll[..., None]; dlogits[where] -= dnll",
        ),
        constants=lambda d, c: {
            "the number of targets, since dnll holds that division": d.size,
            "B": d.shape[0],
            "T": d.shape[1],
        },
        returns=("dlogits", "None"),
    ),
    "linear_backward": Exercise(
        "linear_backward(dy, cache): x, weight, has_bias = cache, where y = x weight + bias; "
        "return (dx, dweight, dbias); has_bias is True here.",
        ("dx", "dweight", "dbias"),
        layers.linear_backward,
        make_linear,
        (
            (
                "dx",
                "This is the forward's product: dx is made of dy, not of x.",
                lambda d, c: c[0] @ c[1],
            ),
            (
                "dweight",
                "It is transposed: [in, out], as weight is.",
                lambda d, c: np.einsum("btk,btc->kc", d, c[0]),
            ),
            (
                "dweight",
                "It is not yet summed over the batch: every row that used the weight adds its part.",
                lambda d, c: c[0].swapaxes(1, 2) @ d,
            ),
            (
                "dbias",
                "It is summed over the channels: sum over the rows, that is batch and time.",
                lambda d, c: d.sum(-1),
            ),
            ("dbias", "It is summed over the batch only: sum over time, too.", lambda d, c: d.sum(0)),
            ("dbias", "It is summed over time only: sum over the batch, too.", lambda d, c: d.sum(1)),
        ),
        (
            "Which shapes must dx, dweight, dbias have? Only one product gives each.",
            "Flatten to rows: dx = dy weight^T, dweight = x^T dy, dbias = dy summed over the rows.",
        ),
        constants=rows,
    ),
    "gelu_backward": Exercise(
        "gelu_backward(dy, cache): x, t = cache, t = tanh(u), u = sqrt(2 / pi) (x + 0.044715 x^3), "
        "y = x (1 + t) / 2; return (dx,).",
        ("dx",),
        layers.gelu_backward,
        make_gelu,
        (
            ("dx", WITHOUT_DY, lambda d, c: gelu_dx(np.ones_like(d), c)),
            (
                "dx",
                "x stands twice in y: the second term, through tanh(u), is missing.",
                lambda d, c: gelu_dx(d, c, second=0),
            ),
            (
                "dx",
                "dy multiplies the first term only: is a bracket missing?",
                lambda d, c: gelu_dx(d, c, second=0) + gelu_dx(1, c) - gelu_dx(1, c, second=0),
            ),
            ("dx", "The second term lacks its 1/2.", lambda d, c: gelu_dx(d, c, second=1)),
            (
                "dx",
                "The second term lacks its factor x: product rule, x stays when t is derived.",
                lambda d, c: gelu_dx(d, c, x_too=False),
            ),
            (
                "dx",
                "u' is missing: the chain rule goes on inside tanh.",
                lambda d, c: gelu_dx(d, c, du=False),
            ),
            ("dx", "u' lacks sqrt(2 / pi).", lambda d, c: gelu_dx(d, c, slope=1)),
            (
                "dx",
                "The derivative of x^3 is 3 x^2: the 3 is missing in u'.",
                lambda d, c: gelu_dx(d, c, three=1),
            ),
            ("dx", "The derivative of tanh(u) is 1 - tanh(u)^2.", lambda d, c: gelu_dx(d, c, square=False)),
        ),
        (
            "Product rule: y = x * (1 + t) / 2, and t depends on x, too.",
            "dy * ((1 + t) / 2 + x * (1 - t * t) * du / 2), du = sqrt(2 / pi) (1 + 3 * 0.044715 x^2)",
        ),
    ),
    "layer_norm_backward": Exercise(
        "layer_norm_backward(dy, cache): xhat, inv_std, weight = cache, xhat = (x - mean) * inv_std, "
        "y = xhat weight + bias; return (dx, dweight, dbias).",
        ("dx", "dweight", "dbias"),
        layers.layer_norm_backward,
        make_layer_norm,
        (
            ("dx", "The gradient through the mean is missing.", lambda d, c: norm_dx(d, c, mean=False)),
            (
                "dx",
                "The gradient through the variance is missing.",
                lambda d, c: norm_dx(d, c, variance=False),
            ),
            (
                "dx",
                "The gradients through the mean and through the variance are missing: both depend on x.",
                lambda d, c: norm_dx(d, c, mean=False, variance=False),
            ),
            ("dx", "weight is missing: dxhat = dy * weight.", lambda d, c: norm_dx(d, c, weight=False)),
            (
                "dx",
                "weight is multiplied at the end: it belongs to dxhat, before the means are taken.",
                lambda d, c: norm_dx(d, c, weight=False) * c[2],
            ),
            ("dx", "1 / std is missing.", lambda d, c: norm_dx(d, c, std=False)),
            (
                "dx",
                "It is divided by inv_std, which is 1 / std already: multiply.",
                lambda d, c: norm_dx(d, c, std=False) / c[1],
            ),
            ("dx", "Sums stand where means over the channels belong.", norm_dx_of_sums),
            ("dweight", "xhat is missing: y = xhat weight + bias.", lambda d, c: d.sum((0, 1))),
            ("dweight", "It is not yet summed over the rows.", lambda d, c: d * c[0]),
            ("dbias", "It is not yet summed over the rows.", lambda d, c: d),
            ("dbias", "It is summed over the channels: sum over batch and time.", lambda d, c: d.sum(-1)),
            (
                "dbias",
                "weight is too much: y = xhat weight + bias, and the bias is not multiplied by it.",
                lambda d, c: (d * c[2]).sum((0, 1)),
            ),
        ),
        (
            "x reaches xhat three ways: directly, through the mean, through the variance.",
            "dxhat = dy * weight; dx = (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat)) * inv_std",
        ),
        constants=rows,
    ),
}
