"""One real step: what it does to the answer and to the prompt."""

import numpy as np
import pytest

from minilm import data, losses, model, tree
from minilm.trace import updates


def test_steps_are_real_steps_and_leave_the_model_alone(question):
    before = tree.flatten(question.params)
    steps = updates.take_steps(question.params, question.batch, question.config)
    np.testing.assert_array_equal(tree.flatten(question.params), before)
    assert [(s["optimiser"], s["prompt_weight"]) for s in steps] == [
        (name, w) for name in ("gradient descent", "AdamW") for w in (0.0, 0.1, 1.0)
    ]
    masked, _, full = steps[:3]
    _, grads = model.loss_and_grads(
        question.params,
        question.batch.ids,
        question.batch.targets,
        data.loss_mask(question.batch.roles, 1.0),
        question.config,
    )
    moved = tree.map_arrays(lambda x: x, question.params)
    for name, gradient in tree.named(grads):
        moved = tree.replace(moved, name, dict(tree.named(moved))[name] - 0.01 * gradient)
    logits, _ = model.forward(moved, question.batch.ids, question.config)
    nll, _ = losses.token_nll_forward(logits, question.batch.targets)
    assert full["after"]["log_p_x"] == pytest.approx(-nll[0, :5].sum(), rel=1e-9)
    assert full["after"]["p_answer"] == pytest.approx(np.exp(-nll[0, 5:].sum()), rel=1e-9)
    assert masked["after"]["p_answer"] > full["after"]["p_answer"] > masked["before"]["p_answer"]
