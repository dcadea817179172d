"""The exercises of lesson 2: NLL of tokens, log-probabilities of sequences."""

import numpy as np

from .. import data, losses
from .exercise import Exercise, normal, sizes, uneven_roles
from .one_sequence import NO_EOS, PADS_COUNT, full


def token_nll(logits, targets):
    """-log softmax(logits)[target] for every target."""
    return losses.token_nll_forward(logits, targets)[0]


def log_probs(nll, roles):
    """log P(x), log P(y|x), log P(x, y) of every row; nll and roles of the targets (B, T)."""
    masks = data.prompt_mask(roles), data.response_mask(roles), data.loss_mask(roles, 1.0)
    return tuple(losses.log_prob(nll, mask) for mask in masks)


def make_nll(rng, dtype):
    B, T, V = sizes(rng, "B", "T", "V", low=3)
    scale = 1 if B % 2 else 1000  # large logits overflow exp
    return normal(rng, dtype, B, T, V) * dtype(scale), rng.integers(0, V, (B, T))


def make_log_probs(rng, dtype):
    roles = uneven_roles(rng)[:, 1:]
    return rng.random(roles.shape).astype(dtype) + dtype(0.1), roles


def probs_of(logits, targets):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.take_along_axis(e / e.sum(axis=-1, keepdims=True), targets[..., None], -1)[..., 0]


def over_wrong_axis(logits, targets):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    with np.errstate(divide="ignore"):
        return -np.log(np.take_along_axis(e / e.sum(axis=1, keepdims=True), targets[..., None], -1)[..., 0])


def mean_of(mask_function):
    return lambda nll, roles: -(nll * mask_function(roles)).sum(-1) / mask_function(roles).sum(-1)


MEAN = "It is a mean: log-probabilities of tokens add up to that of the sequence."


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
    "log_probs": Exercise(
        "log_probs(nll, roles): token NLLs and roles of the targets, (B, T) -> (log P(x), log P(y|x), "
        "log P(x, y)), each (B,). Pads belong to none, <eos> to y.",
        ("log P(x)", "log P(y|x)", "log P(x, y)"),
        log_probs,
        make_log_probs,
        (
            ("log P(x)", MEAN, mean_of(data.prompt_mask)),
            ("log P(y|x)", MEAN, mean_of(data.response_mask)),
            ("log P(x, y)", MEAN, mean_of(full)),
            *(
                (
                    label,
                    "This is the probability: return its logarithm.",
                    lambda n, r, k=k: np.exp(log_probs(n, r)[k]),
                )
                for k, label in enumerate(("log P(x)", "log P(y|x)", "log P(x, y)"))
            ),
            ("log P(x)", PADS_COUNT, lambda n, r: -(n * (r < data.RESPONSE)).sum(-1)),
            (
                "log P(x)",
                "It is summed over the whole batch: every row is a sequence of its own.",
                lambda n, r: log_probs(n, r)[0].sum(),
            ),
            ("log P(y|x)", NO_EOS, lambda n, r: -(n * (r == data.RESPONSE)).sum(-1)),
            ("log P(y|x)", PADS_COUNT, lambda n, r: -(n * (r != data.PROMPT)).sum(-1)),
            (
                "log P(y|x)",
                "This is log P(x, y): the prompt's part must go.",
                lambda n, r: log_probs(n, r)[2],
            ),
            ("log P(x, y)", PADS_COUNT, lambda n, r: -n.sum(-1)),
            (
                "log P(x, y)",
                "Logarithms of a product add up: log P(x) + log P(y|x), not their product.",
                lambda n, r: log_probs(n, r)[0] * log_probs(n, r)[1],
            ),
        ),
        (
            "A sequence's probability is a product over its tokens; what is its logarithm?",
            "-(nll * (roles == data.PROMPT)).sum(axis=-1), and likewise for the others",
        ),
    ),
}
