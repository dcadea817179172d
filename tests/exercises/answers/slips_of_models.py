"""Answers: blocks, the embedding, a step and a batch in parts, as they go wrong in practice."""

import numpy as np
from exercises.answers.training_step import measure, move, step_by_recursion
from exercises.answers.whole_model import add_at, go_down
from exercises.answers.whole_model import of_dx as block_of_dx
from exercises.unpacking import unpack_caches

from minilm import data, tree


def first_only(dy, ids, shape):
    dweight = np.zeros(shape)
    for v in np.unique(ids):
        dweight[v] = dy[ids == v][0]
    return None, dweight


def overwrite_examples(dy, ids, shape):
    for i, d in zip(ids, dy, strict=True):
        dweight = add_at(i, shape, d)
    return None, dweight


EMBEDDING = {
    r"Only the first position of each token is there": first_only,
    r"Only the last example is there": overwrite_examples,
    r"Only the last position of every example is there": lambda d, ids, shape: (
        None,
        add_at(ids[:, -1], shape, d[:, -1]),
    ),
    r"shape.*It is summed by position, not by token": lambda d, ids, shape: (None, d.sum(0)),
    r"shape.*not yet summed over the batch": lambda d, ids, shape: (
        None,
        np.stack([add_at(i, shape, part) for i, part in zip(ids, d, strict=True)]),
    ),
    r"None stands in another place: the order is \(None, dweight\)": lambda d, ids, shape: (
        add_at(ids, shape, d),
        None,
    ),
}


def flat_grads(dy, cache):
    dh, grads = go_down(dy, cache)
    return dy + dh, dict(tree.named(grads))


def grads_of_dx(dy, cache):
    dx = dy + go_down(dy, cache)[0]
    return dx, go_down(dx, cache)[1]


BLOCK = {
    r"grads is flat, with keys such as 'ln_2.weight'; nest it: tree.from_named\(grads\)": flat_grads,
    r"the gradient of ln_2.weight is wrong.*made of dx, the residual included": grads_of_dx,
    r"dx is wrong.*The two paths are averaged": block_of_dx(lambda dy, dh: (dy + dh) / 2),
    r"dx is wrong.*The MLP's path has the wrong sign": block_of_dx(lambda dy, dh: dy - dh),
    r"dx is wrong.*The two paths are multiplied": block_of_dx(lambda dy, dh: dy * dh),
}


def with_length(length):
    """A train_step whose lr is length(batch, lr)."""

    def answer(params, batch, config, lr):
        loss, grads = measure(params, batch, config)
        return loss, move(params, grads, length(batch, lr))

    return answer


def with_mask(mask):
    """A train_step under the loss mask mask(batch)."""

    def answer(params, batch, config, lr):
        loss, grads = measure(params, batch, config, mask(batch))
        return loss, move(params, grads, lr)

    return answer


def flat_params(params, batch, config, lr):
    loss, new = step_by_recursion(params, batch, config, lr)
    return loss, dict(tree.named(new))


def copy_ids(params, batch, config, lr):
    return step_by_recursion(params, batch._replace(targets=batch.ids), config, lr)


TRAIN_STEP = {
    r"new_params is flat, with keys such as 'wte.weight'; nest it: tree.from_named": flat_params,
    r"The step is exactly \d+ times too long: it is multiplied by the number of response": with_length(
        lambda batch, lr: lr * batch.loss_mask.sum()
    ),
    r"The step is exactly \d+ times too short: it is divided by B": with_length(
        lambda batch, lr: lr / len(batch.ids)
    ),
    r"The step is [\d.]+ times too short: lr stands there twice": with_length(lambda batch, lr: lr * lr),
    r"The step is exactly 2 times too short: compare \(params - new_params\) / lr": with_length(
        lambda batch, lr: lr / 2
    ),
    r"loss is wrong.*The loss mask is inverted": with_mask(lambda batch: 1 - batch.loss_mask),
    r"loss is wrong.*This is the prompt's loss": with_mask(lambda batch: data.prompt_mask(batch.roles)),
    r"loss is wrong.*The roles are used as loss weights": with_mask(lambda batch: batch.roles.astype(float)),
    r"loss is wrong.*one late": with_mask(lambda batch: np.roll(batch.loss_mask, 1, axis=1)),
    r"loss is wrong.*The ids are handed on as targets": copy_ids,
}


PARTS = {
    r"Divided by the number of parts that have tokens": lambda g, n: n @ g / (n > 0).sum(),
    r"Divided by the largest count": lambda g, n: n @ g / n.max(),
    r"by the root of its count": lambda g, n: np.sqrt(n) @ g / np.sqrt(n).sum(),
    r"The last part is left out: does a loop end too early": lambda g, n: n[:-1] @ g[:-1] / n.sum(),
    r"That is the largest part alone": lambda g, n: g[n.argmax()],
    r"shape.*Summed over axis 1, over the parameters": lambda g, n: (g * n[:, None]).sum(1) / n.sum(),
    r"returns a tuple of 1, not one array, gradient": lambda g, n: (n @ g / n.sum(),),
}

WRONG = {
    "embedding_backward": unpack_caches(EMBEDDING),
    "mlp_block_backward": BLOCK,
    "train_step": TRAIN_STEP,
    "combine_gradients": PARTS,
}
