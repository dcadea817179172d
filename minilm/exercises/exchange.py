"""The exercise on the exchange test, which loss_mask takes in: a function that judges training steps."""

import functools

import numpy as np

from .. import data
from . import planted_steps
from .exercise import Exercise, draw_normal, draw_roles

V, C = 7, 3


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
    )
}
