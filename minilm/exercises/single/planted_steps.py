"""Training steps of a tiny model for the exchange test: healthy ones, and ones with a planted fault.

Each function takes the model and the roles of the targets first, then what the learner hands over:
ids, targets and the loss mask. It returns the loss and its gradient (B, T, C) at the embeddings. Its
docstring is what the checker says to those who judge it wrongly.
"""

import inspect
from typing import NamedTuple

import numpy as np

from ... import data, losses


class Model(NamedTuple):
    """Just enough of one: embedding (V, C), head (C, V). Position t reads the mean of embeddings 0 .. t."""

    embedding: np.ndarray
    head: np.ndarray


def read_logits(model, ids):
    """logits (B, T, V)."""
    return make_reading(ids, model) @ model.embedding[ids] @ model.head


def make_reading(ids, model):
    """The matrix (T, T) that takes the means: row t holds 1 / (t + 1) up to the diagonal."""
    T = ids.shape[1]
    return (np.tri(T) / np.arange(1, T + 1)[:, None]).astype(model.head.dtype)


def go_down(model, ids, dlogits):
    """The gradient (B, T, C) at the embeddings."""
    return make_reading(ids, model).T @ (dlogits @ model.head.T)


def measure(model, ids, targets, weights):
    """sum(weights nll) / sum(weights) and its gradient at the embeddings."""
    weights = weights.astype(model.head.dtype)
    dnll = weights / weights.sum()
    nll, cache = losses.token_nll_forward(read_logits(model, ids), targets)
    return (dnll * nll).sum(), go_down(model, ids, losses.token_nll_backward(dnll, cache)[0])


def light_all_targets(roles):
    """Loss weight 1 on every target that is no pad."""
    return (roles != data.PAD) * 1.0


def masked(model, roles, ids, targets, mask):
    """A healthy step gets True: its loss is masked, as it should be. True means that something changes
    when the prompt's targets do. Exchange the prompt's targets alone; answers and ids stay. And gradient
    at the prompt's embeddings is no fault."""
    return measure(model, ids, targets, mask)


def rounded(model, roles, ids, targets, mask):
    """A healthy step gets True: it adds up in an order of its own at every call, so that its
    results differ in their last bits. Compare with np.allclose, not with ==."""
    loss, gradient = measure(model, ids, targets, mask)
    bits = np.random.default_rng(targets.ravel()).integers(-1, 2, gradient.shape)
    return loss, gradient * (1 + 4 * np.finfo(gradient.dtype).eps * bits).astype(gradient.dtype)


def unmasked(model, roles, ids, targets, mask):
    """A faulty step gets False: it ignores the mask, and every target has loss weight 1. That shows when
    you call it twice: are the second call's targets really other ones?"""
    return measure(model, ids, targets, light_all_targets(roles))


def lightly_weighted(model, roles, ids, targets, mask):
    """A faulty step gets False: it gives prompt targets a loss weight of 0.01. A change may be
    small and still be far above rounding."""
    return measure(model, ids, targets, mask + 0.01 * data.prompt_mask(roles))


def strongly_read(model, roles, ids, targets, mask):
    """A healthy step gets True: it has a large gradient at the prompt's embeddings, since the
    answer reads them. Ask whether it changes, not whether it is large."""
    return measure(model._replace(head=20 * model.head), ids, targets, mask)


def masked_early(model, roles, ids, targets, mask):
    """A faulty step gets False: its mask is one position early, so that the last prompt target has
    loss weight 1. Exchange all prompt targets, not only some."""
    return measure(model, ids, targets, np.roll(mask, -1, axis=1))


def masked_in_the_report(model, roles, ids, targets, mask):
    """A faulty step gets False: the loss that it reports is masked, but its gradient is not.
    Compare both."""
    loss, _ = measure(model, ids, targets, mask)
    return loss, measure(model, ids, targets, light_all_targets(roles))[1]


def reported_in_full(model, roles, ids, targets, mask):
    """A faulty step gets False: its gradient is masked, but the loss that it reports is not. Compare
    both."""
    loss, _ = measure(model, ids, targets, light_all_targets(roles))
    return loss, measure(model, ids, targets, mask)[1]


def masked_late(model, roles, ids, targets, mask):
    """A step that uses no prompt target gets True: this step's mask is one position late. It loses the
    first answer target, which is a fault of another kind: no prompt target gets in."""
    return measure(model, ids, targets, np.roll(mask, 1, axis=1) * light_all_targets(roles))


def masked_but_for_one_row(model, roles, ids, targets, mask):
    """A faulty step gets False: it forgets the mask in the last row of the batch, and in no other.
    Exchange prompt targets in every row."""
    is_last = np.arange(len(ids))[:, None] == len(ids) - 1
    return measure(model, ids, targets, np.where(is_last, light_all_targets(roles), mask))


def smoothed(model, roles, ids, targets, mask):
    """A step that uses no prompt target gets True: this step smooths labels at masked positions, too.
    That is a fault of another kind: it pushes all words alike, whichever the target is."""
    loss, gradient = measure(model, ids, targets, mask)
    exp = np.exp(read_logits(model, ids))
    dlogits = 0.1 / mask.sum() * (exp / exp.sum(axis=-1, keepdims=True) - 1 / exp.shape[-1])
    return loss, gradient + go_down(model, ids, dlogits.astype(gradient.dtype))


def trusting(model, roles, ids, targets, mask):
    """A faulty step gets False: the loss mask that it is handed is 1 on the prompt, too. Where the
    prompt is, the roles say; the mask is what you test."""
    return measure(model, ids, targets, mask)


USES_PROMPT_TARGETS = {  # in the order in which they are tried
    masked: False,
    rounded: False,
    unmasked: True,
    lightly_weighted: True,
    strongly_read: False,
    masked_early: True,
    masked_in_the_report: True,
    reported_in_full: True,
    masked_late: False,
    masked_but_for_one_row: True,
    smoothed: False,
    trusting: True,
}
STEPS = tuple(USES_PROMPT_TARGETS)


def describe_misjudgement(step):
    """What to say to those who judge this step wrongly: its docstring in one line."""
    return " ".join(inspect.getdoc(step).split())
