"""The checker is itself checked: known derivatives, planted bugs, empty checks."""

import math
import tracemalloc

import numpy as np
import pytest
from test_model import response_gradient_error

import minilm
from minilm import data, gradcheck, layers, losses, model


def test_known_derivative_of_both_methods():
    x = np.array([[0.3, -1.2], [2.0, 0.5]])

    def f(stack):
        return (np.exp(stack) * np.sin(stack)).sum(axis=(-2, -1))

    exact = np.exp(x) * (np.sin(x) + np.cos(x))
    np.testing.assert_allclose(gradcheck.numeric_gradient(f, x), exact, rtol=1e-15)
    np.testing.assert_allclose(gradcheck.numeric_gradient(f, x, "central"), exact, rtol=1e-8)


def test_more_entries_than_a_chunk():
    x = np.arange(3.0 * gradcheck.CHUNK + 1)
    gradient = gradcheck.numeric_gradient(lambda s: (s * s).sum(axis=-1), x)
    np.testing.assert_allclose(gradient, 2 * x)


def scaled(function, place, factor):
    """The backward `function` with one of its gradients multiplied by `factor`."""

    def wrong(dy, cache):
        gradients = list(function(dy, cache))
        gradients[place] = gradients[place] * factor
        return tuple(gradients)

    return wrong


def no_bias_gradient(dy, cache):
    dx, dweight, dbias = LINEAR(dy, cache)
    return dx, dweight, None if dbias is None else 0 * dbias


def transposed(dy, cache):
    dx, dweight, dbias = LINEAR(dy, cache)
    return dx, (dweight.T if dweight.shape[0] == dweight.shape[1] else dweight), dbias


def forgotten_residual(dy, cache):
    dx, grads = MLP(dy, cache)
    return dx - dy, grads


def no_scale(dscores, cache):
    q, k, _ = cache
    return dscores @ k, dscores.swapaxes(-1, -2) @ q


def overwriting(dy, cache):
    ids, shape = cache
    dweight = np.zeros(shape)
    dweight[ids] = dy  # repeated ids: the last one wins
    return None, dweight


def norm_without_mean(dy, cache):
    xhat, inv_std, weight = cache
    dxhat = dy * weight
    along = (dxhat * xhat).mean(axis=-1, keepdims=True)
    return (dxhat - xhat * along) * inv_std, *NORM(dy, cache)[1:]


LINEAR, MLP, NORM = layers.linear_backward, model.mlp_block_backward, layers.layer_norm_backward
BUGS = {
    "wrong dK": ("layers.scores_backward", scaled(layers.scores_backward, 1, 0.5), "c_attn.weight"),
    "missing 1 / sqrt(D) in dQ": ("layers.scores_backward", no_scale, "c_attn.weight"),
    "forgotten residual": ("model.mlp_block_backward", forgotten_residual, "attn.c_proj.bias"),
    "dropped bias gradient": ("layers.linear_backward", no_bias_gradient, "c_fc.bias"),
    "transposed weight gradient": ("layers.linear_backward", transposed, "attn.c_proj.weight"),
    "layer norm without the mean's gradient": ("layers.layer_norm_backward", norm_without_mean, "wte.weight"),
    "repeated ids overwrite": ("layers.embedding_backward", overwriting, "wte.weight"),
    "wrong sign": ("layers.mix_backward", scaled(layers.mix_backward, 1, -1), "c_attn.bias"),
    "a millionth off": ("layers.gelu_backward", scaled(layers.gelu_backward, 0, 1 + 1e-6), "c_fc.weight"),
}


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bug_is_caught_and_named(bug, case):
    place, wrong, tensor = BUGS[bug]
    with minilm.swap(place, wrong):
        bad = {r.name: r.problem for r in gradcheck.check_model(*case) if r.problem}
    assert any(tensor in name for name in bad), bad
    gradcheck.require(gradcheck.check_model(*case))  # the swap is undone


def test_every_gradient_is_exact_to_13_digits(case):
    assert max(r.error for r in gradcheck.check_model(*case)) < 1e-13


