"""The exercises on single layers: the backward passes of NLL, linear, GELU and layer norm."""

import numpy as np

from .. import layers, losses
from . import rms_norm
from .exercise import Exercise, draw_normal, draw_sizes

UNSUMMED = "It is not yet summed over the rows."


def count_rows(dy, cache):
    """The factors by which a sum over rows differs from a mean."""
    return {"the number of rows B T": dy.size // dy.shape[-1], "B": dy.shape[0], "T": dy.shape[1]}


def count_targets(dnll, cache):
    dividers = {"the number of targets, since dnll holds that division": dnll.size}
    return dividers | {"B": dnll.shape[0], "T": dnll.shape[1]}


def make_nll_case(rng, dtype):
    B, T, V = draw_sizes(rng, "B", "T", "V", low=3)
    _, cache = losses.token_nll_forward(draw_normal(rng, dtype, B, T, V), rng.integers(0, V, (B, T)))
    return rng.random((B, T)).astype(dtype), cache


def make_nll_mistakes(dnll, cache):
    probs, where = cache
    dnll, onehot = dnll[..., None], np.zeros_like(probs)
    onehot[where] = 1
    one_too_much = probs * dnll - onehot
    of_probability = (probs - onehot) * probs[where][..., None] * dnll
    return {
        "dlogits": {
            "dnll is not used: it carries the loss mask, multiply every row by it.": probs - onehot,
            "The one-hot part is missing: only the target's own logit pulls the NLL down.": probs * dnll,
            "1 is subtracted after the row was multiplied by dnll: subtract dnll there.": one_too_much,
            "The probabilities are missing: every logit is in the softmax's sum.": -onehot * dnll,
            "This is the softmax's derivative at the target; -log cancels one factor.": of_probability,
        }
    }


def make_linear_case(rng, dtype):
    B, T, C, K = draw_sizes(rng, "B", "T", "C", "K")
    arrays = draw_normal(rng, dtype, B, T, C), draw_normal(rng, dtype, C, K), draw_normal(rng, dtype, K)
    _, cache = layers.linear_forward(*arrays)
    return draw_normal(rng, dtype, B, T, K), cache


def make_linear_mistakes(dy, cache):
    x, weight, _ = cache
    per_example = x.swapaxes(1, 2) @ dy
    return {
        "dx": {"This is the forward's product: dx is made of dy, not of x.": x @ weight},
        "dweight": {
            "It is transposed: [in, out], as weight is.": per_example.sum(0).T,
            "It is not yet summed over the batch: every row that used weight adds its part.": per_example,
        },
        "dbias": {
            "It is summed over the channels: sum over the rows, that is batch and time.": dy.sum(-1),
            "It is summed over the batch only: sum over time, too.": dy.sum(0),
            "It is summed over time only: sum over the batch, too.": dy.sum(1),
        },
    }


def make_gelu_case(rng, dtype):
    B, T, C = draw_sizes(rng, "B", "T", "C")
    _, cache = layers.gelu_forward(draw_normal(rng, dtype, B, T, C))
    return draw_normal(rng, dtype, B, T, C), cache


def make_gelu_mistakes(dy, cache):
    x, t = cache
    cubic, slope = layers.GELU_CUBIC, layers.GELU_SLOPE
    first, dt, du = (1 + t) / 2, 1 - t * t, slope * (1 + 3 * cubic * x * x)
    without_x = dy * (first + dt * du / 2)
    without_three = dy * (first + x * dt * slope * (1 + cubic * x * x) / 2)
    return {
        "dx": {
            "dy is not used: multiply by what comes from above (the chain rule).": first + x * dt * du / 2,
            "x stands twice in y: the second term, through tanh(u), is missing.": dy * first,
            "dy multiplies the first term only: is a bracket missing?": dy * first + x * dt * du / 2,
            "The second term lacks its 1/2.": dy * (first + x * dt * du),
            "The second term lacks its factor x: product rule, x stays when t is derived.": without_x,
            "u' is missing: the chain rule goes on inside tanh.": dy * (first + x * dt / 2),
            "u' lacks sqrt(2 / pi).": dy * (first + x * dt * du / slope / 2),
            "The derivative of x^3 is 3 x^2: the 3 is missing in u'.": without_three,
            "The derivative of tanh(u) is 1 - tanh(u)^2.": dy * (first + x * (1 - t) * du / 2),
        }
    }


def make_norm_case(rng, dtype):
    B, T, C = draw_sizes(rng, "B", "T", "C", low=3)
    x = draw_normal(rng, dtype, B, T, C) * dtype(3)
    _, cache = layers.layer_norm_forward(x, draw_normal(rng, dtype, C), draw_normal(rng, dtype, C))
    return draw_normal(rng, dtype, B, T, C), cache


def average(array):
    """The mean over the channels."""
    return array.mean(-1, keepdims=True)


def make_norm_mistakes(dy, cache):
    xhat, inv_std, weight = cache
    dxhat = dy * weight
    mean_path, variance_path = average(dxhat), xhat * average(dxhat * xhat)
    neither = dxhat * inv_std
    unscaled = dy - average(dy) - xhat * average(dy * xhat)
    weight_last = unscaled * inv_std * weight
    right = dxhat - mean_path - variance_path
    of_sums = dxhat - (mean_path + variance_path) * dy.shape[-1]
    return {
        "dx": {
            "The gradient through the mean is missing.": (dxhat - variance_path) * inv_std,
            "The gradient through the variance is missing.": (dxhat - mean_path) * inv_std,
            "The gradients through the mean and through the variance are missing: both depend on x.": neither,
            "weight is missing: dxhat = dy * weight.": unscaled * inv_std,
            "weight is multiplied at the end: it belongs to dxhat, before the means are taken.": weight_last,
            "1 / std is missing.": right,
            "It is divided by inv_std, which is 1 / std already: multiply.": right / inv_std,
            "Sums stand where means over the channels belong.": of_sums * inv_std,
        },
        "dweight": {
            "xhat is missing: y = xhat weight + bias.": dy.sum((0, 1)),
            UNSUMMED: dy * xhat,
        },
        "dbias": {
            UNSUMMED: dy,
            "It is summed over the channels: sum over batch and time.": dy.sum(-1),
            "weight is too much: in y = xhat weight + bias it does not multiply the bias.": dxhat.sum((0, 1)),
        },
    }


EXERCISES = {
    "token_nll_backward": Exercise(
        "token_nll_backward(dnll, cache): probs, where = cache (probs (B, T, V); probs[where] is each "
        "target's probability); return (dlogits, None).",
        ("dlogits", "dtargets"),
        losses.token_nll_backward,
        make_nll_case,
        make_nll_mistakes,
        hints=(
            "d(-log p_target) / dlogits is probs with 1 subtracted at the target.",
            "dlogits = probs * dnll[..., None]; dlogits[where] -= dnll",
        ),
        constants=count_targets,
        returns=("dlogits", "None"),
    ),
    "linear_backward": Exercise(
        "linear_backward(dy, cache): x, weight, has_bias = cache, where y = x weight + bias; "
        "return (dx, dweight, dbias); has_bias is True here.",
        ("dx", "dweight", "dbias"),
        layers.linear_backward,
        make_linear_case,
        make_linear_mistakes,
        hints=(
            "Which shapes must dx, dweight, dbias have? Only one product gives each.",
            "Flatten to rows: dx = dy weight^T, dweight = x^T dy, dbias = dy summed over the rows.",
        ),
        constants=count_rows,
    ),
    "gelu_backward": Exercise(
        "gelu_backward(dy, cache): x, t = cache, t = tanh(u), u = sqrt(2 / pi) (x + 0.044715 x^3), "
        "y = x (1 + t) / 2; return (dx,).",
        ("dx",),
        layers.gelu_backward,
        make_gelu_case,
        make_gelu_mistakes,
        hints=(
            "Product rule: y = x * (1 + t) / 2, and t depends on x, too.",
            "dy * ((1 + t) / 2 + x * (1 - t * t) * du / 2), du = sqrt(2 / pi) (1 + 3 * 0.044715 x^2)",
        ),
    ),
    **rms_norm.EXERCISES,
    "layer_norm_backward": Exercise(
        "layer_norm_backward(dy, cache): xhat, inv_std, weight = cache, xhat = (x - mean) * inv_std, "
        "y = xhat weight + bias; return (dx, dweight, dbias).",
        ("dx", "dweight", "dbias"),
        layers.layer_norm_backward,
        make_norm_case,
        make_norm_mistakes,
        hints=(
            "x reaches xhat three ways: directly, through the mean, through the variance.",
            "dxhat = dy * weight; dx = (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat)) * inv_std",
        ),
        constants=count_rows,
    ),
}
