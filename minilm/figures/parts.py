"""The gradient in two parts, g_full = g_x + g_y, and optimisers that treat the parts differently.

g_x and g_y are gradients of summed losses, -log P(x) and -log P(y|x), over one batch; n_x and n_y
count their targets. Each optimiser of OPTIMISERS takes (vector, g_x, g_y, n_x, n_y, state, lr).
"""

import math

import numpy as np

from .. import batches, data, losses, model, optim, tree


def part_gradients(params, batch, config):
    """(g_x, g_y, n_x, n_y): flat gradients (P,) of -log P(x) and -log P(y|x), summed, and counts.

    One forward, and one backward for each part.
    """
    logits, cache = model.forward(params, batch.ids, config)
    _, nll_cache = losses.token_nll_forward(logits, batch.targets)
    parts, counts = [], []
    for mask in (data.prompt_mask(batch.roles), data.response_mask(batch.roles)):
        dnll = mask.astype(logits.dtype)
        dlogits, _ = losses.token_nll_backward(dnll, nll_cache)
        parts.append(tree.flatten(model.backward(dlogits, cache)))
        counts.append(int(mask.sum()))
    return *parts, *counts


def measure_angles(g_x, g_y):
    """||g_x|| / ||g_y||, cos(g_x, g_y) and cos(g_full, g_y)."""
    n_x, n_y, n_full = (math.sqrt(g @ g) for g in (g_x, g_y, g_x + g_y))
    return {
        "norm_ratio": n_x / n_y,
        "cos_parts": float(g_x @ g_y) / (n_x * n_y),
        "cos_full": float((g_x + g_y) @ g_y) / (n_full * n_y),
    }


def adam_with_other_moment(vector, first, second, state, lr, betas=(0.9, 0.95), eps=1e-8):
    """optim.adamw whose first moment follows `first` and whose second moment follows `second`."""
    m, v = state["m"], state["v"]
    state["step"] += 1
    m += (1 - betas[0]) * (first - m)
    v += (1 - betas[1]) * (second * second - v)
    m_scale, v_scale = (1 / (1 - beta ** state["step"]) for beta in betas)
    vector -= (lr * m_scale) * m / (np.sqrt(v * v_scale) + eps)


def init_states(vector):
    """Fresh states, one for each part."""
    return {"x": optim.init(vector), "y": optim.init(vector)}


def descend(vector, gradient, lr):
    """vector <- vector - lr gradient, in place."""
    vector -= lr * gradient


def sgd_masked(vector, g_x, g_y, n_x, n_y, state, lr):
    """SGD on the answers' mean loss."""
    descend(vector, g_y / n_y, lr)


def sgd_masked_all(vector, g_x, g_y, n_x, n_y, state, lr):
    """Masked, but the sum is divided by all targets, as in the full loss."""
    descend(vector, g_y / (n_x + n_y), lr)


def sgd_full(vector, g_x, g_y, n_x, n_y, state, lr):
    """SGD on the mean over all targets."""
    descend(vector, (g_x + g_y) / (n_x + n_y), lr)


def adam_masked(vector, g_x, g_y, n_x, n_y, state, lr):
    """Adam on the answers' mean loss: train.train with prompt weight 0."""
    optim.adamw(vector, g_y / n_y, state["y"], lr)


def adam_masked_all(vector, g_x, g_y, n_x, n_y, state, lr):
    """Masked, divided by all targets: Adam's update does not change with the gradient's scale."""
    optim.adamw(vector, g_y / (n_x + n_y), state["y"], lr)


def adam_second_moment_full(vector, g_x, g_y, n_x, n_y, state, lr):
    """The direction is the answers' alone, its step sizes are the full loss's."""
    n = n_x + n_y
    adam_with_other_moment(vector, g_y / n, (g_x + g_y) / n, state["y"], lr)


def adam_full(vector, g_x, g_y, n_x, n_y, state, lr):
    """Adam on the mean over all targets: train.train with prompt weight 1."""
    optim.adamw(vector, (g_x + g_y) / (n_x + n_y), state["y"], lr)


def adam_separate(vector, g_x, g_y, n_x, n_y, state, lr):
    """Two Adams, one for each part, whose updates add up: neither scales the other's steps."""
    optim.adamw(vector, g_x / (n_x + n_y), state["x"], lr)
    optim.adamw(vector, g_y / (n_x + n_y), state["y"], lr)


OPTIMISERS = {
    "SGD, g_y / N_y": sgd_masked,
    "SGD, g_y / N_all": sgd_masked_all,
    "SGD, (g_x + g_y) / N_all": sgd_full,
    "Adam, g_y / N_y": adam_masked,
    "Adam, g_y / N_all": adam_masked_all,
    "Adam, g_y; g_x in 2nd moment": adam_second_moment_full,
    "Adam, g_x + g_y": adam_full,
    "Adam, separate moments": adam_separate,
}


def fit_parts(task, update, seed, lr, measure_every=None):
    """Train as train.train does, with one of OPTIMISERS; returns params and measured angles.

    With `measure_every`, angles are measured on the first step's batch and on every so many steps'.
    """
    settings = task.settings
    vector, params = tree.flat_view(model.init(task.config, np.random.default_rng(seed)))
    state, measured = init_states(vector), []
    order = batches.shuffle_batches(len(task.rows), settings.batch_size, np.random.default_rng(seed))
    for step in range(1, settings.steps + 1):
        batch = data.collate([task.rows[i] for i in next(order)])
        g_x, g_y, n_x, n_y = part_gradients(params, batch, task.config)
        if measure_every and (step == 1 or step % measure_every == 0):
            measured.append({"step": step, **measure_angles(g_x, g_y)})
        rate = lr * optim.warm_up_then_decay(step, settings.steps, settings.warmup)
        update(vector, g_x, g_y, n_x, n_y, state, rate)
    return params, measured
