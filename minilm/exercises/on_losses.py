"""Exercises on the loss: NLL of tokens, weighted mean, denominators."""

import numpy as np

from .. import data, losses
from .exercise import Exercise, normal, sizes, uneven_roles


def token_nll(logits, targets):
    """-log softmax(logits)[target] for every target."""
    return losses.token_nll_forward(logits, targets)[0]


def denominators(response, target):
    """dnll of the response's summed loss, of its mean over answers, of its mean over everything."""
    return response, response / response.sum(), response / target.sum()


def make_nll(rng, dtype):
    B, T, V = sizes(rng, "B", "T", "V", low=3)
    scale = 1 if B % 2 else 1000  # large logits overflow exp
    return normal(rng, dtype, B, T, V) * dtype(scale), rng.integers(0, V, (B, T))


def make_masks(rng, dtype):
    roles = uneven_roles(rng)[:, 1:]
    return data.response_mask(roles).astype(dtype), data.loss_mask(roles, 1.0).astype(dtype)


def make_nll_backward(rng, dtype):
    B, T, V = sizes(rng, "B", "T", "V", low=3)
    _, cache = losses.token_nll_forward(normal(rng, dtype, B, T, V), rng.integers(0, V, (B, T)))
    return rng.random((B, T)).astype(dtype), cache


def make_mean_backward(rng, dtype):
    roles = uneven_roles(rng)[:, 1:]
    weights = data.loss_mask(roles, 0.25)
    _, cache = losses.weighted_mean_forward(rng.random(roles.shape).astype(dtype), weights)
    return dtype(rng.random() + 0.5), cache


def onehot(cache):
    probs, where = cache
    hot = np.zeros_like(probs)
    hot[where] = 1
    return hot


def probs_of(logits, targets):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.take_along_axis(e / e.sum(axis=-1, keepdims=True), targets[..., None], -1)[..., 0]


def over_wrong_axis(logits, targets):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    with np.errstate(divide="ignore"):
        return -np.log(np.take_along_axis(e / e.sum(axis=1, keepdims=True), targets[..., None], -1)[..., 0])


ROWS = "It is a mean of row means: rows with short answers weigh more than they should."

EXERCISES = {
    "token_nll": Exercise(
        "token_nll(logits, targets): from logits (B, T, V) and targets (B, T) return (B, T): "
        "-log softmax(logits)[target].",
        ("nll",),
        token_nll,
        make_nll,
        (
            (
                "nll",
                "The minus is missing: a likely token has an NLL near 0, an unlikely one a large one.",
                lambda z, t: -token_nll(z, t),
            ),
            ("nll", "These are probabilities: take -log.", probs_of),
            (
                "nll",
                "The softmax runs over the wrong axis: it normalises over the vocabulary, the last one.",
                over_wrong_axis,
            ),
            (
                "nll",
                "It is already averaged: keep one value for each token, so that a mask can weigh them.",
                lambda z, t: token_nll(z, t).mean(),
            ),
            (
                "nll",
                "This is minus the target's logit: log(sum(exp(logits))) is missing.",
                lambda z, t: -np.take_along_axis(z, t[..., None], -1)[..., 0],
            ),
            (
                "nll",
                "This is the NLL of the most likely token: the target's own logit is not used.",
                lambda z, t: token_nll(z, z.argmax(-1)),
            ),
        ),
        (
            "exp(1000) overflows. What may you subtract from a row of logits without changing the softmax?",
            "shifted = logits - max; log(sum(exp(shifted))) - shifted[target]",
        ),
        constants=lambda z, t: {"ln 2, since a bit is ln 2 nats": np.log(2), "ln 10": np.log(10)},
        is_tuple=False,
    ),
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
    "weighted_mean_backward": Exercise(
        "weighted_mean_backward(dloss, cache): weights, total = cache, where loss = sum(weights * nll) "
        "/ total; return (dnll, None).",
        ("dnll", "dmask"),
        losses.weighted_mean_backward,
        make_mean_backward,
        (
            ("dnll", "dloss is not used.", lambda d, c: c[0] / c[1]),
            ("dnll", ROWS, lambda d, c: d * c[0] / c[0].sum(-1, keepdims=True) / len(c[0])),
            (
                "dnll",
                "The weights are missing: every row would be lit, masked or not.",
                lambda d, c: np.full(c[0].shape, d / c[1]),
            ),
            (
                "dnll",
                "It is divided by the number of all places, pads included: total counts the weights.",
                lambda d, c: d * c[0] / c[0].size,
            ),
            (
                "dnll",
                "It is divided by how many weights are not 0: total is their sum.",
                lambda d, c: d * c[0] / np.count_nonzero(c[0]),
            ),
        ),
        ("How much does the loss change when one token's NLL grows by 1?", "dloss * weights / total"),
        constants=lambda d, c: {
            "total": c[1],
            "B, since total counts every row's weights": len(c[0]),
        },
        returns=("dnll", "None"),
    ),
    "denominators": Exercise(
        "denominators(response, target): 0/1 masks (B, T) of response targets and of all targets "
        "that are no pads. For the loss of the response tokens alone return three times dloss/dnll: "
        "of their sum, of their mean over response targets, of their sum over the number of all targets.",
        ("dnll of the sum", "dnll of the mean over answers", "dnll of the mean over everything"),
        denominators,
        make_masks,
        (
            ("dnll of the sum", "This is full-sequence loss: prompt targets must be 0.", lambda r, t: t),
            ("dnll of the mean over answers", ROWS, lambda r, t: r / r.sum(-1, keepdims=True) / len(r)),
            (
                "dnll of the mean over answers",
                "It is divided by the number of all places, pads included: divide by response.sum().",
                lambda r, t: r / r.size,
            ),
            (
                "dnll of the mean over everything",
                "It is divided by the number of all places: pads are no targets, divide by target.sum().",
                lambda r, t: r / r.size,
            ),
            (
                "dnll of the mean over everything",
                "Prompt targets are lit: they count in the denominator only.",
                lambda r, t: t / t.sum(),
            ),
        ),
        (
            "The derivative of a sum is 1 at each of its terms. And of a sum divided by a number?",
            "response, response / response.sum(), response / target.sum()",
        ),
        constants=lambda r, t: {
            "the number of response targets": r.sum(),
            "the number of all targets": t.sum(),
        },
    ),
}
