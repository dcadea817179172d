"""The exercises on single layers: the backward passes of NLL and linear; GELU and layer norm are taken in."""

import numpy as np

from .. import layers, losses
from . import gelu, layer_norm
from .exercise import Exercise, count_rows, draw_normal, draw_sizes
from .variations import vary_factor, vary_sum


def count_targets(dnll, cache):
    dividers = {"the number of targets, since dnll holds that division": dnll.size}
    sizes = {"B": dnll.shape[0], "T": dnll.shape[1], "V": cache[0].shape[-1]}
    return dividers | sizes | {"dnll.sum(), since dnll is divided already": dnll.sum()}


def make_nll_case(rng, dtype):
    B, T, V = draw_sizes(rng, "B", "T", "V", low=3)
    _, cache = losses.token_nll_forward(draw_normal(rng, dtype, B, T, V), rng.integers(0, V, (B, T)))
    is_masked = rng.random((B, T)) < 0.3
    is_masked[0, :2] = True, False
    return np.where(is_masked, 0, rng.random((B, T)) + 0.05).astype(dtype), cache


def make_nll_mistakes(dnll, cache):
    probs, where = cache
    dnll, onehot = dnll[..., None], np.zeros_like(probs)
    onehot[where] = 1
    one_too_much = probs * dnll - onehot
    of_probability = (probs - onehot) * probs[where][..., None] * dnll
    right, of_column = (probs - onehot) * dnll, probs - onehot.any(axis=1, keepdims=True)
    return {
        "dlogits": {
            "dnll is not used: it carries the loss mask, multiply every row by it.": probs - onehot,
            "The one-hot part is missing: only the target's own logit pulls the NLL down.": probs * dnll,
            "1 is subtracted after the row was multiplied by dnll: subtract dnll there.": one_too_much,
            "The probabilities are missing: every logit is in the softmax's sum.": -onehot * dnll,
            "This is the softmax's derivative at the target; -log cancels one factor.": of_probability,
            "The softmax's derivative p (1 - p) is not all: -log and the target's own entry are missing.": (
                probs * (1 - probs) * dnll
            ),
            "probs is a factor too much: -log cancels it.": right * probs,
            "dnll is used as a switch, on or off: it is a factor, and may be 0.25.": (probs - onehot)
            * (dnll != 0),
            "1 is added at the target: it is subtracted.": (probs + onehot) * dnll,
            "1 is subtracted twice at the target.": (probs - 2 * onehot) * dnll,
            "Only the target's entry is there: all other logits are in the softmax's sum.": right * onehot,
            "This is the derivative by the probability, -1 / p: go on through the softmax.": -onehot
            / probs
            * dnll,
            "The logarithm of probs stands where probs belongs.": (np.log(probs) - onehot) * dnll,
            "The mean of dnll is used for all rows: each row has its own.": (probs - onehot) * dnll.mean(),
            "The sum of dnll is used for all rows: each row has its own.": (probs - onehot) * dnll.sum(),
            "dnll of the position before is used: each row has its own.": (probs - onehot)
            * np.roll(dnll, 1, axis=1),
            "The target's probability stands in all columns: each logit has its own.": (
                (probs[where][..., None] - onehot) * dnll
            ),
            "1 is subtracted at the most likely token: subtract it at the target.": (
                (probs - (probs == probs.max(-1, keepdims=True))) * dnll
            ),
            "1 / V is subtracted everywhere: subtract 1 at the target.": (probs - 1 / probs.shape[-1]) * dnll,
            "The target's entry is 0: it is probs - 1 there.": right * (1 - onehot),
            "probs goes through a softmax once more: it is the softmax already.": (
                np.exp(probs) / np.exp(probs).sum(-1, keepdims=True) - onehot
            )
            * dnll,
            "It is summed over V: one number for each logit should stay.": right.sum(-1),
            "1 is subtracted for all targets of an example in every row: each row has one.": of_column * dnll,
            "The one-hot belongs to the position before: targets are those of their own row.": (
                (probs - np.roll(onehot, 1, axis=1)) * dnll
            ),
            "Only the targets' entries are there: the result has probs' shape.": (probs[where] - 1)
            * dnll[..., 0],
            **vary_factor("dnll", dnll, lambda factor: (probs - onehot) * factor),
        }
    }


def make_linear_case(rng, dtype):
    B, T, C, K = draw_sizes(rng, "B", "T", "C", "K")
    arrays = draw_normal(rng, dtype, B, T, C), draw_normal(rng, dtype, C, K), draw_normal(rng, dtype, K)
    _, cache = layers.linear_forward(*arrays)
    return draw_normal(rng, dtype, B, T, K), cache


def make_linear_mistakes(dy, cache):
    x, weight, _ = cache
    parts = np.einsum("btc,btk->btck", x, dy)
    dweight, rows = parts.sum((0, 1)), dy.reshape(-1, dy.shape[-1])
    of_sums = np.outer(x.sum((0, 1)), rows.sum(0))
    scrambled = x.reshape(x.shape[-1], -1) @ rows
    return {
        "dx": {
            "This is the forward's product: dx is made of dy, not of x.": x @ weight,
            "weight is reshaped, not transposed: weight.T.": dy @ weight.reshape(weight.shape[::-1]),
            "weight is inverted: the gradient needs the transposed matrix.": dy @ np.linalg.pinv(weight),
            "dy is not used: multiply it by weight^T.": np.ones_like(dy) @ weight.T,
            "x is a factor too much: dx is dy weight^T.": dy @ weight.T * x,
            "dy and weight are summed apart: each channel of dy goes with its own column.": (
                dy.sum(-1, keepdims=True) * weight.sum(1)
            ),
        },
        "dweight": {
            "It is transposed: [in, out], as weight is.": dweight.T,
            "x and dy are summed before they are multiplied: each row's x goes with its own dy.": of_sums,
            "x is reshaped, not transposed: rows^T, after flattening to rows.": scrambled,
            "dy stands where x belongs: dweight is x^T dy.": rows.T @ rows,
            "x stands where dy belongs: dweight is x^T dy.": np.einsum("btc,btk->ck", x, x),
            "dy is not used: dweight is x^T dy.": np.repeat(x.sum((0, 1))[:, None], dy.shape[-1], axis=1),
            "x is not used: dweight is x^T dy.": np.repeat(rows.sum(0)[None], x.shape[-1], axis=0),
            **vary_sum(parts),
        },
        "dbias": {
            "dy is not used: each row adds its dy to the bias's gradient.": np.ones(dy.shape[-1]),
            "These are row counts: each row adds its dy to the bias's gradient.": np.full(
                dy.shape[-1], len(rows)
            ),
            **vary_sum(dy),
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
            "probs, where = cache\ndlogits = probs * dnll[..., None]\n"
            "dlogits[where] -= dnll\nreturn dlogits, None",
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
            "x, weight, has_bias = cache\n"
            "rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])\n"
            "return dy @ weight.T, rows.T @ drows, drows.sum(axis=0)",
        ),
        constants=count_rows,
    ),
    **gelu.EXERCISES,
    **layer_norm.EXERCISES,
}
