"""Answers: one training step."""

import numpy as np

from minilm import model, tree


def measure(params, batch, config, mask=None):
    """Loss and gradients, under the batch's own loss mask if there is no other."""
    mask = batch.loss_mask if mask is None else mask
    return model.loss_and_grads(params, batch.ids, batch.targets, mask, config)


def move(params, grads, lr):
    new = {}
    for key, value in params.items():
        new[key] = move(value, grads[key], lr) if isinstance(value, dict) else value - lr * grads[key]
    return new


def step_under(make_mask):
    """A step whose loss and gradients are those of another loss mask."""

    def answer(params, batch, config, lr):
        loss, grads = measure(params, batch, config, make_mask(batch))
        return loss, move(params, grads, lr)

    return answer


def mask_all_but_pads(batch):
    return (batch.roles > 0).astype(float)


def use_two_masks(params, batch, config, lr):
    _, grads = measure(params, batch, config, mask_all_but_pads(batch))
    return measure(params, batch, config)[0], move(params, grads, lr)


def climb(params, batch, config, lr):
    return step_by_recursion(params, batch, config, -lr)


def forget_lr(params, batch, config, lr):
    return step_by_recursion(params, batch, config, 1)


def stay(params, batch, config, lr):
    return measure(params, batch, config)[0], params


def return_grads(params, batch, config, lr):
    return measure(params, batch, config)


def keep_biases(params, batch, config, lr):
    loss, grads = measure(params, batch, config)
    grads = dict(tree.named(grads))
    new = {n: a if n.endswith("bias") else a - lr * grads[n] for n, a in tree.named(params)}
    return loss, tree.from_named(new)


def step_in_place(params, batch, config, lr):
    loss, grads = measure(params, batch, config)
    grads = dict(tree.named(grads))
    for name, array in tree.named(params):
        array -= (lr * grads[name]).astype(array.dtype)
    return loss, params


def return_later_loss(params, batch, config, lr):
    new = step_by_recursion(params, batch, config, lr)[1]
    return measure(new, batch, config)[0], new


def exchange(params, batch, config, lr):
    loss, new = step_by_recursion(params, batch, config, lr)
    return new, loss


def return_blocks_alone(params, batch, config, lr):
    loss, new = step_by_recursion(params, batch, config, lr)
    return loss, {"h": new["h"]}


def step_by_recursion(params, batch, config, lr):
    loss, grads = measure(params, batch, config)
    return float(loss), move(params, grads, lr)


def step_by_flat_view(params, batch, config, lr):
    vector, new = tree.flat_view(params)
    loss, grads = measure(new, batch, config)
    vector -= (lr * tree.flatten(grads)).astype(vector.dtype)
    return loss, new


WRONG = {
    "train_step": {
        r"loss is wrong.*full-sequence loss: hand batch.loss_mask on": step_under(mask_all_but_pads),
        r"loss is wrong.*every position, pads included": step_under(
            lambda batch: np.ones(batch.targets.shape)
        ),
        r"new wte.weight is wrong.*This is the step of full-sequence loss": use_two_masks,
        r"new wte.weight is wrong.*The sign is wrong: this step climbs": climb,
        r"new wte.weight is wrong.*lr is not used": forget_lr,
        r"new wte.weight is wrong.*It is unchanged: every parameter gets its step": stay,
        r"new wte.weight is wrong.*This is the gradient, not the new parameter": return_grads,
        r"new h.0.ln_1.bias is wrong.*It is unchanged: every parameter gets its step": keep_biases,
        r"changes something inside its first argument: work on a copy": step_in_place,
        r"loss is wrong.*This is the loss after the step: return the one before it": return_later_loss,
        r"cannot be read: new_params is .*not a dict. Return the tuple \(loss, new_params\)": exchange,
        r"cannot be read: new_params lacks wte.weight": return_blocks_alone,
    }
}

RIGHT = {"train_step": (step_by_recursion, step_by_flat_view)}
