"""The exercise on GELU's backward pass, which backward_by_hand takes in."""

import numpy as np

from ... import layers
from ..checker.exercise import Exercise, draw_normal, draw_sizes
from ..checker.variations import vary_terms

FIRST, SECOND = "The first term, (1 + t) / 2,", "The second term, x (1 - t^2) u' / 2,"
OWN_WORDS = (
    f"{SECOND} is missing.",
    f"{FIRST} is twice what it should be.",
    f"{SECOND} is twice what it should be.",
)


def make_gelu_case(rng, dtype):
    B, T, C = draw_sizes(rng, "B", "T", "C")
    _, cache = layers.gelu_forward(draw_normal(rng, dtype, B, T, C))
    return draw_normal(rng, dtype, B, T, C), cache


def make_gelu_mistakes(dy, cache):
    x, t = cache
    first, dt, du = (1 + t) / 2, 1 - t * t, layers.GELU_SLOPE * (1 + 3 * layers.GELU_CUBIC * x * x)
    terms = vary_terms({FIRST: dy * first, SECOND: dy * x * dt * du / 2}, but=OWN_WORDS)
    slips = list_chain_slips(dy, x, t, first, dt, du) | list_slopes(dy, x, first, dt)
    return {"dx": slips | list_others(dy, x, first, dt, du) | terms}


def list_chain_slips(dy, x, t, first, dt, du):
    """What becomes of the product rule and the chain rule."""
    twice = np.tanh(t)
    return {
        "dy is not used: multiply by what comes from above (the chain rule).": first + x * dt * du / 2,
        "x stands twice in y: the second term, through tanh(u), is missing.": dy * first,
        "dy multiplies the first term only: is a bracket missing?": dy * first + x * dt * du / 2,
        "dy multiplies the second term only: is a bracket missing?": first + dy * x * dt * du / 2,
        "dy is added: the chain rule multiplies.": dy + first + x * dt * du / 2,
        "The two terms are multiplied: the product rule adds them.": dy * first * x * dt * du / 2,
        "The second term lacks its factor x: product rule, x stays when t is derived.": (
            dy * (first + dt * du / 2)
        ),
        "u' is missing: the chain rule goes on inside tanh.": dy * (first + x * dt / 2),
        "The first term lacks its 1: it is (1 + t) / 2.": dy * (t / 2 + x * dt * du / 2),
        "t is tanh(u) already: tanh is taken again.": dy * ((1 + twice) / 2 + x * (1 - twice**2) * du / 2),
        "t is tanh(u) already: tanh is taken again in its derivative.": (
            dy * (first + x * (1 - twice**2) * du / 2)
        ),
        "(1 + t) / 2 lacks its bracket: this is 1 / 2 + t.": dy * (0.5 + t + x * dt * du / 2),
        "1 - t^2 lacks its bracket: only t^2 is multiplied by u'.": dy * (first + x * (1 - t * t * du) / 2),
        "x is too much in the first term: it is (1 + t) / 2.": dy * (x * first + x * dt * du / 2),
        "The first term is (1 + t) / 2, with a plus.": dy * ((1 - t) / 2 + x * dt * du / 2),
        "x stands in the second term squared.": dy * (first + x * x * dt * du / 2),
        "The second term lacks its factors x and 1/2.": dy * (first + dt * du),
        "The derivative of tanh(u) is missing: it is 1 - t^2.": dy * (first + x * du / 2),
        "The derivative of tanh(u) is 1 - tanh(u)^2, here 1 - t^2: t stands without its square.": (
            dy * (first + x * (1 - t) * du / 2)
        ),
        "The derivative of tanh(u) is 1 - t^2, with a minus.": dy * (first + x * (1 + t * t) * du / 2),
        "The derivative of tanh(u) is 1 - t^2, not (1 - t)^2.": dy * (first + x * (1 - t) ** 2 * du / 2),
        "t is tanh(u): tanh(x) stands in its derivative.": dy * (first + x * (1 - np.tanh(x) ** 2) * du / 2),
        "The derivative of tanh(u) is 1 - t^2, without a root.": dy * (first + x * np.sqrt(dt) * du / 2),
    }


def list_slopes(dy, x, first, dt):
    """What becomes of u' = sqrt(2 / pi) (1 + 3 * 0.044715 x^2)."""
    cubic, slope = layers.GELU_CUBIC, layers.GELU_SLOPE
    square = x * x
    slopes = {
        "u' lacks sqrt(2 / pi).": 1 + 3 * cubic * square,
        "u' has 2 / pi: the root is missing.": slope**2 * (1 + 3 * cubic * square),
        "u' has sqrt(2) / pi: the root is that of 2 / pi.": np.sqrt(2) / np.pi * (1 + 3 * cubic * square),
        "u' has sqrt(pi / 2): it is sqrt(2 / pi).": (1 + 3 * cubic * square) / slope,
        "sqrt(2 / pi) multiplies the 1 in u' only: is a bracket missing?": slope + 3 * cubic * square,
        "The derivative of x^3 is 3 x^2: the 3 is missing in u'.": slope * (1 + cubic * square),
        "The derivative of x^3 is 3 x^2: u' has a 2.": slope * (1 + 2 * cubic * square),
        "The derivative of x^3 is 3 x^2: u' has x without its square.": slope * (1 + 3 * cubic * x),
        "The derivative of x^3 is 3 x^2: u' has x^3.": slope * (1 + 3 * cubic * square * x),
        "u itself stands where its derivative u' belongs.": slope * (x + cubic * square * x),
        "u' lacks sqrt(2 / pi) and the 3 of 3 x^2.": 1 + cubic * square,
        "u' lacks its 1, the derivative of x.": slope * 3 * cubic * square,
        "u' lacks the derivative of 0.044715 x^3.": slope + 0 * square,
        "0.044715 is missing in u'.": slope * (1 + 3 * square),
        "The constant is 0.044715, ten times smaller.": slope * (1 + 30 * cubic * square),
    }
    outside = dy * (first + x * dt * slope / 2 + 3 * cubic * square)
    table = {sentence: dy * (first + x * dt * du / 2) for sentence, du in slopes.items()}
    return table | {"3 * 0.044715 x^2 stands outside the second term: is a bracket missing in u'?": outside}


def list_others(dy, x, first, dt, du):
    """Other functions, and the forward."""
    return {
        "This is the forward, y: asked for is dy times its derivative.": x * first,
        "This is dy times y: asked for is dy times the derivative of y.": dy * x * first,
        "This is ReLU's derivative.": dy * (x > 0),
        "The second term lacks its 1/2.": dy * (first + x * dt * du),
        "Both terms lack their 1/2: y is x (1 + t) / 2.": dy * (2 * first + x * dt * du),
        "The first term lacks its 1/2.": dy * (2 * first + x * dt * du / 2),
    }


EXERCISES = {
    "gelu_backward": Exercise(
        "gelu_backward(dy, cache): x, t = cache, t = tanh(u), u = sqrt(2 / pi) (x + 0.044715 x^3), "
        "y = x (1 + t) / 2; return (dx,).",
        ("dx",),
        layers.gelu_backward,
        make_gelu_case,
        make_gelu_mistakes,
        hints=(
            "Product rule: y = x * (1 + t) / 2, and t depends on x, too.",
            "x, t = cache\ndu = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x * x)\n"
            "return (dy * ((1 + t) / 2 + x * (1 - t * t) * du / 2),)",
        ),
    ),
}
