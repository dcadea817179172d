"""The exercise on RMS norm's backward, a step on the way to layer norm's, which backward_by_hand takes in."""

import numpy as np

from ..checker.exercise import Exercise, draw_normal, draw_sizes

NO_MEAN = "The mean of dy is subtracted: this forward takes no mean out, that is layer norm's other half."
TOO_MANY = "The second term has too many factors 1 / std: xhat = x / std holds one of them already."
ALONE = "Each channel hears only itself, but all channels of a row share std."
OUTER = "The second term lacks its outer factor xhat: raising x[j] raises std by xhat[j] / C."
POSITIONS = "The mean runs over the positions: every row has a std of its own, over its channels."


def rms_norm_backward(dy, cache):
    """(dx,) of y = xhat = x inv_std, inv_std = 1 / sqrt(mean(x^2) + eps); cache: xhat, inv_std."""
    xhat, inv_std = cache
    return ((dy - xhat * (dy * xhat).mean(axis=-1, keepdims=True)) * inv_std,)


def make_rms_case(rng, dtype):
    B, T, C = draw_sizes(rng, "B", "T", "C", low=3)
    x = draw_normal(rng, dtype, B, T, C) * dtype(3)
    inv_std = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + dtype(1e-5))
    return draw_normal(rng, dtype, B, T, C), (x * inv_std, inv_std)


def make_rms_mistakes(dy, cache):
    xhat, inv_std = cache
    second = xhat * average(dy * xhat) * inv_std
    return {"dx": list_wrong_factors(dy, second, inv_std) | list_wrong_means(dy, xhat, inv_std)}


def average(array):
    """The mean over the channels."""
    return array.mean(axis=-1, keepdims=True)


def list_wrong_factors(dy, second, inv_std):
    """{sentence: wrong dx}, where a term or a factor is missing or too much."""
    direct = dy * inv_std
    right = direct - second
    return {
        "The way through the std is missing: std depends on every x of the row, too.": direct,
        "The direct way is missing: x is divided by std, so dy / std comes first.": -second,
        "The second term's sign is wrong: a larger std makes every channel smaller.": direct + second,
        "1 / std is missing.": right / inv_std,
        "1 / std is missing in the first term.": dy - second,
        "1 / std is missing in the second term.": direct - second / inv_std,
        "It is divided by inv_std, which is 1 / std already: multiply.": right / inv_std**2,
        "There is one factor 1 / std too much: it is taken in twice.": right * inv_std,
        f"{TOO_MANY} Leave out one.": direct - second * inv_std,
        f"{TOO_MANY} Leave out two.": direct - second * inv_std**2,
        "The second term is half of what it should be: the derivative of x^2 is 2 x.": right + second / 2,
        "The second term is twice what it should be: the derivative of sqrt is 1 / (2 sqrt).": right - second,
        "A sum stands where a mean over the channels belongs.": direct - second * dy.shape[-1],
        "The sum is divided by T: it is a mean over C channels.": direct
        - second * dy.shape[-1] / dy.shape[1],
        "It is divided by C twice: a mean holds that division already.": direct - second / dy.shape[-1],
        NO_MEAN: right - average(dy) * inv_std,
        "x stands where xhat belongs: xhat = x * inv_std.": direct - second / inv_std**2,
        "A mean is subtracted at the end: this forward takes no mean out.": right - average(right),
    }


def list_wrong_means(dy, xhat, inv_std):
    """{sentence: wrong dx}, where the mean is taken over something else."""
    product = dy * xhat
    return {
        "The mean of dy * xhat is needed, not that of dy.": (dy - xhat * average(dy)) * inv_std,
        "xhat is squared, and dy averaged alone: the mean is that of dy * xhat.": (
            (dy - xhat**2 * average(dy)) * inv_std
        ),
        "dy stands outside the mean: each channel's own dy belongs inside, with its xhat.": (
            dy * (1 - average(xhat**2)) * inv_std
        ),
        OUTER: (dy - average(product)) * inv_std,
        POSITIONS: (dy - xhat * product.mean(axis=1, keepdims=True)) * inv_std,
        "The mean runs over the whole batch: every row has a std of its own.": (
            (dy - xhat * product.mean()) * inv_std
        ),
        f"{ALONE} Average dy * xhat over the row.": (dy - xhat * product) * inv_std,
        f"{ALONE} C is there, the sum over them is not.": (dy - xhat * product / dy.shape[-1]) * inv_std,
    }


EXERCISES = {
    "rms_norm_backward": Exercise(
        "rms_norm_backward(dy, cache): xhat, inv_std = cache, where xhat = x * inv_std is the output and "
        "inv_std = 1 / sqrt(mean(x^2) + eps), the mean over a row's channels; return (dx,).",
        ("dx",),
        rms_norm_backward,
        make_rms_case,
        make_rms_mistakes,
        hints=(
            "x[j] reaches every output of its row: directly its own, and all of them through std. Add both.",
            "xhat, inv_std = cache\n"
            "along = (dy * xhat).mean(axis=-1, keepdims=True)\n"
            "return ((dy - xhat * along) * inv_std,)",
        ),
    )
}
