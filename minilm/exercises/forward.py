"""The exercises on the forward pass: the NLL of tokens, the log-probabilities of sequences."""

import numpy as np

from .. import data, losses
from .exercise import Exercise, draw_normal, draw_roles, draw_sizes, pick_targets
from .one_sequence import NO_EOS, PADS_COUNT
from .question import Question

LABELS = ("log P(x)", "log P(y|x)", "log P(x, y)")
A_MEAN = "It is a mean: log-probabilities of tokens add up to that of the sequence."
NO_LOG = "This is the probability: return its logarithm."


def token_nll(logits, targets):
    """-log softmax(logits)[target] for every target."""
    return losses.token_nll_forward(logits, targets)[0]


def make_logits(rng, dtype):
    B, T, V = draw_sizes(rng, "B", "T", "V", low=3)
    scale = 1 if B % 2 else 1000  # large logits overflow exp
    return draw_normal(rng, dtype, B, T, V) * dtype(scale), rng.integers(0, V, (B, T))


def take_softmax(logits, axis):
    exps = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return exps / exps.sum(axis=axis, keepdims=True)


def make_nll_mistakes(logits, targets):
    nll = token_nll(logits, targets)
    over_time = -np.log(pick_targets(take_softmax(logits, axis=1), targets))
    mean, of_logit = nll.mean(), -pick_targets(logits, targets)
    of_best = token_nll(logits, logits.argmax(-1))
    return {
        "nll": {
            "The minus is missing: a likely token has an NLL near 0, an unlikely one a large one.": -nll,
            "These are probabilities: take -log.": pick_targets(take_softmax(logits, axis=-1), targets),
            "The softmax runs over the wrong axis: take the last one, the vocabulary.": over_time,
            "It is already averaged: keep one value for each token, so that a mask can weigh them.": mean,
            "This is minus the target's logit: log(sum(exp(logits))) is missing.": of_logit,
            "This is the NLL of the most likely token: the target's own logit is not used.": of_best,
        }
    }


def log_probs(nll, roles):
    """log P(x), log P(y|x), log P(x, y) of every row; nll and roles of the targets (B, T)."""
    return tuple(losses.log_prob(nll, mask) for mask in make_masks(roles))


def make_masks(roles):
    """The masks of x, of y, and of both."""
    return data.prompt_mask(roles), data.response_mask(roles), data.loss_mask(roles, 1.0)


def make_nll_and_roles(rng, dtype):
    roles = draw_roles(rng)[:, 1:]
    return rng.random(roles.shape).astype(dtype) + dtype(0.1), roles


def make_log_prob_mistakes(nll, roles):
    x, y, both = log_probs(nll, roles)
    without_eos = -(nll * (roles == data.RESPONSE)).sum(-1)
    mistakes = {
        "log P(x)": {
            PADS_COUNT: -(nll * (roles < data.RESPONSE)).sum(-1),
            "It is summed over the whole batch: every row is a sequence of its own.": x.sum(),
        },
        "log P(y|x)": {
            NO_EOS: without_eos,
            PADS_COUNT: -(nll * (roles != data.PROMPT)).sum(-1),
            "This is log P(x, y): the prompt's part must go.": both,
        },
        "log P(x, y)": {
            PADS_COUNT: -nll.sum(-1),
            "Logarithms of a product add up: log P(x) + log P(y|x), not their product.": x * y,
        },
    }
    for label, log_prob, mask in zip(LABELS, (x, y, both), make_masks(roles), strict=True):
        mistakes[label] |= {A_MEAN: log_prob / mask.sum(-1), NO_LOG: np.exp(log_prob)}
    return mistakes


EXERCISES = {
    "token_nll": Exercise(
        "token_nll(logits, targets): from logits (B, T, V) and targets (B, T) return (B, T): "
        "-log softmax(logits)[target].",
        ("nll",),
        token_nll,
        make_logits,
        make_nll_mistakes,
        hints=(
            "exp(1000) overflows. What may you subtract from a row of logits without changing the softmax?",
            "shifted = logits - max; log(sum(exp(shifted))) - shifted[target]",
        ),
        constants=lambda *_: {"ln 2, since a bit is ln 2 nats": np.log(2), "ln 10": np.log(10)},
        is_tuple=False,
    ),
    "log_probs": Exercise(
        "log_probs(nll, roles): token NLLs and roles of the targets, (B, T) -> (log P(x), log P(y|x), "
        "log P(x, y)), each (B,). Pads belong to none, <eos> to y.",
        LABELS,
        log_probs,
        make_nll_and_roles,
        make_log_prob_mistakes,
        hints=(
            "A sequence's probability is a product over its tokens; what is its logarithm?",
            "-(nll * (roles == data.PROMPT)).sum(axis=-1), and likewise for the others",
        ),
    ),
}

QUESTIONS = {
    "what_becomes_zero": Question(
        'A textbook says that masking effectively sets "the log P(x) term to 0". What does become 0?',
        {
            "a": "log P(x): the model becomes sure of every prompt",
            "b": "P(x): the model comes to think that every prompt is impossible",
            "c": "the loss weight of log P(x) in what is optimised",
            "d": "the NLL of each prompt token: the mask keeps the prompt out of the forward pass",
        },
        "c",
        {
            "a": "You read the sentence as one about the model: log P(x) = 0 would mean P(x) = 1. It is one "
            "about the objective. The next cell prints -log P(x): after masked training it is 5.32 nats per "
            "prompt token, above the base model's 3.54, and far from 0.",
            "b": "log P(x) would then be minus infinity, not 0. And nothing pushes the prompts there: no "
            "term of the masked loss names them. The next cell prints -log P(x): after masked training it "
            "is 5.32 nats per prompt token. That is unlikely, not impossible.",
            "c": "What is optimised is (loss weight) · log P(x) + log P(y|x), and the loss weight becomes "
            "0. log P(x) itself is then free to move, and it does: run the next cell.",
            "d": "The mask enters after the forward pass. In the cell above, all six NLLs are the same "
            "under every mask: only the loss changes.",
        },
    ),
}
