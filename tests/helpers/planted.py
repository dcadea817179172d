"""One small training step, with a fault planted or without, for the tests of tests/faults."""

import contextlib

import numpy as np

from minilm import data, faults, gradcheck, model, recording, tokenizer, tree

TOKENIZER = tokenizer.build("char", ["abcdefgh"])
EXAMPLES = [data.Example(*e) for e in (("abc", "de"), ("ab", "cdef"), ("abcde", "fgh"))]
CONFIG = model.Config(len(TOKENIZER.vocab), 12, 1, 2, 4)
PARAMS = gradcheck.draw_params(CONFIG, np.random.default_rng(0))
HEALTHY_MASK = [  # targets: a b c d e <eos>, a b c d e f <eos>, a b c d e f g h <eos>, then pads
    [0, 0, 0, 1, 1, 1, 0, 0, 0],
    [0, 0, 1, 1, 1, 1, 1, 0, 0],
    [0, 0, 0, 0, 0, 1, 1, 1, 1],
]


def run(name=None):
    """(batch, loss, lit rows of dlogits, gradients) of one step with a fault planted, or without."""
    with faults.plant(name) if name else contextlib.nullcontext():
        batch = data.collate([data.encode(example, TOKENIZER) for example in EXAMPLES])
        loss, dlogits, grads = take_step(batch)
    lit = (np.abs(dlogits).sum(axis=-1) > 1e-12) * 1
    return batch, loss, lit.tolist(), tree.flatten(grads)


def take_step(batch, params=PARAMS, config=CONFIG):
    """(loss, dlogits, gradients as a tree) of one batch, with what is planted around the call."""
    with recording("losses.token_nll_backward") as seen:
        loss, grads = model.loss_and_grads(params, *batch[:3], config, batch.documents)
    return loss, seen[0][0], grads


def list_shown_by(kind):
    """The names of the faults that rows, turns, packing or left padding show."""
    return {name for name, fault in faults.FAULTS.items() if fault.shown_by == kind}
