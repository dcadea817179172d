"""Every forward / backward pair: numeric gradients, dtypes, purity, and numbers worked by hand."""

import inspect

import numpy as np
import pytest

from minilm import gradcheck, layers, losses


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("name", gradcheck.PAIRS)
def test_pair_against_numeric_gradient(name, method):
    for seed in range(3):
        gradcheck.require(gradcheck.check_named(name, np.random.default_rng(seed), method))


def test_every_pair_has_a_case():
    pairs = {
        name.removesuffix("_forward")
        for module in (layers, losses)
        for name, _ in inspect.getmembers(module, inspect.isfunction)
        if name.endswith("_forward")
    }
    assert pairs == set(gradcheck.PAIRS)


@pytest.mark.parametrize("name", gradcheck.PAIRS)
def test_gradients_come_in_the_order_of_the_arguments(name, rng):
    forward, backward, args = gradcheck.make_pair_case(name, rng)
    y, cache = forward(*args)
    gradients = backward(np.ones_like(y), cache)
    assert isinstance(gradients, tuple) and len(gradients) == len(args)
    for argument, gradient in zip(args, gradients, strict=True):
        if gradient is not None:
            assert gradient.shape == argument.shape
    assert isinstance(cache, tuple)


@pytest.mark.parametrize("name", gradcheck.PAIRS)
def test_float32_stays_float32_and_nothing_is_mutated(name, rng):
    forward, backward, args = gradcheck.make_pair_case(name, rng)
    args = [a.astype(np.float32) if getattr(a, "dtype", None) == np.float64 else a for a in args]
    before = [np.copy(a) for a in args]
    y, cache = forward(*args)
    dy = np.asarray(rng.normal(size=y.shape), np.float32)
    first, second = backward(dy, cache), backward(dy, cache)
    assert y.dtype == np.float32
    for a, b in zip(first, second, strict=True):
        if a is not None:
            assert a.dtype == np.float32
            np.testing.assert_array_equal(a, b)  # the cache survives its first use
    for a, b in zip(args, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_layer_norm_by_hand():
    x = np.array([[[1.0, 3.0]]])  # mean 2, variance 1
    y, cache = layers.layer_norm_forward(x, np.array([2.0, 2.0]), np.array([0.0, 1.0]), eps=0)
    np.testing.assert_allclose(y, [[[-2.0, 3.0]]])
    # Two channels normalised to -1 and 1 cannot move: the gradient to x is 0 whatever comes in.
    dx, dweight, dbias = layers.layer_norm_backward(np.array([[[5.0, 7.0]]]), cache)
    np.testing.assert_allclose(dx, 0, atol=1e-12)
    np.testing.assert_allclose(dweight, [-5.0, 7.0])
    np.testing.assert_allclose(dbias, [5.0, 7.0])


def test_gelu_at_known_places():
    y, _ = layers.gelu_forward(np.array([0.0, 1.0, -1.0, 30.0, -30.0]))
    np.testing.assert_allclose(y, [0, 0.841192, -0.158808, 30, 0], atol=1e-6)


def test_attention_by_hand():
    # One head, D = 1, q = 0: every allowed position weighs the same, so y is a running mean.
    qkv = np.array([[[0.0, 1.0, 2.0], [0.0, -3.0, 4.0], [0.0, 5.0, 9.0]]])
    y, _ = layers.attention_forward(qkv, np.tri(3, dtype=bool), 1)
    np.testing.assert_allclose(y[0, :, 0], [2, 3, 5])


def test_heads_are_split_and_merged_without_loss(rng):
    x = rng.normal(size=(2, 5, 6))
    heads = layers.split_heads(x, 3)
    np.testing.assert_array_equal(heads[1, 2, 4], x[1, 4, 4:6])
    np.testing.assert_array_equal(layers.merge_heads(heads), x)


def test_repeated_ids_add_up():
    _, cache = layers.embedding_forward(np.array([[1, 1, 0]]), np.zeros((3, 2)))
    _, dweight = layers.embedding_backward(np.array([[[1.0, 2.0], [10.0, 20.0], [5.0, 6.0]]]), cache)
    np.testing.assert_array_equal(dweight, [[5, 6], [11, 22], [0, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("error")
def test_huge_scores_neither_overflow_nor_vanish(dtype):
    # Row 0: -1e4 may be seen, 1e4 may not. Row 1: both are seen, 1e4 twice.
    scores = np.array([[[[-1e4, 1e4], [1e4, 1e4]]]], dtype)
    weights, _ = layers.causal_softmax_forward(scores, np.tri(2, dtype=bool))
    np.testing.assert_array_equal(weights, [[[[1, 0], [0.5, 0.5]]]])


def test_layer_norm_adds_eps_to_the_variance():
    x = np.sqrt(3e-5) * np.array([[[-1.0, 1.0], [0.0, 0.0]]])  # variance 3e-5; eps makes it 4e-5
    y, _ = layers.layer_norm_forward(x, np.ones(2), np.zeros(2))
    np.testing.assert_allclose(y, [[[-np.sqrt(0.75), np.sqrt(0.75)], [0, 0]]], rtol=1e-12)
