"""A learner's function takes its place in the whole model, in the gradient check and in training."""

import numpy as np
import pytest
from exercises.answers import (
    RIGHT,
    attention,
    backward_by_hand,
    layer_norm,
    loss_mask,
    whole_model,
)

import minilm
from minilm import data, exercises, gradcheck, model, swap, train, tree
from minilm import tokenizer as tokenizers

SWAPPED = {  # exercise -> where its function is in minilm
    "token_nll_backward": "losses",
    "weighted_mean_backward": "losses",
    "linear_backward": "layers",
    "gelu_backward": "layers",
    "layer_norm_backward": "layers",
    "mix_backward": "layers",
    "causal_softmax_backward": "layers",
    "scores_backward": "layers",
    "attention_backward": "layers",
    "mlp_block_backward": "model",
}


@pytest.mark.parametrize(("name", "mine"), [(name, mine) for name in SWAPPED for mine in RIGHT[name]])
def test_a_right_function_works_in_the_whole_model(case, rng, name, mine):
    with swap(f"{SWAPPED[name]}.{name}", mine):
        result = gradcheck.check_direction(*case, rng)
    gradcheck.require([result])


@pytest.mark.parametrize("name", SWAPPED)
def test_an_answer_that_calls_what_it_replaces_would_call_itself(case, rng, name):
    module = getattr(minilm, SWAPPED[name])

    def hand_on(*args):
        return getattr(module, name)(*args)

    verdict = exercises.check(name, hand_on)
    assert verdict.status == "wrong" and f"minilm's own {SWAPPED[name]}.{name}, in whose" in verdict.message
    with swap(f"{SWAPPED[name]}.{name}", hand_on), pytest.raises(RecursionError):
        gradcheck.check_direction(*case, rng)
    with swap(f"{SWAPPED[name]}.{name}", verdict.function):
        gradcheck.require([gradcheck.check_direction(*case, rng)])


@pytest.mark.parametrize(
    "mine",
    [
        backward_by_hand.gelu_without_three,
        backward_by_hand.gelu_first_term,
        backward_by_hand.gelu_of_the_exact_form,
    ],
)
def test_a_wrong_gelu_is_caught_in_the_model(case, mine):
    with swap("layers.gelu_backward", mine), pytest.raises(gradcheck.GradientError, match="c_fc"):
        gradcheck.require(gradcheck.check_model(*case))


def test_a_right_gelu_passes_the_check_of_the_model(case):
    with swap("layers.gelu_backward", backward_by_hand.gelu_by_complex_step):
        gradcheck.require(gradcheck.check_model(*case))


@pytest.mark.parametrize(
    ("name", "mine"),
    [
        ("layer_norm_backward", layer_norm.norm_without_mean),
        ("causal_softmax_backward", attention.softmax_first_term),
        ("scores_backward", attention.scores_unscaled),
        ("attention_backward", attention.attention_without_dv),
        ("mlp_block_backward", whole_model.mlp_without_residual),
        ("weighted_mean_backward", loss_mask.mean_of_rows),
        ("token_nll_backward", backward_by_hand.subtract_one_last),
    ],
)
def test_a_wrong_function_is_caught_in_the_model(case, rng, name, mine):
    with swap(f"{SWAPPED[name]}.{name}", mine):
        assert gradcheck.check_direction(*case, rng).problem


def test_training_with_a_learners_function_is_the_same():
    tokenizer = tokenizers.build("char", ["abcdefgh"])
    examples = [data.Example(*pair) for pair in (("ab", "c"), ("abc", "defg"), ("h", "ga"), ("fed", "cb"))]
    rows = [data.encode(example, tokenizer) for example in examples]
    config = model.Config(len(tokenizer.vocab), 12, 1, 2, 8)
    params = model.init(config, np.random.default_rng(0), dtype=np.float64)
    settings = train.Settings(steps=6, batch_size=3, warmup=1, eval_every=2)
    used = []

    def mine(dy, cache):
        used.append(dy.shape)
        return backward_by_hand.gelu_by_complex_step(dy, cache)

    own, own_history = train.train(params, config, rows, rows, settings)
    with swap("layers.gelu_backward", mine):
        new, history = train.train(params, config, rows, rows, settings)
    assert len(used) == 6
    for ours, theirs in zip(own_history, history, strict=True):
        assert list(theirs) == list(ours)
        for key, value in ours.items():
            assert theirs[key] is value is None or theirs[key] == pytest.approx(value, rel=1e-9), key
    np.testing.assert_allclose(tree.flatten(new), tree.flatten(own), rtol=1e-6, atol=1e-9)
    assert history[-1]["response_nll"] < history[0]["response_nll"]
