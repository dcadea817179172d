"""The exercises on the forward pass: the NLL of tokens, the log-probabilities of sequences."""

import numpy as np

from .. import data, losses
from .checker import examples
from .checker.exercise import Exercise, draw_roles
from .question import Question
from .single import token_nll
from .single.mask_of_roles import NO_EOS, PADS_COUNT

LABELS = ("log P(x)", "log P(y|x)", "log P(x, y)")
A_MEAN = "It is a mean: log-probabilities of tokens add up to that of the sequence."
NO_LOG = "This is the probability: return its logarithm."


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
    sums, masks = log_probs(nll, roles), make_masks(roles)
    own = list_x_slips, list_y_slips, list_both_slips
    return {
        label: list_own(nll, roles, *sums) | list_sum_slips(nll, mask, log_prob)
        for label, list_own, mask, log_prob in zip(LABELS, own, masks, sums, strict=True)
    }


def list_x_slips(nll, roles, x, y, both):
    """What is returned in place of log P(x)."""
    return {
        PADS_COUNT: -(nll * (roles < data.RESPONSE)).sum(-1),
        "It is summed over the whole batch: every row is a sequence of its own.": x.sum(),
        "<eos> is counted to the prompt: it belongs to y.": x - nll[roles == data.EOS],
        "This is log P(x, y): the answer's part must go.": both,
        "The first target of the prompt is left out: <bos> stands before it, so it is predicted, too.": (
            x + nll[:, 0]
        ),
        "The roles are shifted once more: nll and roles are both of the targets already.": (
            -(nll[:, :-1] * data.prompt_mask(roles)[:, 1:]).sum(-1)
        ),
    }


def list_y_slips(nll, roles, x, y, both):
    """What is returned in place of log P(y|x)."""
    mask = data.response_mask(roles)
    return {
        NO_EOS: -(nll * (roles == data.RESPONSE)).sum(-1),
        PADS_COUNT: -(nll * (roles != data.PROMPT)).sum(-1),
        "This is log P(x, y): the prompt's part must go.": both,
        "Only <eos> is counted: y is the whole answer and <eos>.": -(nll * (roles == data.EOS)).sum(-1),
        "Only the first answer token is counted: y is the whole answer and <eos>.": (
            -(nll * mask * (np.cumsum(mask, axis=1) == 1)).sum(-1)
        ),
    }


def list_both_slips(nll, roles, x, y, both):
    """What is returned in place of log P(x, y)."""
    without_eos = -(nll * (roles == data.RESPONSE)).sum(-1)
    return {
        PADS_COUNT: -nll.sum(-1),
        "Logarithms of a product add up: log P(x) + log P(y|x), not their product.": x * y,
        "log P(y|x) is subtracted: a product's logarithm is the sum.": x - y,
        "That is the mean of the two: a product's logarithm is their sum.": (x + y) / 2,
        "log P(x) is subtracted: a product's logarithm is the sum.": y - x,
        "<eos> is left out: it belongs to y.": x + without_eos,
    }


def list_sum_slips(nll, mask, log_prob):
    """What is returned in place of -(nll * mask).sum(-1), whichever mask it is."""
    return {
        A_MEAN: log_prob / mask.sum(-1),
        NO_LOG: np.exp(log_prob),
        "It is a mean over all T positions: log-probabilities of tokens add up.": (log_prob / mask.shape[1]),
        "It is summed over axis 0, across the batch: sum over time, the last axis.": -(nll * mask).sum(0),
        "It is not summed yet: one number for each row.": -nll * mask,
        "It is a running sum: its last entry is the log-probability.": -np.cumsum(nll * mask, axis=-1),
        "It is one mean over the whole batch: every row is a sequence of its own.": (
            log_prob.sum() / mask.sum()
        ),
        "The probabilities of the tokens are added up: they multiply, so their logarithms add.": (
            np.log((np.exp(-nll) * mask).sum(-1))
        ),
        "This is the logarithm of the NLL: -NLL is a log-probability already.": np.log(-log_prob),
        "Logarithms of NLLs are added up: an NLL is minus a logarithm already.": (
            (np.log(nll) * mask).sum(-1)
        ),
        "The roles are shifted once more, by np.roll: nll and roles are both of the targets already.": (
            -(nll * np.roll(mask, -1, axis=1)).sum(-1)
        ),
    }


EXERCISES = {
    **token_nll.EXERCISES,
    "log_probs": Exercise(
        "log_probs(nll, roles): token NLLs and roles of the targets, (B, T) -> (log P(x), log P(y|x), "
        "log P(x, y)), each (B,). Pads belong to none, <eos> to y.",
        LABELS,
        log_probs,
        make_nll_and_roles,
        make_log_prob_mistakes,
        hints=(
            "A sequence's probability is a product over its tokens; what is its logarithm?",
            "x = -(nll * data.prompt_mask(roles)).sum(axis=-1)\n"
            "y = -(nll * data.response_mask(roles)).sum(axis=-1)\n"
            "return x, y, x + y",
        ),
        constants=lambda *_: {"ln 2, since a bit is ln 2 nats": np.log(2), "ln 10": np.log(10)},
        show_off=examples.show_log_probs,
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
