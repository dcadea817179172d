"""Faults of the mean, its gradient and terms beside it: ratios, splits, slopes."""

import numpy as np
import pytest
from planted import CONFIG, EXAMPLES, HEALTHY_MASK, PARAMS, TOKENIZER, run, take_step

from minilm import data, faults, losses, model, tree


@pytest.mark.parametrize("name", ["empty_mask_nan", "empty_mask_silent"])
def test_an_empty_mask_is_nan_or_silence_instead_of_an_error(name):
    batch = data.collate([data.encode(example, TOKENIZER) for example in EXAMPLES])
    nothing = np.zeros(batch.ids.shape)
    with faults.plant(name), np.errstate(invalid="ignore"):
        loss, grads = model.loss_and_grads(PARAMS, batch.ids, batch.targets, nothing, CONFIG)
        healthy, _ = model.loss_and_grads(PARAMS, batch.ids, batch.targets, batch.loss_mask, CONFIG)
    assert healthy == run()[1]  # batches with answers are not affected
    if name == "empty_mask_nan":
        assert np.isnan(loss) and np.isnan(tree.flatten(grads)).any()
    else:
        assert loss == 0 and not tree.flatten(grads).any()
    with pytest.raises(ValueError, match="loss_mask is empty"):
        model.loss_and_grads(PARAMS, batch.ids, batch.targets, nothing, CONFIG)


def test_denominators_have_the_known_ratios():
    _, loss, _, gradient = run()
    share = np.sum(HEALTHY_MASK) / np.size(HEALTHY_MASK)
    _, all_loss, _, all_gradient = run("denominator_counts_all")
    assert all_loss == pytest.approx(share * loss)
    np.testing.assert_allclose(all_gradient, share * gradient, atol=1e-14)
    _, scaled_loss, _, scaled_gradient = run("gradient_scaled")
    assert scaled_loss == loss
    np.testing.assert_allclose(scaled_gradient, share * gradient, atol=1e-14)
    assert run("smoothing_ignores_mask")[1] == loss
    logits, _ = model.forward(PARAMS, run()[0].ids, CONFIG)
    chosen = np.take_along_axis(logits, run()[0].targets[..., None], axis=-1)[..., 0]
    nll = np.log(np.exp(logits).sum(axis=-1)) - chosen  # of every target, pads too
    assert run("mask_after_reduction")[1] == pytest.approx(nll.mean()) != loss


def test_mean_of_means_depends_on_how_a_batch_is_split():
    def losses_of(rows):
        batch = data.collate(rows)
        logits, _ = model.forward(PARAMS, batch.ids, CONFIG)
        nll, _ = losses.token_nll_forward(logits, batch.targets)
        return losses.weighted_mean_forward(nll, batch.loss_mask)[0], batch.loss_mask.sum()

    rows = [data.encode(example, TOKENIZER) for example in EXAMPLES]
    with faults.plant("mean_of_means"):
        whole, _ = losses_of(rows)
        parts = [losses_of([row])[0] for row in rows]
    assert whole == pytest.approx(np.mean(parts))
    parts = [losses_of([row]) for row in rows]
    right = losses_of(rows)[0]
    assert right == pytest.approx(sum(loss * n for loss, n in parts) / sum(n for _, n in parts))
    assert abs(whole - right) > 1e-3


def find_softmax(logits):
    """The probabilities of each row, without minilm's losses."""
    exp = np.exp(logits)
    return exp / exp.sum(axis=-1, keepdims=True)


def test_an_auxiliary_term_is_added_to_the_loss_of_all_positions():
    batch, loss, _, gradient = run("auxiliary_loss_unmasked")
    probs = find_softmax(model.forward(PARAMS, batch.ids, CONFIG)[0])
    reference = 1 / np.arange(1, CONFIG.vocab_size + 1)
    reference /= reference.sum()
    term = (probs * np.log(probs / reference)).sum(axis=-1)
    assert (term > 0.01).all()
    _, right, _, right_gradient = run()
    assert loss == pytest.approx(right + term.mean(), rel=1e-12)
    assert np.abs(gradient - right_gradient).max() > 1e-3


def test_an_auxiliary_term_s_gradient_is_the_slope_of_the_loss():
    batch, _, _, gradient = run("auxiliary_loss_unmasked")
    direction, h = np.random.default_rng(1).normal(size=gradient.size), 1e-6

    def find_loss(move):
        point, params = tree.flat_view(PARAMS)
        point += move * direction
        return take_step(batch, params)[0]

    with faults.plant("auxiliary_loss_unmasked"):
        slope = (find_loss(h) - find_loss(-h)) / (2 * h)
    assert gradient @ direction == pytest.approx(slope, rel=1e-6)


def test_an_auxiliary_term_knows_neither_mask_nor_targets():
    batch = run()[0]
    other = batch._replace(targets=np.roll(batch.targets, 2, axis=1), loss_mask=1 - batch.loss_mask)
    rises = []
    for each in (batch, other):
        _, right, _ = take_step(each)
        with faults.plant("auxiliary_loss_unmasked"):
            _, dlogits, _ = take_step(each)
        rises.append(dlogits - right)
    np.testing.assert_allclose(*rises, atol=1e-15)
    np.testing.assert_allclose(rises[0].sum(axis=-1), 0, atol=1e-15)
