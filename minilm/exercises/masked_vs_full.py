"""The exercise of lesson 8: one training step."""

import numpy as np

from .. import data, model, tree
from .exercise import Exercise, leaves, normal, uneven_roles


def train_step(params, batch, config, lr):
    """One step of gradient descent; returns the loss before it and new parameters."""
    loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    new = dict(tree.named(params))
    for name, gradient in tree.named(grads):
        new[name] = new[name] - lr * gradient
    return loss, tree.from_named(new)


def make_step(rng, dtype):
    roles = uneven_roles(rng)[:, 1:]
    B, T = roles.shape
    config = model.Config(vocab_size=3 + B, n_positions=T + 1, n_layer=1, n_head=2, n_embd=4)
    params = tree.map_arrays(lambda a: normal(rng, dtype, *a.shape), model.init(config, rng))
    tokens = rng.integers(0, config.vocab_size, (B, T + 1))
    batch = data.Batch(tokens[:, :-1], tokens[:, 1:], data.loss_mask(roles), roles)
    return params, batch, config, 0.1 * (1 + rng.random())


LEAVES = tuple(
    name for name, _ in tree.named(model.init(model.Config(1, 1, 1, 1, 1), np.random.default_rng(0)))
)


def named_step(result):
    """(loss, params) -> loss and each new parameter, in the order of LEAVES."""
    loss, new = result
    return loss, *leaves(new, LEAVES, "new_params")


def full(batch):
    return data.loss_mask(batch.roles, 1.0)


def everywhere(batch):
    return np.ones(batch.roles.shape)


def loss_under(mask):
    """The loss under another loss mask."""
    return lambda params, batch, *rest: train_step(params, batch._replace(loss_mask=mask(batch)), *rest)[0]


def loss_afterwards(params, batch, config, lr):
    new = train_step(params, batch, config, lr)[1]
    return train_step(new, batch, config, lr)[0]


def moved(name, change, mask=lambda batch: batch.loss_mask):
    """change(old parameter, gradient, lr) of one parameter, maybe under another loss mask."""

    def mistake(params, batch, config, lr):
        _, grads = model.loss_and_grads(params, batch.ids, batch.targets, mask(batch), config)
        return change(dict(tree.named(params))[name], dict(tree.named(grads))[name], lr)

    return mistake


FULL = "This is the step of full-sequence loss: hand batch.loss_mask on."


PADS = "This is the step of a loss over every place, pads included: hand batch.loss_mask on."


STEPS = (
    ("It is unchanged: every parameter gets its step.", lambda a, g, lr: a),
    ("The sign is wrong: this step climbs.", lambda a, g, lr: a + lr * g),
    ("lr is not used.", lambda a, g, lr: a - g),
    ("This is the gradient, not the new parameter.", lambda a, g, lr: g),
    ("This is the step alone: add it to the parameter.", lambda a, g, lr: -lr * g),
    ("This is lr times the gradient: subtract it from the parameter.", lambda a, g, lr: lr * g),
)


MISTAKES = (
    *((f"new {name}", why, moved(name, change)) for name in LEAVES for why, change in STEPS),
    *((f"new {name}", FULL, moved(name, lambda a, g, lr: a - lr * g, full)) for name in LEAVES),
    *((f"new {name}", PADS, moved(name, lambda a, g, lr: a - lr * g, everywhere)) for name in LEAVES),
)


EXERCISES = {
    "train_step": Exercise(
        "train_step(params, batch, config, lr): one step of plain gradient descent on the masked loss; "
        "return (loss, new_params) and leave params as they are. model.loss_and_grads gives loss and grads.",
        ("loss", *(f"new {name}" for name in LEAVES)),
        train_step,
        make_step,
        (
            ("loss", "This is the full-sequence loss: hand batch.loss_mask on.", loss_under(full)),
            (
                "loss",
                "This is the mean over every place, pads included: hand batch.loss_mask on.",
                loss_under(everywhere),
            ),
            ("loss", "This is the loss after the step: return the one before it.", loss_afterwards),
            *MISTAKES,
        ),
        (
            "params.map_arrays, named and from_named walk through trees.",
            "new[name] = array - lr * gradient for every name, then params.from_named(new)",
        ),
        constants=lambda params, batch, *rest: {"the number of response targets": batch.loss_mask.sum()},
        outputs=named_step,
        returns=("loss", "new_params"),
    ),
}