def test_a_copy_runs_through_its_own_stage_only(case):
    params, batch, config = case
    size, n_x = minilm.tree.count(params), batch.ids.size * config.n_embd
    with (
        minilm.recording("layers.attention_forward") as attended,
        minilm.recording("layers.gelu_forward") as gelus,
    ):
        gradcheck.check_model(*case)

    def count_copies(results):
        return sum(len(y) for y, _ in results if np.iscomplexobj(y))

    blocks = params["h"].values()
    attention = sum(minilm.tree.count({k: p[k] for k in ("ln_1", "attn")}) for p in blocks)
    mlp = sum(minilm.tree.count({k: p[k] for k in ("ln_2", "mlp")}) for p in blocks)
    for results, own in ((attended, attention), (gelus, mlp)):
        assert count_copies(results) <= own + config.n_layer * n_x < size


def test_positions_without_loss_are_not_perturbed(case):
    params, batch, config = case
    mask = np.zeros(batch.ids.shape)
    mask[1, 3] = 1
    with minilm.recording("losses.token_nll_forward") as nlls:
        gradcheck.require(gradcheck.check_model(params, batch._replace(loss_mask=mask), config)[-1:])
    assert {nll[0].size for nll, _ in nlls if np.iscomplexobj(nll)} == {1}


def test_memory_is_bounded(rng):
    config = model.Config(vocab_size=9, n_positions=32, n_layer=1, n_head=2, n_embd=4)
    tokens = rng.integers(0, 9, (2, 33))
    batch = data.Batch(tokens[:, :-1], tokens[:, 1:], np.tri(2, 32), None)
    params = gradcheck.draw_params(config, rng)
    tracemalloc.start()
    gradcheck.check_model(params, batch, config)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6  # bytes: 24 copies at a time, through one stage


def test_a_pair_of_another_function_passes_and_its_forward_alone_does_not(case):
    def gelu_forward(x):
        return x * x, (x,)

    def gelu_backward(dy, cache):
        return (2 * cache[0] * dy,)

    with minilm.swap("layers.gelu_forward", gelu_forward):
        with minilm.swap("layers.gelu_backward", gelu_backward):
            gradcheck.require(gradcheck.check_model(*case))
        with minilm.swap("layers.gelu_backward", lambda dy, cache: (dy,)):
            bad = [r.name for r in gradcheck.check_model(*case) if r.problem]
    assert "h.1.mlp.c_fc.weight" in bad and "h.1.mlp.c_proj.weight" not in bad


def test_a_model_of_another_form_is_checked_as_a_whole(case):
    def forward(*args):
        logits, cache = minilm_forward(*args)
        return 2 * logits, cache

    with minilm.swap("model.forward", forward) as minilm_forward:
        assert all(r.problem for r in gradcheck.check_model(*case))
        with minilm.swap(
            "model.backward", lambda dlogits, cache: minilm_backward(2 * dlogits, cache)
        ) as minilm_backward:
            gradcheck.require(gradcheck.check_model(*case))


def test_a_pair_that_mixes_positions_is_checked_as_a_whole(case):
    def forward(logits, targets):
        nll, cache = one_way(logits, targets)
        return nll + nll[..., ::-1], cache

    def backward(dnll, cache):
        return other_way(dnll + dnll[..., ::-1], cache)

    with minilm.swap("losses.token_nll_forward", forward) as one_way:
        with minilm.swap("losses.token_nll_backward", backward) as other_way:
            gradcheck.require(gradcheck.check_model(*case))


def test_mask_after_the_reduction_is_caught(case):
    # The loss looks masked, the gradient is not: dnll lights up every row.
    def unmasked(dloss, cache):
        weights, total = cache
        return np.full(weights.shape, dloss / total), None

    with minilm.swap("losses.weighted_mean_backward", unmasked):
        assert any(r.problem for r in gradcheck.check_model(*case))


@pytest.mark.parametrize("shift", [-1, 1], ids=["one early", "one late"])
def test_mask_off_by_one_is_caught(shift):
    # Loss and gradient agree with each other, so only the identity with log P(y|x) can tell.
    def shifted(roles, prompt_weight=0.0):
        return np.roll(right(roles, prompt_weight), shift, axis=1)

    with minilm.swap("data.loss_mask", shifted) as right:
        assert response_gradient_error() > 0.01
    assert response_gradient_error() < 1e-12


