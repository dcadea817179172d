"""Every fast function against its readable twin, alone and in the whole model."""

import functools

import numpy as np
import pytest

from minilm import data, fast, gradcheck, layers, losses, model, optim, recording, swap, train, tree

CONFIG = model.Config(vocab_size=11, n_positions=9, n_layer=2, n_head=2, n_embd=8)
TEXT = {name: function for name, function in vars(layers).items() if name.endswith("ward")}
LOSS_AND_GRADS = model.loss_and_grads


def draw_batch(rng, mask, documents=None):
    tokens = rng.integers(0, CONFIG.vocab_size, (mask.shape[0], mask.shape[1] + 1))
    return data.Batch(tokens[:, :-1], tokens[:, 1:], mask, None, documents=documents)


def draw_masks(rng):
    """Loss masks (3, 9) of every kind."""
    half = np.repeat([[0.0] * 5 + [1.0] * 4], 3, axis=0)
    one, uneven = np.zeros((3, 9)), np.zeros((3, 9))
    one[1, 3] = 1.0
    uneven[0, :7], uneven[2, 8] = 0.3, 2.0  # the row between has none
    return {
        "full": np.ones((3, 9)),
        "half": half,
        "prompt weight": np.maximum(half, 0.1),
        "uneven": uneven,
        "one token": one,
        "random": rng.integers(0, 2, (3, 9)) * rng.uniform(0, 3, (3, 9)),
    }


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", list(draw_masks(np.random.default_rng(0))))
@pytest.mark.parametrize("kernels", [["zeros"], ["zeros", "queries"], list(fast.KERNELS)])
def test_loss_and_gradients_are_those_of_the_text(rng, name, packed, kernels):
    params = gradcheck.draw_params(CONFIG, rng)
    documents = np.sort(rng.integers(0, 3, (3, 9)), axis=1) if packed else None
    batch = draw_batch(rng, draw_masks(rng)[name], documents)
    arguments = params, batch.ids, batch.targets, batch.loss_mask, CONFIG, batch.documents
    loss, grads = model.loss_and_grads(*arguments)
    with fast.kernels(kernels):
        assert model.loss_and_grads is fast.loss_and_grads
        fast_loss, fast_grads = model.loss_and_grads(*arguments)
    assert abs(fast_loss - loss) <= 1e-12 * loss
    for (place, expected), (other, gradient) in zip(tree.named(grads), tree.named(fast_grads), strict=True):
        assert place == other
        assert np.abs(gradient - expected).max() <= 1e-12 * np.abs(expected).max(), place


def test_rows_without_loss_never_reach_the_head(rng):
    params, mask = gradcheck.draw_params(CONFIG, rng), draw_masks(rng)["uneven"]
    batch = draw_batch(rng, mask)
    with fast.kernels(), recording("layers.linear_forward") as results:
        model.loss_and_grads(params, batch.ids, batch.targets, mask, CONFIG)
    # Two blocks of four linear maps, and the head: all rows up to the last c_attn, then those with loss.
    assert [y[..., 0].size for y, _ in results] == [27] * 5 + [8] * 4


def test_whole_model_on_the_fast_functions_is_checked(rng):
    batch = draw_batch(rng, draw_masks(rng)["random"], np.sort(rng.integers(0, 2, (3, 9)), axis=1))
    with fast.kernels():
        gradcheck.require(gradcheck.check_model(gradcheck.draw_params(CONFIG, rng), batch, CONFIG))


