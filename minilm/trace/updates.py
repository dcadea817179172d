"""What one training step does to the example: real steps, by loss and optimiser."""

import math

from .. import data, losses, model, optim, tree

LOSSES = (0.0, 0.1, 1.0)  # prompt weights
OPTIMISERS = {"gradient descent": (optim.sgd, 0.01), "AdamW": (optim.adamw, 0.003)}  # and learning rates


def take_steps(params, batch, config):
    """One step from `params` for every loss and optimiser, each with the weighted mean as its loss.

    Returns a list of {optimiser, lr, prompt_weight, before, after}; before and after are
    {p_answer, log_p_x}: the probability of the whole response, and the log-probability of the prompt.
    """
    before = measure_example(params, batch, config)
    steps = []
    for name, (update, lr) in OPTIMISERS.items():
        for weight in LOSSES:
            mask = data.loss_mask(batch.roles, weight)
            _, grads = model.loss_and_grads(params, batch.ids, batch.targets, mask, config)
            vector, moved = tree.flat_view(params)
            update(vector, tree.flatten(grads), optim.init(vector), lr)
            after = measure_example(moved, batch, config)
            steps.append(
                {"optimiser": name, "lr": lr, "prompt_weight": weight, "before": before, "after": after}
            )
    return steps


def measure_example(params, batch, config):
    """P(response | prompt) and log P(prompt) under some parameters."""
    logits, _ = model.forward(params, batch.ids, config)
    nll, _ = losses.token_nll_forward(logits, batch.targets)
    answer = losses.log_prob(nll, data.response_mask(batch.roles))
    return {
        "p_answer": math.exp(float(answer[0])),
        "log_p_x": float(losses.log_prob(nll, data.prompt_mask(batch.roles))[0]),
    }
