"""The exercises on the loss mask: the weighted mean's backward, and its denominators; the question on it."""

import numpy as np

from .. import data, losses
from .checker.exercise import Exercise, draw_roles
from .question import Question
from .single import exchange

MEAN_OF_ROWS = "It is a mean of row means: rows with short answers weigh more than they should."
UNMASKED = "The mask is missing: every position is lit, prompts and pads, too."
LIT_ONLY = "Only the entries that are not 0 are there: keep the shape (B, T)."


def make_mean_case(rng, dtype):
    roles = draw_roles(rng)[:, 1:]
    weights = data.loss_mask(roles, 0.25)
    _, cache = losses.weighted_mean_forward(rng.random(roles.shape).astype(dtype), weights)
    return dtype(rng.random() + 0.5), cache


def make_mean_mistakes(dloss, cache):
    weights, total = cache
    right = dloss * weights / total
    return {
        "dnll": (
            list_other_weights(dloss, weights, total)
            | list_other_totals(dloss * weights)
            | {
                "dloss is not used.": weights / total,
                "It is one number: each NLL has its own derivative, weights / total.": dloss / total,
                "It is summed up: each NLL has its own derivative.": right.sum(),
                "Only the entries that are not 0 are there: keep the shape of weights.": right[weights > 0],
                "This is the derivative by the weights, of which none is asked for.": (
                    dloss * (weights / total - weights.sum() / total**2)
                ),
            }
        )
    }


def list_other_weights(dloss, weights, total):
    """The right total under weights that are not."""
    share, lit = dloss / total, weights > 0
    return {
        "The weights are missing: every row would be lit, masked or not.": np.full(weights.shape, share),
        "weights are missing, and every position is counted: dloss * weights / total.": (
            np.full(weights.shape, dloss / weights.size)
        ),
        "weights and total are both missing.": np.full(weights.shape, dloss),
        "weights are used as a switch: they may be 0.25, too, multiply by them.": share * lit,
        "weights are used as a switch, and counted: multiply by them, divide by their sum.": (
            dloss * lit / lit.sum()
        ),
        "Only weights of 1 are used: they may be 0.25, too, multiply by them.": share * (weights == 1),
        "weights is squared: once is enough.": share * weights**2,
        "weights / total is squared: once is enough.": dloss * (weights / total) ** 2,
        "The square root of weights is taken: use them as they are.": share * np.sqrt(weights),
        "The weights are below, not above: multiply by them.": share / weights,
        "The weights are turned round: 1 - weights lights the pads.": share * (1 - weights),
    }


def list_other_totals(weighted):
    """Weights, times dloss, divided by something else than their sum over the batch."""
    lit, ones = weighted > 0, weighted == weighted.max()
    sums = weighted / weighted.max()  # the largest weight is 1
    by_rows = weighted / sums.sum(-1, keepdims=True)
    return {
        MEAN_OF_ROWS: by_rows / len(weighted),
        "Each row is divided by its own sum: total is the sum over the whole batch.": by_rows,
        "Each column is divided by its own sum: total is the sum over the whole batch.": (
            weighted / sums.sum(0, keepdims=True)
        ),
        "Each row is divided by how many of its weights are not 0: total is the sum of all.": (
            weighted / lit.sum(-1, keepdims=True)
        ),
        "It is divided by the number of all positions, pads included: total counts the weights.": (
            weighted / weighted.size
        ),
        "It is divided by how many weights are not 0: total is their sum.": weighted / lit.sum(),
        "It is divided by how many weights are 1: total is the sum of all weights.": weighted / ones.sum(),
        "It is divided by T, the number of positions in a row: divide by total.": (
            weighted / weighted.shape[1]
        ),
        "It is divided by B, the number of rows: divide by total.": weighted / len(weighted),
    }


def denominators(response, target):
    """dnll of the response's summed loss, of its mean over answers, of its mean over everything."""
    return response, response / response.sum(), response / target.sum()


def make_masks(rng, dtype):
    roles = draw_roles(rng)[:, 1:]
    return data.response_mask(roles).astype(dtype), data.loss_mask(roles, 1.0).astype(dtype)


def make_denominator_mistakes(response, target):
    return {
        "dnll of the sum": list_sum_slips(response, target),
        "dnll of the mean over answers": list_mean_slips(response, target),
        "dnll of the mean over everything": list_share_slips(response, target),
    }


def list_sum_slips(response, target):
    """What is returned in place of response."""
    return {
        "This is full-sequence loss: prompt targets must be 0.": target,
        UNMASKED: np.ones(response.shape),
        "The prompt's targets are lit, and the response's are not.": target - response,
        "It is one number: each NLL has its own derivative.": 1.0,
        "This counts the targets: each NLL has its own derivative.": response.sum(),
        LIT_ONLY: response[response > 0],
    }


def list_mean_slips(response, target):
    """What is returned in place of response / response.sum()."""
    n, sums = response.sum(), response.sum(-1, keepdims=True)
    by_size = response / response.size
    return {
        MEAN_OF_ROWS: response / sums / len(response),
        "It is divided by the number of all positions, pads included: divide by response.sum().": by_size,
        "Each row is divided by its own count: response.sum() counts the whole batch.": response / sums,
        UNMASKED: np.ones(response.shape) / n,
        "Prompt targets are lit: they have loss weight 0 here.": target / n,
        "target stands where response belongs: prompt targets have loss weight 0 here.": target
        / target.sum(),
        "It is multiplied by the number of response targets: divide.": response * n,
        "It is divided by B, the number of rows: divide by response.sum().": response / len(response),
        "It is divided by T, the number of positions: divide by response.sum().": (
            response / response.shape[1]
        ),
        LIT_ONLY: response[response > 0] / n,
    }


def list_share_slips(response, target):
    """What is returned in place of response / target.sum()."""
    prompt, n_all, all_sums = target - response, target.sum(), target.sum(-1, keepdims=True)
    by_size = response / response.size
    return {
        "It is divided by the number of all positions: pads are no targets, use target.sum().": by_size,
        "Prompt targets are lit: they count in the denominator only.": target / n_all,
        "Each row is divided by its own count: target.sum() counts the whole batch.": response / all_sums,
        "It is a mean of row means: target.sum() counts the whole batch.": (
            response / all_sums / len(target)
        ),
        UNMASKED: np.ones(response.shape) / n_all,
        "Only prompt targets are counted: all targets are prompt and response.": response / prompt.sum(),
        "The prompt's targets are lit, and the response's are not.": prompt / n_all,
        "It is multiplied by the number of all targets: divide.": response * n_all,
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
            "weights, total = cache\nreturn dloss * weights / total, None",
        ),
        row_labels=lambda dloss, cache: np.char.mod("%g", cache[0]),
        constants=lambda dloss, cache: {
            "total": cache[1],
            "B, since total counts every row's weights": len(cache[0]),
            "dloss": dloss,
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
        row_labels=lambda response, target: np.where(response > 0, "R", np.where(target > 0, "P", ".")),
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