@pytest.mark.parametrize("name", ["gelu", "attention"])
def test_pair_passes_the_gradient_check(rng, name):
    with fast.kernels():
        assert getattr(layers, f"{name}_forward") is not TEXT[f"{name}_forward"]
        gradcheck.require(gradcheck.check_named(name, rng))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_gelu_has_the_bits_and_the_cache_of_its_twin(rng, dtype):
    x, dy = (5 * rng.normal(size=(2, 3, fast.PIECE // 4)).astype(dtype) for _ in range(2))
    if dtype == np.complex128:
        x += 1e-20j * dy
    x, dy = x.swapaxes(0, 1), dy.swapaxes(0, 1)  # not contiguous
    y, cache = fast.gelu_forward(x)
    expected, expected_cache = TEXT["gelu_forward"](x)
    for array, other in zip([y, *cache], [expected, *expected_cache], strict=True):
        assert_same(array, other)
    (dx,), (expected,) = fast.gelu_backward(dy, cache), TEXT["gelu_backward"](dy, expected_cache)
    assert_same(dx, expected)


def assert_same(array, other):
    """The same bits; in complex numbers, whose product rounds by the order of its factors, nearly."""
    assert array.dtype == other.dtype
    if array.dtype == np.complex128:
        np.testing.assert_allclose(array, other, rtol=1e-14)
        np.testing.assert_allclose(array.imag, other.imag, rtol=1e-12, atol=1e-33)
    else:
        np.testing.assert_array_equal(array, other)


@pytest.mark.parametrize("length", [1, 2, fast.BLOCK - 1, fast.BLOCK, fast.BLOCK + 1, 2 * fast.BLOCK + 5])
@pytest.mark.parametrize("packed", [False, True])
def test_attention_in_blocks(rng, length, packed):
    qkv, dy = 3 * rng.normal(size=(2, length, 24)), rng.normal(size=(2, length, 8))
    documents = np.sort(rng.integers(0, 3, (2, length)), axis=1) if packed else None
    causal, _ = model.causal_and_places(np.zeros((2, length), int), documents)
    expected, expected_cache = TEXT["attention_forward"](qkv, causal, 2)
    y, cache = fast.attention_forward(qkv, causal, 2)
    np.testing.assert_allclose(y, expected, atol=1e-14)
    expected, *_ = TEXT["attention_backward"](dy, expected_cache)
    np.testing.assert_allclose(fast.attention_backward(dy, cache)[0], expected, atol=1e-13)


def test_large_scores_do_not_overflow():
    qkv = np.full((1, 3, 6), 60.0, np.float32)  # scores of 5,091: exp(89) is the end of float32
    y, _ = fast.attention_forward(qkv, np.tri(3, dtype=bool), 1)
    np.testing.assert_array_equal(y, 60.0)


@pytest.mark.parametrize(
    "place", ["layers.scores_backward", "losses.token_nll_forward", "model.loss_and_grads"]
)
def test_nothing_is_put_over_somebody_elses_function(place):
    module, _, name = place.partition(".")
    text = getattr({"layers": layers, "losses": losses, "model": model}[module], name)
    with swap(place, lambda *args: text(*args)), fast.kernels():
        assert layers.gelu_forward is TEXT["gelu_forward"]
        assert model.loss_and_grads is not fast.loss_and_grads


def test_the_text_is_back_afterwards():
    with pytest.raises(ZeroDivisionError), fast.kernels():
        assert layers.gelu_forward is fast.gelu_forward
        _ = 1 / 0
    assert layers.gelu_forward is TEXT["gelu_forward"]
    assert model.loss_and_grads is LOSS_AND_GRADS


def test_an_empty_mask_is_refused(rng):
    batch = draw_batch(rng, np.zeros((3, 9)))
    with pytest.raises(ValueError, match="loss_mask is empty"):
        fast.loss_and_grads(gradcheck.draw_params(CONFIG, rng), *batch[:3], CONFIG)


def test_a_target_without_loss_is_still_a_token_id(rng):
    batch = draw_batch(rng, draw_masks(rng)["half"])
    batch = batch._replace(targets=batch.targets.copy())
    batch.targets[0, 0] = -100
    with pytest.raises(ValueError, match=r"target -100 at \(0, 0\)"):
        fast.loss_and_grads(gradcheck.draw_params(CONFIG, rng), *batch[:3], CONFIG)


def test_training_takes_the_fast_way(rng):
    rows = [
        data.Row(rng.integers(3, 11, 8), np.array([data.BOS] + 4 * [data.PROMPT] + 3 * [data.RESPONSE]))
    ] * 4
    settings = train.Settings(steps=2, batch_size=4, warmup=1, eval_every=1)
    params = model.init(CONFIG, rng, dtype=np.float64)  # in float32, Adam makes rounding of zeros large
    with recording("optim.adamw") as steps, recording("fast.attend_forward") as calls:
        fast_params, _ = train.train(params, CONFIG, rows, rows, settings)
    assert len(steps) == 2
    assert calls
    vector, view = tree.flat_view(params)
    state = optim.init(vector)
    for _ in range(2):
        train.train_step(vector, view, state, train.make_batch(rows, settings), CONFIG, settings)
    np.testing.assert_allclose(tree.flatten(fast_params), vector, rtol=1e-7, atol=1e-9)


def test_a_wrapped_function_and_a_small_step_count_as_somebody_elses(rng):
    batch, params = draw_batch(rng, draw_masks(rng)["half"]), gradcheck.draw_params(CONFIG, rng)

    @functools.wraps(layers.gelu_forward)  # which copies the name of the module, too
    def gelu_forward(x):
        return TEXT["gelu_forward"](0.5 * x)

    for place, function in (
        ("layers.gelu_forward", gelu_forward),
        ("layers.row_sum", lambda x: 2 * x.sum(axis=-1, keepdims=True)),
    ):
        with swap(place, function):
            loss, grads = model.loss_and_grads(params, *batch[:3], CONFIG)
            with fast.kernels():
                fast_loss, fast_grads = model.loss_and_grads(params, *batch[:3], CONFIG)
        assert loss == fast_loss and (tree.flatten(grads) == tree.flatten(fast_grads)).all(), place
    with swap("layers.scores_backward", layers.mix_backward):  # at home in the same file
        assert not fast.is_untouched(layers)


def test_ids_are_checked_as_in_the_text(rng):
    batch, params = draw_batch(rng, draw_masks(rng)["half"]), gradcheck.draw_params(CONFIG, rng)
    with fast.kernels(), pytest.raises(ValueError, match="ids must be an int64"):
        model.loss_and_grads(params, batch.ids.tolist(), *batch[1:3], CONFIG)
