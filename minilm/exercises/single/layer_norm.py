"""The exercise on layer norm's backward pass, which backward_by_hand takes in."""

import numpy as np

from ... import layers
from ..checker.exercise import Exercise, count_rows, draw_normal, draw_sizes
from ..checker.variations import vary_sum, vary_terms

TERMS = ("dxhat itself", "The gradient through the mean", "The gradient through the variance")


def make_norm_case(rng, dtype):
    B, T, C = draw_sizes(rng, "B", "T", "C", low=3)
    x = draw_normal(rng, dtype, B, T, C) * dtype(3)
    _, cache = layers.layer_norm_forward(x, draw_normal(rng, dtype, C), draw_normal(rng, dtype, C))
    return draw_normal(rng, dtype, B, T, C), cache


def average(array, axis=-1):
    """The mean over the channels, or another axis."""
    return array.mean(axis, keepdims=True)


def make_norm_mistakes(dy, cache):
    xhat, inv_std, weight = cache
    dxhat = dy * weight
    parts = dxhat, -average(dxhat), -xhat * average(dxhat * xhat)
    terms = vary_terms({name: part * inv_std for name, part in zip(TERMS, parts, strict=True)})
    return {
        "dx": (
            list_weight_slips(dy, cache)
            | list_std_slips(parts, inv_std)
            | terms
            | list_mean_slips(dxhat, xhat, inv_std)
        ),
        "dweight": {
            "xhat is missing: y = xhat weight + bias.": dy.sum((0, 1)),
            "weight is too much: dweight is made of dy, not of dxhat = dy * weight.": (
                (dxhat * xhat).sum((0, 1))
            ),
            "inv_std is too much: xhat holds it already.": (dy * xhat * inv_std).sum((0, 1)),
            "x - mean stands where xhat belongs: it is not yet divided by the standard deviation.": (
                (dy * xhat / inv_std).sum((0, 1))
            ),
            "dy is not used: sum dy * xhat.": xhat.sum((0, 1)),
            **vary_sum(dy * xhat),
        },
        "dbias": {
            "weight is too much: in y = xhat weight + bias it does not multiply the bias.": dxhat.sum((0, 1)),
            "xhat is too much: in y = xhat weight + bias it does not multiply the bias.": (
                (dy * xhat).sum((0, 1))
            ),
            **vary_sum(dy),
        },
    }


def list_weight_slips(dy, cache):
    """What becomes of dxhat = dy * weight."""
    xhat, inv_std, weight = cache

    def project(dxhat, of_mean, of_variance):
        return (dxhat - average(of_mean) - xhat * average(of_variance * xhat)) * inv_std

    dxhat, divided = dy * weight, dy / weight
    return {
        "weight is missing: dxhat = dy * weight.": project(dy, dy, dy),
        "weight is multiplied at the end: it belongs to dxhat, before the means are taken.": (
            project(dy, dy, dy) * weight
        ),
        "dy is divided by weight: dxhat = dy * weight.": project(divided, divided, divided),
        "weight is missing in both means: they are taken of dxhat.": project(dxhat, dy, dy),
        "weight is missing in the mean: it is taken of dxhat.": project(dxhat, dy, dxhat),
        "weight is missing in the variance's part: it is the mean of dxhat * xhat.": (
            project(dxhat, dxhat, dy)
        ),
    }


def list_std_slips(parts, inv_std):
    """What becomes of 1 / std, and of two terms at once."""
    dxhat, of_mean, of_variance = parts
    right = dxhat + of_mean + of_variance
    variance = 1 / inv_std**2 - 1e-5
    return {
        "The gradients through the mean and through the variance are missing: both depend on x.": (
            dxhat * inv_std
        ),
        "Both means are added: they are subtracted.": (dxhat - of_mean - of_variance) * inv_std,
        "1 / std is missing.": right,
        "1 / std multiplies dxhat only: is a bracket missing?": dxhat * inv_std + of_mean + of_variance,
        "1 / std multiplies the last term only: is a bracket missing?": (
            dxhat + of_mean + of_variance * inv_std
        ),
        "The gradient through the variance has a factor inv_std too much.": (
            (dxhat + of_mean) * inv_std + of_variance * inv_std**2
        ),
        "The gradient through the variance lacks a factor inv_std: does x - mean stand where xhat belongs?": (
            (dxhat + of_mean) * inv_std + of_variance
        ),
        "eps is left out of the standard deviation: use inv_std from the cache.": right / np.sqrt(variance),
        "It is divided by inv_std, which is 1 / std already: multiply.": right / inv_std,
        "inv_std is squared: once is enough.": right * inv_std**2,
        "The square root of inv_std is taken: use it as it is.": right * np.sqrt(inv_std),
    }


def list_mean_slips(dxhat, xhat, inv_std):
    """What becomes of the two means."""
    C = dxhat.shape[-1]
    product = dxhat * xhat

    def project(mean, along):
        return (dxhat - mean - along) * inv_std

    mean, along = average(dxhat), xhat * average(product)
    return {
        "Sums stand where means over the channels belong.": project(C * mean, C * along),
        "A sum over the channels stands where the first mean belongs.": project(C * mean, along),
        "A sum over the channels stands where the second mean belongs.": project(mean, C * along),
        "The means run over the batch: take them over the channels, the last axis.": (
            project(average(dxhat, 0), xhat * average(product, 0))
        ),
        "The means run over time: take them over the channels, the last axis.": (
            project(average(dxhat, 1), xhat * average(product, 1))
        ),
        "The means run over all rows: that is batch norm, take them over the channels.": (
            project(average(dxhat, (0, 1)), xhat * average(product, (0, 1)))
        ),
        "The means run over everything: take them row by row, over the channels.": (
            project(dxhat.mean(), xhat * product.mean())
        ),
        "The second mean lacks the factor xhat in front of it.": project(mean, average(product)),
        "The second mean lacks xhat inside: it is the mean of dxhat * xhat.": project(mean, xhat * mean),
        "xhat stands in front of the second mean squared.": project(mean, xhat * along),
        "The variance divides by C here, not by C - 1.": project(mean, along * C / (C - 1)),
        "The means divide by C, not by C - 1.": project(mean * C / (C - 1), along * C / (C - 1)),
        "The mean of xhat^2 is divided out: eps makes it a little less than 1, leave it.": (
            project(mean, along / average(xhat * xhat))
        ),
    }


EXERCISES = {
    "layer_norm_backward": Exercise(
        "layer_norm_backward(dy, cache): xhat, inv_std, weight = cache, xhat = (x - mean) * inv_std, "
        "y = xhat weight + bias; return (dx, dweight, dbias).",
        ("dx", "dweight", "dbias"),
        layers.layer_norm_backward,
        make_norm_case,
        make_norm_mistakes,
        hints=(
            "x reaches xhat three ways: directly, through the mean, through the variance.",
            "xhat, inv_std, weight = cache\ndxhat = dy * weight\n"
            "mean = dxhat.mean(axis=-1, keepdims=True)\n"
            "along = (dxhat * xhat).mean(axis=-1, keepdims=True)\n"
            "dx = (dxhat - mean - xhat * along) * inv_std\n"
            "return dx, (dy * xhat).sum(axis=(0, 1)), dy.sum(axis=(0, 1))",
        ),
        constants=count_rows,
    ),
}
