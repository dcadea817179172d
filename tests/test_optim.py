"""Adam and the learning rate, worked by hand."""

import numpy as np

from minilm import optim


def test_adamw_first_steps_by_hand():
    vector, state = np.array([1.0, -1.0]), optim.init(np.zeros(2))
    optim.adamw(vector, np.array([2.0, -0.5]), state, lr=0.1)
    np.testing.assert_allclose(vector, [0.9, -0.9], atol=1e-7)  # the first step is lr * sign(g)
    # Second step, gradient 0 for entry 0: m = .9 * .2 / (1 - .81), v = .95 * .2 / (1 - .9025).
    optim.adamw(vector, np.array([0.0, -0.5]), state, lr=0.1, weight_decay=0.5)
    step = 0.1 * (0.18 / 0.19) / np.sqrt(0.19 / 0.0975)
    np.testing.assert_allclose(vector, [0.9 * 0.95 - step, -0.9 * 0.95 + 0.1], atol=1e-7)


def test_sgd_by_hand():
    vector, state = np.array([1.0, 1.0]), optim.init(np.zeros(2))
    optim.sgd(vector, np.array([0.6, 0.8]), state, lr=0.5)
    np.testing.assert_allclose(vector, [0.7, 0.6])
    assert state["step"] == 1


def test_the_learning_rate_warms_up_and_comes_down():
    factors = [optim.warm_up_then_decay(step, 10, 2) for step in range(1, 11)]
    np.testing.assert_allclose(factors, [0.5, 1, 8 / 9, 7 / 9, 6 / 9, 5 / 9, 4 / 9, 3 / 9, 2 / 9, 1 / 9])
    assert optim.warm_up_then_decay(1, 1, 1) == 1 and optim.warm_up_then_decay(1, 1, 0) == 1 / 2


def test_adamw_adds_eps_to_the_root():
    # A gradient as small as eps = 1e-8: lr g / (|g| + eps) = lr / 2.
    vector = np.zeros(2)
    optim.adamw(vector, np.array([1e-8, -3e-8]), optim.init(vector), lr=0.1)
    np.testing.assert_allclose(vector, [-0.05, 0.075], rtol=1e-12)
