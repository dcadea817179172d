"""The exercise on one training step, which whole_model takes in."""

import numpy as np

from .. import data, model, tree
from .exercise import Exercise, draw_normal, draw_roles, pick_leaves

LEAVES = [name for name, _ in tree.named(model.init(model.Config(1, 1, 1, 1, 1), np.random.default_rng(0)))]
PADS = "This is the step of a loss over every position, pads included: hand batch.loss_mask on."


def train_step(params, batch, config, lr):
    """One step of gradient descent; returns the loss before it and new parameters."""
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    new = dict(tree.named(params))
    for name, gradient in tree.named(grads):
        new[name] = new[name] - lr * gradient
    return loss, tree.from_named(new)


def make_step_case(rng, dtype):
    roles = draw_roles(rng)[:, 1:]
    B, T = roles.shape
    config = model.Config(vocab_size=3 + B, n_positions=T + 1, n_layer=1, n_head=2, n_embd=4)
    params = tree.map_arrays(lambda a: draw_normal(rng, dtype, *a.shape), model.init(config, rng))
    tokens = rng.integers(0, config.vocab_size, (B, T + 1))
    batch = data.Batch(tokens[:, :-1], tokens[:, 1:], data.loss_mask(roles), roles)
    return params, batch, config, 0.1 * (1 + rng.random())


def split_step_outputs(outputs):
    """(loss, params) -> loss and each new parameter, in the order of LEAVES."""
    loss, new = outputs
    return loss, *pick_leaves(new, LEAVES, "new_params")


def make_step_mistakes(params, batch, config, lr):
    full = batch._replace(loss_mask=data.loss_mask(batch.roles, 1.0))
    everywhere = batch._replace(loss_mask=np.ones(batch.roles.shape))
    _, new = train_step(params, batch, config, lr)
    later_loss, _ = train_step(new, batch, config, lr)
    full_loss, full_new = train_step(params, full, config, lr)
    everywhere_loss, everywhere_new = train_step(params, everywhere, config, lr)
    mistakes = {
        "loss": {
            "This is the full-sequence loss: hand batch.loss_mask on.": full_loss,
            "This is the mean over every position, pads included: hand batch.loss_mask on.": everywhere_loss,
            "This is the loss after the step: return the one before it.": later_loss,
        }
    }
    _, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    parts = (dict(tree.named(part)) for part in (params, grads, full_new, everywhere_new))
    old, grads, full_new, everywhere_new = parts
    for name in LEAVES:
        mistakes[f"new {name}"] = {
            **list_slips(old[name], grads[name], lr),
            "This is the step of full-sequence loss: hand batch.loss_mask on.": full_new[name],
            PADS: everywhere_new[name],
        }
    return mistakes


def list_slips(old, gradient, lr):
    """Wrong values of one parameter where its gradient is right."""
    step = lr * gradient
    return {
        "It is unchanged: every parameter gets its step.": old,
        "The sign is wrong: this step climbs.": old + step,
        "lr is not used.": old - gradient,
        "This is the gradient, not the new parameter.": gradient,
        "This is the step alone: add it to the parameter.": -step,
        "This is lr times the gradient: subtract it from the parameter.": step,
    }


EXERCISES = {
    "train_step": Exercise(
        "train_step(params, batch, config, lr): one step of plain gradient descent on the masked loss; "
        "return (loss, new_params) and leave params as they are. model.loss_and_grads gives loss and grads.",
        ("loss", *(f"new {name}" for name in LEAVES)),
        train_step,
        make_step_case,
        make_step_mistakes,
        hints=(
            "tree.map_arrays, named and from_named walk through trees.",
            "new[name] = array - lr * gradient for every name, then tree.from_named(new)",
        ),
        constants=lambda params, batch, *rest: {"the number of response targets": batch.loss_mask.sum()},
        split_outputs=split_step_outputs,
        returns=("loss", "new_params"),
    ),
}
