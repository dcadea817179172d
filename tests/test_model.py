"""The whole model: gradients under any mask, causality, and what the loss mask leaves."""

import numpy as np
import pytest

from minilm import data, gradcheck, losses, model, recording, tokenizer, tree

MASKS = {
    "full": np.ones((3, 5)),
    "masked": np.array([[0, 0, 0, 1, 1], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0.0]]),
    "weight 0.1": np.array([[0.1, 0.1, 0.1, 1, 1], [0.1, 1, 1, 1, 0], [0.1, 0.1, 1, 0, 0]]),
    "uneven": np.array([[0, 2.5, 0.1, 0, 1], [0, 0, 0, 0, 0], [7, 0.3, 0, 1e-3, 0]]),
}


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize("mask", MASKS)
def test_every_parameter_against_numeric_gradient(case, mask, method):
    params, batch, config = case
    results = gradcheck.check_model(params, batch._replace(loss_mask=MASKS[mask]), config, method)
    gradcheck.require(results)
    assert [r.name for r in results] == [name for name, _ in tree.named(params)]


def test_gradients_are_named_and_ordered_as_parameters(case):
    params, batch, config = case
    _, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    assert [(n, a.shape) for n, a in tree.named(grads)] == [(n, a.shape) for n, a in tree.named(params)]
    assert "h.1.attn.c_attn.weight" in dict(tree.named(params))


def test_float32_training_agrees_with_float64(case):
    params, batch, config = case
    single = tree.map_arrays(np.float32, params)
    _, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    _, grads32 = model.loss_and_grads(single, batch.ids, batch.targets, batch.loss_mask, config)
    for (name, a), (_, b) in zip(tree.named(grads), tree.named(grads32), strict=True):
        assert b.dtype == np.float32, name
        np.testing.assert_allclose(b, a, atol=2e-4 * np.abs(a).max(), err_msg=name)


def test_no_position_sees_the_future(case, rng):
    params, batch, config = case
    logits, _ = model.forward(params, batch.ids, config)
    for t in range(1, 5):
        ids = batch.ids.copy()
        ids[:, t:] = rng.integers(0, 9, ids[:, t:].shape)
        changed, _ = model.forward(params, ids, config)
        np.testing.assert_array_equal(changed[:, :t], logits[:, :t])


def test_padding_changes_neither_loss_nor_gradients(rng):
    words = tokenizer.build("char", ["abcdefgh"])
    rows = [data.encode(data.Example(*e), words) for e in (("ab", "c"), ("abc", "defg"))]
    config = model.Config(len(words.vocab), 9, 2, 2, 4)
    params = gradcheck.draw_params(config, rng)

    def sums(batch):
        _, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
        return tree.flatten(grads) * batch.loss_mask.sum()

    padded, alone = sums(data.collate(rows)), sum(sums(data.collate([row])) for row in rows)
    np.testing.assert_allclose(padded, alone, atol=1e-12 * np.abs(alone).max())


def minus_log_p_response(params, example, words, config):
    """-log P(y|x) token by token from the forward alone; no mask, no batch, no shift."""
    tokens = data.encode(example, words).tokens
    n_prompt = 1 + len(words.encode(example.prompt))  # <bos> and the prompt
    total = 0.0
    for i in range(n_prompt, len(tokens)):
        logits, _ = model.forward(params, tokens[None, :i], config)
        last = logits[..., -1, :]
        total = total - (last[..., tokens[i]] - np.log(np.exp(last).sum(axis=-1)))
    return total


def response_gradient_error(seed=0):
    """How far the masked gradient is from the numeric gradient of -log P(y|x), relative."""
    rng = np.random.default_rng(seed)
    words = tokenizer.build("char", ["abcdefgh"])
    example = data.Example("abca", "def")
    config = model.Config(len(words.vocab), 9, 1, 2, 4)
    params = tree.map_arrays(lambda a: 0.5 * rng.normal(size=a.shape), model.init(config, rng))
    batch = data.collate([data.encode(example, words)])
    _, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    worst = 0.0
    for name, array in tree.named(params):

        def objective(stack, name=name):
            return minus_log_p_response(tree.replace(params, name, stack), example, words, config)

        numeric = gradcheck.numeric_gradient(objective, array, ndim=3)
        masked = 4 * dict(tree.named(grads))[name]  # mean over d, e, f, <eos> -> sum
        worst = max(worst, np.abs(masked - numeric).max() / np.abs(numeric).max())
    return worst


def test_masked_gradient_is_that_of_log_p_of_the_response():
    assert response_gradient_error() < 1e-12


def test_prompt_targets_do_not_matter_but_prompt_embeddings_get_gradient(case, rng):
    params, batch, config = case
    mask = MASKS["masked"]
    other = np.where(mask == 0, rng.integers(0, 9, mask.shape), batch.targets)
    with recording("model.attn_block_backward") as seen:
        _, a = model.loss_and_grads(params, batch.ids, batch.targets, mask, config)
        _, b = model.loss_and_grads(params, batch.ids, other, mask, config)
    np.testing.assert_array_equal(tree.flatten(a), tree.flatten(b))
    dx = seen[config.n_layer - 1][0]  # at the embeddings: the last block on the way back
    assert (np.abs(dx[0, :3]).sum(axis=-1) > 1e-3).all()  # inputs 0 .. 2 predict masked targets
    assert (dx[2, 3:] == 0).all()  # nothing supervised comes after them


def test_full_gradient_is_the_sum_of_its_parts(case):
    params, batch, config = case
    logits, cache = model.forward(params, batch.ids, config)
    _, nll_cache = losses.token_nll_forward(logits, batch.targets)
    x, y = MASKS["full"] - MASKS["masked"], MASKS["masked"]
    g_x, g_y, g_full = (
        tree.flatten(model.backward(losses.token_nll_backward(m, nll_cache)[0], cache)) for m in (x, y, x + y)
    )
    np.testing.assert_allclose(g_full, g_x + g_y, atol=1e-13 * np.abs(g_full).max())


def test_init_is_reproducible_and_as_documented():
    config = model.Config(50, 8, 2, 2, 16)
    a, b = (model.init(config, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(tree.flatten(a), tree.flatten(b))
    for name, array in tree.named(a):
        assert array.dtype == np.float32
        if name.endswith("bias"):
            assert not array.any()
        elif ".ln_" in name or name.startswith("ln_f"):
            assert (array == 1).all()
        else:
            assert array.std() == pytest.approx(0.02 * np.sqrt(768 / 16), rel=0.15), name
