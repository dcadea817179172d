"""The exercises on single layers: the backward passes of NLL and linear; GELU and layer norm are taken in."""

import numpy as np

from .. import layers, losses
from .checker.compare import find_ratio
from .checker.exercise import Exercise, count_rows, draw_normal, draw_sizes
from .checker.variations import vary_factor, vary_sum
from .single import gelu, layer_norm, rms_norm


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
    return {"dlogits": list_other_factors(dnll, probs, onehot) | list_other_rows(dnll, probs, onehot)}


def list_other_factors(dnll, probs, onehot):
    """(probs - onehot) dnll with another factor than dnll, or one more."""
    row, p_target = probs - onehot, (probs * onehot).sum(-1, keepdims=True)
    return {
        "dnll is not used: it carries the loss mask, multiply every row by it.": row,
        "dnll is used as a switch, on or off: it is a factor, and may be 0.25.": row * (dnll != 0),
        "The mean of dnll is used for all rows: each row has its own.": row * dnll.mean(),
        "The sum of dnll is used for all rows: each row has its own.": row * dnll.sum(),
        "The mean of dnll over each example is used: each row has its own.": (
            row * dnll.mean(1, keepdims=True)
        ),
        "probs is not multiplied by dnll: the whole row is.": probs - onehot * dnll,
        "dnll of the position before is used: each row has its own.": row * np.roll(dnll, 1, axis=1),
        "1 is subtracted after the row was multiplied by dnll: subtract dnll there.": probs * dnll - onehot,
        "This is the softmax's derivative at the target; -log cancels one factor.": row * p_target * dnll,
        "This is the derivative of the target's probability: -log turns its sign and cancels it.": (
            -row * p_target * dnll
        ),
        "probs is a factor too much: -log cancels it.": row * probs * dnll,
        "Only the target's entry is there: all other logits are in the softmax's sum.": row * onehot * dnll,
        "The target's entry is 0: it is probs - 1 there.": row * (1 - onehot) * dnll,
        "Only the targets' entries are there: the result has probs' shape.": ((p_target - 1) * dnll)[..., 0],
        "It is summed over V: one number for each logit should stay.": (row * dnll).sum(-1),
        **vary_factor("dnll", dnll, lambda factor: row * factor),
    }


def list_other_rows(dnll, probs, onehot):
    """dnll times another row than probs - onehot."""
    of_example = onehot.any(axis=1, keepdims=True)
    rows = {
        "The one-hot part is missing: only the target's own logit pulls the NLL down.": probs,
        "The probabilities are missing: every logit is in the softmax's sum.": -onehot,
        "1 is added at the target: it is subtracted.": probs + onehot,
        "1 is subtracted twice at the target.": probs - 2 * onehot,
        "1 is subtracted everywhere: subtract it at the target.": probs - 1,
        "The target's entry is set to -1: it is probs - 1 there, -= and not =.": (
            np.where(onehot > 0, -1, probs)
        ),
        "1 is subtracted at the most likely token: subtract it at the target.": (
            probs - (probs == probs.max(-1, keepdims=True))
        ),
        "1 is subtracted for all targets of an example in every row: each row has one.": probs - of_example,
        "1 / V is subtracted everywhere: subtract 1 at the target.": probs - 1 / probs.shape[-1],
        "The one-hot belongs to the position before: each row has its own.": (
            probs - np.roll(onehot, 1, axis=1)
        ),
        "This is the derivative by the probability, -1 / p: go on through the softmax.": -onehot / probs,
        "The softmax's derivative p (1 - p) is not all: -log is missing.": probs * (1 - probs),
    }
    return {sentence: row * dnll for sentence, row in rows.items()}


def find_smoothing(label, wrong):
    """A sentence for the gradient of label smoothing, or ""."""
    shares = []
    for (dnll, (probs, where)), got, right in wrong:
        onehot = np.zeros_like(probs)
        onehot[where] = 1
        shares.append(find_ratio(got - right, (onehot - 1 / probs.shape[-1]) * dnll[..., None]))
    if None in shares or not np.allclose(shares, shares[0], rtol=1e-3):
        return ""
    return (
        f"{shares[0]:.3g} of the 1 is spread over V, as in label smoothing: subtract all of it at the target."
    )


def make_linear_case(rng, dtype, has_bias):
    B, T, C, K = draw_sizes(rng, "B", "T", "C", "K")
    bias = draw_normal(rng, dtype, K) if has_bias else None
    _, cache = layers.linear_forward(draw_normal(rng, dtype, B, T, C), draw_normal(rng, dtype, C, K), bias)
    return draw_normal(rng, dtype, B, T, K), cache


def make_linear_mistakes(dy, cache):
    x, weight, _ = cache
    parts = np.einsum("btc,btk->btck", x, dy)
    return {
        "dx": list_inputs(dy, x, weight),
        "dweight": list_weights(dy, x) | vary_sum(parts),
        "dbias": {
            "dy is not used: each row adds its dy to the bias's gradient.": np.ones(dy.shape[-1]),
            **vary_sum(dy),
        },
    }


def list_inputs(dy, x, weight):
    """Wrong dx."""
    return {
        "This is the forward's product: dx is made of dy, not of x.": x @ weight,
        "weight is reshaped, not transposed: weight.T.": dy @ weight.reshape(weight.shape[::-1]),
        "weight is inverted: the gradient needs the transposed matrix.": dy @ np.linalg.pinv(weight),
        "dy is not used: multiply it by weight^T.": np.ones_like(dy) @ weight.T,
        "x is a factor too much: dx is dy weight^T.": dy @ weight.T * x,
    }


def list_weights(dy, x):
    """Wrong dweight, but for sums over another axis."""
    rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    of_sums = np.outer(rows.sum(0), drows.sum(0))
    return {
        "It is transposed: [in, out], as weight is.": drows.T @ rows,
        "x and dy are summed before they are multiplied: each row's x goes with its own dy.": of_sums,
        "x is reshaped, not transposed: rows^T, after flattening to rows.": (
            x.reshape(x.shape[-1], -1) @ drows
        ),
        "dy stands where x belongs: dweight is x^T dy.": drows.T @ drows,
        "x stands where dy belongs: dweight is x^T dy.": rows.T @ rows,
        "dy is not used: dweight is x^T dy.": rows.T @ np.ones_like(drows),
        "x is not used: dweight is x^T dy.": np.ones_like(rows).T @ drows,
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
        diagnose=find_smoothing,
        returns=("dlogits", "None"),
    ),
    "linear_backward": Exercise(
        "linear_backward(dy, cache): x, weight, has_bias = cache, where y = x weight + bias; "
        "return (dx, dweight, dbias), with dbias None where has_bias is False.",
        ("dx", "dweight", "dbias"),
        layers.linear_backward,
        make_linear_case,
        make_linear_mistakes,
        hints=(
            "Which shapes must dx, dweight, dbias have? Only one product gives each.",
            "x, weight, has_bias = cache\n"
            "rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])\n"
            "return dy @ weight.T, rows.T @ drows, drows.sum(axis=0) if has_bias else None",
        ),
        constants=count_rows,
        kinds=(True, True, False, True),  # has_bias: the head has none
    ),
    **gelu.EXERCISES,
    **rms_norm.EXERCISES,
    **layer_norm.EXERCISES,
}
