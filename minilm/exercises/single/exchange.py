"""The gradient's two parts, and the exchange test, which judges training steps: loss_mask takes both in."""

import functools

import numpy as np

from ... import data
from ..checker.exercise import Exercise, draw_normal, draw_roles
from . import planted_steps

V, C = 7, 3


def split_gradient(gradient, prompt, response):
    """The gradients of the prompt's summed loss, of the response's, and of both together."""
    return gradient(prompt), gradient(response), gradient(prompt + response)


def make_gradient_case(rng, dtype):
    """A function from loss weights (B, T) to a gradient (P,), as linear as every backward pass is."""
    roles = draw_roles(rng)[:, 1:]
    per_target = draw_normal(rng, dtype, *roles.shape, 5)

    def gradient(weights):
        return np.einsum("bt,btp->p", weights, per_target).astype(dtype)

    return gradient, data.prompt_mask(roles).astype(dtype), data.response_mask(roles).astype(dtype)


def make_gradient_mistakes(gradient, prompt, response):
    of_means = "That is the gradient of a mean: hand over the 0/1 mask itself, which gives that of a sum."
    both = "That is the gradient of both parts together: the other part's loss weights must be 0."
    pads = "Pads are lit, too: 1 - mask is not the other mask."
    return {
        "g_x": {
            of_means: gradient(prompt / prompt.sum()),
            both: gradient(prompt + response),
            pads: gradient(1 - response),
        },
        "g_y": {
            of_means: gradient(response / response.sum()),
            both: gradient(prompt + response),
            pads: gradient(1 - prompt),
        },
        "g_full": {
            "That is the gradient of a mean: its parts would need the same denominator to add up.": gradient(
                (prompt + response) / (prompt + response).sum()
            ),
            "Pads are lit, too: they are neither prompt nor response.": gradient(np.ones_like(prompt)),
            "That is the mean of the parts: sums of losses have gradients that add up.": (
                gradient(prompt + response) / 2
            ),
            "That is the difference of the parts: the sums of losses are added.": gradient(prompt - response),
            "That is the response's part less the prompt's: the sums of losses are added.": (
                gradient(response - prompt)
            ),
        },
    }


def uses_prompt_targets(step, batch, vocab_size):
    """Whether the loss of a step, or its gradient, changes when every prompt target is exchanged."""
    others = (batch.targets + 1) % vocab_size
    exchanged = np.where(data.prompt_mask(batch.roles) > 0, others, batch.targets)
    before = step(batch.ids, batch.targets, batch.loss_mask)
    after = step(batch.ids, exchanged, batch.loss_mask)
    return not all(np.allclose(a, b) for a, b in zip(before, after, strict=True))


def make_step_case(rng, dtype, planted):
    """A step, planted or healthy, and a batch for it; no two steps get batches of the same shape."""
    roles = draw_roles(rng)[:, 1:]
    longer = planted_steps.STEPS.index(planted)
    roles = np.pad(roles, ((0, 0), (0, 4 * longer)))  # pads are PAD, 0
    B, T = roles.shape
    tokens = rng.integers(0, V, (B, T + 1))
    mask = data.loss_mask(roles, prompt_weight=1.0 * (planted is planted_steps.trusting)).astype(dtype)
    tiny = planted_steps.Model(draw_normal(rng, dtype, V, C), draw_normal(rng, dtype, C, V))
    step = functools.partial(planted, tiny, roles)
    return step, data.Batch(tokens[:, :-1], tokens[:, 1:], mask, roles), V


def make_step_mistakes(step, batch, vocab_size):
    """For every step the sentence of those who judge it as the first one wrongly.

    This case's own sentence stands first. Those of later steps are not for it: its verdict was right then.
    """
    steps, own = planted_steps.STEPS, step.func
    right = int(planted_steps.USES_PROMPT_TARGETS[own])
    ordered = sorted(steps, key=lambda other: other is not own)
    return {
        "the verdict": {
            planted_steps.describe_misjudgement(first): right
            if steps.index(own) < steps.index(first)
            else 1 - right
            for first in ordered
        }
    }


def read_verdict(result):
    """True or False as 1 or 0. Raises ValueError for anything else."""
    verdict = np.asarray(result)
    if verdict.shape != () or verdict.dtype != bool:
        shown = f"an array of shape {verdict.shape}" if verdict.ndim else f"{result!r:.80}"
        raise ValueError(f"{shown} is neither True nor False")
    return (verdict.astype(int),)


EXERCISES = {
    "split_gradient": Exercise(
        "split_gradient(gradient, prompt, response): gradient(weights) gives the gradient (P,) of "
        "sum(weights * nll); prompt and response are 0/1 masks (B, T) of the targets. Return (g_x, g_y, "
        "g_full): of the prompt's loss, of the response's, of both together.",
        ("g_x", "g_y", "g_full"),
        split_gradient,
        make_gradient_case,
        make_gradient_mistakes,
        hints=(
            "Which loss weights give the loss of the prompt alone? And which give that of both?",
            "gradient(prompt), gradient(response), gradient(prompt + response)",
        ),
    ),
    "uses_prompt_targets": Exercise(
        "uses_prompt_targets(step, batch, vocab_size): step(ids, targets, loss_mask) returns (loss, "
        "gradient). Return True if the targets of the prompt have a say in either, else False. batch.roles "
        "tells which targets are the prompt's. Rounding may change the last bits.",
        ("the verdict",),
        uses_prompt_targets,
        make_step_case,
        make_step_mistakes,
        hints=(
            "Call the step twice. The second time, every prompt target is another token; all else stays.",
            "x = data.prompt_mask(batch.roles) > 0\n"
            "others = np.where(x, (batch.targets + 1) % vocab_size, batch.targets)\n"
            "a, b = (step(batch.ids, t, batch.loss_mask) for t in (batch.targets, others))\n"
            "return not (np.allclose(a[0], b[0]) and np.allclose(a[1], b[1]))",
        ),
        split_outputs=read_verdict,
        is_tuple=False,
        returns=("True or False",),
        kinds=planted_steps.STEPS,
    ),
}
