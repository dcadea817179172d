"""The exercises on the loss mask: the weighted mean's backward, and its denominators; the question on it."""

import numpy as np

from .. import data, losses
from . import exchange
from .exercise import Exercise, draw_roles
from .question import Question

MEAN_OF_ROWS = "It is a mean of row means: rows with short answers weigh more than they should."


def make_mean_case(rng, dtype):
    roles = draw_roles(rng)[:, 1:]
    weights = data.loss_mask(roles, 0.25)
    _, cache = losses.weighted_mean_forward(rng.random(roles.shape).astype(dtype), weights)
    return dtype(rng.random() + 0.5), cache


def make_mean_mistakes(dloss, cache):
    weights, total = cache
    of_rows = dloss * weights / weights.sum(-1, keepdims=True) / len(weights)
    unweighted = np.full(weights.shape, dloss / total)
    by_size = dloss * weights / weights.size
    by_count = dloss * weights / np.count_nonzero(weights)
    return {
        "dnll": {
            "dloss is not used.": weights / total,
            MEAN_OF_ROWS: of_rows,
            "The weights are missing: every row would be lit, masked or not.": unweighted,
            "It is divided by the number of all positions, pads included: total counts the weights.": by_size,
            "It is divided by how many weights are not 0: total is their sum.": by_count,
        }
    }


def denominators(response, target):
    """dnll of the response's summed loss, of its mean over answers, of its mean over everything."""
    return response, response / response.sum(), response / target.sum()


def make_masks(rng, dtype):
    roles = draw_roles(rng)[:, 1:]
    return data.response_mask(roles).astype(dtype), data.loss_mask(roles, 1.0).astype(dtype)


def make_denominator_mistakes(response, target):
    by_size = response / response.size
    of_rows = response / response.sum(-1, keepdims=True) / len(response)
    return {
        "dnll of the sum": {"This is full-sequence loss: prompt targets must be 0.": target},
        "dnll of the mean over answers": {
            MEAN_OF_ROWS: of_rows,
            "It is divided by the number of all positions, pads included: divide by response.sum().": by_size,
        },
        "dnll of the mean over everything": {
            "It is divided by the number of all positions: pads are no targets, use target.sum().": by_size,
            "Prompt targets are lit: they count in the denominator only.": target / target.sum(),
        },
    }


EXERCISES = {
    "weighted_mean_backward": Exercise(
        "weighted_mean_backward(dloss, cache): weights, total = cache, where loss = sum(weights * nll) "
        "/ total; return (dnll, None).",
        ("dnll", "dmask"),
        losses.weighted_mean_backward,
        make_mean_case,
        make_mean_mistakes,
        hints=(
            "How much does the loss change when one token's NLL grows by 1?",
            "dloss * weights / total",
        ),
        constants=lambda dloss, cache: {
            "total": cache[1],
            "B, since total counts every row's weights": len(cache[0]),
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
        make_denominator_mistakes,
        hints=(
            "The derivative of a sum is 1 at each of its terms. And of a sum divided by a number?",
            "response, response / response.sum(), response / target.sum()",
        ),
        constants=lambda response, target: {
            "the number of response targets": response.sum(),
            "the number of all targets": target.sum(),
        },
    ),
    **exchange.EXERCISES,
}

QUESTIONS = {
    "purpose": Question(
        "A prompt and its completion are joined into one sequence, and the model runs over all of it. The "
        "training loss is calculated only for the predictions of completion tokens. What is the most "
        "accurate analysis of the purpose of this loss?",
        {
            "a": "It saves computing: the model need not run over the prompt.",
            "b": "It improves the completion given the prompt, log P(y|x), and spends nothing on writing "
            "prompts.",
            "c": "It keeps the prompt from having an influence on the parameters.",
            "d": "It keeps log P(x), what the model has learned about prompts, as it is.",
        },
        "b",
        {
            "a": "The thought: no loss, no work. But the completion reads the prompt through attention, so "
            "the forward runs over all 6 tokens, and the keys and values of all 6 have gradient.",
            "b": "Yes: the masked gradient is that of -log P(y|x), and it changes by exactly 0 when the "
            "prompt's targets are exchanged. All of the prompt is read, and none of it is graded.",
            "c": "The thought: loss 0 at a token cuts its gradient. But 0 of the 6 embeddings have a "
            "gradient of 0: the answer's gradient comes down to all that the answer has read.",
            "d": "The thought: what is not trained stays. But the same parameters serve both. In "
            "fine-tuning, -log P(x) rose from 3.544 to 5.323 nats per token under the masked loss (lesson "
            "4).",
        },
    ),
}
