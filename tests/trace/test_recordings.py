"""Sums of recordings are recordings, and the Gram matrix says what a small step does."""

import numpy as np
import pytest

from minilm import losses, model, optim, tree
from minilm.trace import record, recordings, steps


@pytest.fixture(scope="module")
def plain(question):
    return recordings.record_set(question, question.batch)


@pytest.mark.parametrize("seed", range(4))
def test_the_sum_of_recordings_is_the_recording_under_that_mask(question, plain, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(7) * (rng.random(7) < 0.6)
    mask[rng.integers(7)] = 1.0
    batch = question.batch._replace(loss_mask=mask[None])
    calls, _, grads = record.record_calls(question.params, batch, question.config)
    gradients = record.name_gradients(calls, 2)
    for name, summed in recordings.sum_recordings(plain["recordings"], mask).items():
        recorded = recordings.lay_out(gradients[steps.name_gradient(name)]) * mask.sum()
        np.testing.assert_allclose(summed, recorded, rtol=0, atol=1e-12 * max(1, abs(recorded).max()))
    product = mask @ plain["gram"] @ mask
    assert product == pytest.approx((tree.flatten(grads) ** 2).sum() * mask.sum() ** 2, rel=1e-12)


def test_a_target_reaches_nothing_later(question):
    for t, (gradients, _, _) in enumerate(
        record.record_each_target(question.params, question.batch, question.config)
    ):
        assert all(not recordings.lay_out(array)[t + 1 :].any() for array in gradients.values())


def test_gram_predicts_what_a_small_real_step_does(question, plain):
    mask = question.loss_masks[0.0][0]
    step = 1e-6
    vector, moved = tree.flat_view(question.params)
    _, grads = model.loss_and_grads(
        question.params, question.batch.ids, question.batch.targets, mask[None], question.config
    )
    gradient = tree.flatten(grads)
    optim.sgd(vector, gradient / np.linalg.norm(gradient), optim.init(vector), step)
    logits, _ = model.forward(moved, question.batch.ids, question.config)
    nll, _ = losses.token_nll_forward(logits, question.batch.targets)
    predicted = plain["gram"] @ mask / np.sqrt(mask @ plain["gram"] @ mask)
    np.testing.assert_allclose((plain["nll"] - nll[0]) / step, predicted, atol=1e-3)