def test_failure_names_tensor_index_values_and_ratio(rng):
    forward, backward, args = gradcheck.make_pair_case("linear", rng)
    results = gradcheck.check_pair(forward, scaled(backward, 1, 12.0), args, rng)
    with pytest.raises(
        gradcheck.GradientError, match=r"dweight\[\d, \d\]: analytic .*, numeric .*, ratio 12,"
    ):
        gradcheck.require(results)


@pytest.mark.parametrize("wrong", [None, np.zeros(3), np.full((6, 7), np.nan)], ids=["None", "shape", "nan"])
def test_missing_misshapen_and_nan_gradients_fail(wrong, rng):
    forward, backward, args = gradcheck.make_pair_case("linear", rng)

    def broken(dy, cache):
        dx, _, dbias = backward(dy, cache)
        return dx, wrong, dbias

    problems = [r.problem for r in gradcheck.check_pair(forward, broken, args, rng)]
    assert [bool(p) for p in problems] == [False, True, False]
    assert "dweight" in problems[1]


def test_zeros_against_zeros_is_vacuous(case):
    params, batch, config = case
    dead = {**params, "lm_head": {"weight": 0 * params["lm_head"]["weight"]}}  # nothing gets back
    bad = {r.name: r.problem for r in gradcheck.check_model(dead, batch, config) if r.problem}
    assert "vacuous" in bad["wte.weight"] and "lm_head.weight" not in bad
    with pytest.raises(gradcheck.GradientError, match="nothing was checked"):
        gradcheck.require([])


def test_rounding_noise_against_zeros_is_vacuous_too_and_nan_is_not():
    zeros, noise = np.zeros(3), np.full(3, 4e-16)
    for analytic, numeric in ((zeros, noise), (noise, zeros), (noise, -noise)):
        assert "vacuous" in gradcheck.compare_gradients("dx", analytic, numeric, 1e-10).problem
    for analytic, numeric in ((zeros, noise + np.nan), (noise + np.nan, zeros)):
        assert "nan" in gradcheck.compare_gradients("dx", analytic, numeric, 1e-10).problem


def test_one_direction_finds_a_bug_and_accepts_float32(case, rng):
    params, batch, config = case
    assert not gradcheck.check_direction(params, batch, config, rng).problem
    single = minilm.tree.map_arrays(np.float32, params)
    assert not gradcheck.check_direction(single, batch, config, rng).problem
    with minilm.swap("layers.scores_backward", BUGS["wrong dK"][1]):
        result = gradcheck.check_direction(params, batch, config, rng)
    assert "ratio" in result.problem


def test_small_weights_would_hide_what_scale_1_shows(case):
    # Why random_params has scale 1: at scale 0.02 attention hardly moves the loss.
    params, batch, config = case
    small = minilm.tree.map_arrays(lambda a: 0.02 * a, params)
    with minilm.swap("layers.scores_backward", BUGS["wrong dK"][1]):
        errors = [max(r.error for r in gradcheck.check_model(p, batch, config)) for p in (params, small)]
    assert errors[0] > 10 * errors[1]


def test_swap_refuses_unknown_names_and_restores_after_an_error():
    with pytest.raises(ValueError, match=r"no function 'layers.relu_forward'"):
        with minilm.swap("layers.relu_forward", math.sin):
            pass
    before = losses.token_nll_forward
    with pytest.raises(ZeroDivisionError), minilm.swap("losses.token_nll_forward", math.sin):
        raise ZeroDivisionError
    assert losses.token_nll_forward is before
    assert data.loss_mask(np.array([[data.PROMPT, data.EOS]])).tolist() == [[0, 1]]


@pytest.mark.parametrize("method", ["complex", "central"])
@pytest.mark.parametrize(("error", "is_found"), [(1e-4, True), (1e-12, False)])
def test_how_wrong_a_gradient_may_be(method, error, is_found, rng):
    forward, backward, args = gradcheck.make_pair_case("gelu", rng)
    wrong = scaled(backward, 0, 1 + error)
    (result,) = gradcheck.check_pair(forward, wrong, args, rng, method)
    assert bool(result.problem) == is_found
