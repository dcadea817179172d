"""Token NLL and the weighted mean: numbers worked by hand, and exact zeros."""

import math

import numpy as np
import pytest

from minilm import losses


def test_two_token_softmax_by_hand():
    # Logits 0 and ln 3: probabilities 1/4 and 3/4.
    logits = np.array([[[0.0, math.log(3)], [0.0, math.log(3)]]])
    nll, cache = losses.token_nll_forward(logits, np.array([[0, 1]]))
    np.testing.assert_allclose(nll, [[math.log(4), math.log(4 / 3)]])
    dlogits, no_gradient = losses.token_nll_backward(np.array([[1.0, 10.0]]), cache)
    np.testing.assert_allclose(dlogits, [[[-0.75, 0.75], [2.5, -2.5]]])
    assert no_gradient is None


def test_three_token_mask_by_hand():
    nll, mask = np.array([[1.0, 2.0, 6.0]]), np.array([[0.0, 1.0, 3.0]])
    loss, cache = losses.weighted_mean_forward(nll, mask)
    assert loss == (2 + 18) / 4
    dnll, _ = losses.weighted_mean_backward(1.0, cache)
    np.testing.assert_array_equal(dnll, [[0, 0.25, 0.75]])


def test_masked_rows_are_exactly_zero(rng):
    logits, targets = rng.normal(size=(2, 5, 7)), rng.integers(0, 7, (2, 5))
    mask = np.array([[0, 0, 1, 0, 1], [0, 1, 1, 1, 0.0]])
    nll, nll_cache = losses.token_nll_forward(logits, targets)
    _, mean_cache = losses.weighted_mean_forward(nll, mask)
    dnll, _ = losses.weighted_mean_backward(1.0, mean_cache)
    dlogits, _ = losses.token_nll_backward(dnll, nll_cache)
    assert (dlogits[mask == 0] == 0).all()
    assert (np.abs(dlogits[mask == 1]).sum(axis=-1) > 1e-3).all()


def test_mean_over_answers_is_n_over_r_times_the_mean_over_all(rng):
    # The same response rows, divided by R or by N: gradients differ by N / R, here 10 / 4.
    logits, targets = rng.normal(size=(2, 5, 7)), rng.integers(0, 7, (2, 5))
    mask = np.zeros((2, 5))
    mask[:, 3:] = 1
    nll, nll_cache = losses.token_nll_forward(logits, targets)

    def dlogits(weights):
        _, cache = losses.weighted_mean_forward(nll, weights)
        return losses.token_nll_backward(losses.weighted_mean_backward(1.0, cache)[0], nll_cache)[0]

    np.testing.assert_allclose(dlogits(mask)[:, 3:], dlogits(np.ones((2, 5)))[:, 3:] * 10 / 4)


def test_log_probs_add_up(rng):
    nll = rng.random((2, 4))
    prompt = np.array([[1, 1, 0, 0], [1, 0, 0, 0.0]])
    response = np.array([[0, 0, 1, 1], [0, 1, 1, 0.0]])
    whole = losses.log_prob(nll, prompt + response)
    np.testing.assert_allclose(whole, losses.log_prob(nll, prompt) + losses.log_prob(nll, response))
    np.testing.assert_allclose(whole, [-nll[0].sum(), -nll[1, :3].sum()])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_neither_overflow_nor_warn(dtype):
    logits = np.array([[[1e4, -1e4, 0.0]]], dtype)
    nll, cache = losses.token_nll_forward(logits, np.array([[1]]))
    assert nll == 2e4
    assert np.isfinite(losses.token_nll_backward(np.ones((1, 1), dtype), cache)[0]).all()


def test_fractional_weights_scale_a_log_prob():
    nll, mask = np.array([[1.0, 2.0, 6.0], [4.0, 8.0, 1.0]]), np.array([[0.0, 0.5, 1.0], [0.25, 0, 0]])
    np.testing.assert_array_equal(losses.log_prob(nll, mask), [-(1 + 6), -1])


@pytest.mark.parametrize("weight", [1e-30, 1e29])
def test_the_smallest_and_large_weights_count_in_float32(weight):
    mask = np.array([[0.0, weight, weight]])
    loss, _ = losses.weighted_mean_forward(np.array([[9.0, 1.0, 3.0]], np.float32), mask)
    assert loss == pytest.approx(2)
