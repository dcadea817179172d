"""A learner's function takes its place in the whole model, in the gradient check and in training."""

import exercise_answers as answers
import numpy as np
import pytest
from exercises.judging import name_cases

from minilm import data, exercises, gradcheck, model, swap, tokenizer, train, tree

SWAPPED = {
    name: f"{'model' if name == 'mlp_block_backward' else 'layers'}.{name}"
    for name in exercises.names()
    if name.split("_")[0] in ("linear", "gelu", "layer", "mix", "causal", "scores", "attention", "mlp")
}


SWAPPED |= {name: f"losses.{name}" for name in ("token_nll_backward", "weighted_mean_backward")}


@pytest.mark.parametrize(("name", "mine"), name_cases(e for e in answers.RIGHT if e[0] in SWAPPED))
def test_a_right_function_works_in_the_whole_model(case, rng, name, mine):
    with swap(SWAPPED[name], mine):
        result = gradcheck.check_direction(*case, rng)
    gradcheck.require([result])


@pytest.mark.parametrize(
    "mine", [answers.gelu_without_three, answers.gelu_first_term, answers.gelu_of_the_exact_form]
)
def test_a_wrong_gelu_is_caught_in_the_model(case, mine):
    with swap("layers.gelu_backward", mine), pytest.raises(gradcheck.GradientError, match="c_fc"):
        gradcheck.require(gradcheck.check_model(*case))


def test_a_right_gelu_passes_the_check_of_the_model(case):
    with swap("layers.gelu_backward", answers.gelu_by_complex_step):
        gradcheck.require(gradcheck.check_model(*case))


@pytest.mark.parametrize(
    ("name", "mine"),
    name_cases(
        [
            ("layer_norm_backward", answers.norm_without_mean),
            ("causal_softmax_backward", answers.softmax_first_term),
            ("scores_backward", answers.scores_unscaled),
            ("attention_backward", answers.attention_without_dv),
            ("mlp_block_backward", answers.mlp_without_residual),
            ("weighted_mean_backward", answers.mean_backward_by_rows),
            ("token_nll_backward", answers.nll_backward_in_the_wrong_order),
        ]
    ),
)
def test_a_wrong_function_is_caught_in_the_model(case, rng, name, mine):
    with swap(SWAPPED[name], mine):
        assert gradcheck.check_direction(*case, rng).problem


def test_training_with_a_learners_function_is_the_same():
    words = tokenizer.build("char", ["abcdefgh"])
    examples = [data.Example(*pair) for pair in (("ab", "c"), ("abc", "defg"), ("h", "ga"), ("fed", "cb"))]
    rows = [data.encode(example, words) for example in examples]
    config = model.Config(len(words.vocab), 12, 1, 2, 8)
    params = model.init(config, np.random.default_rng(0), dtype=np.float64)
    settings = train.Settings(steps=6, batch_size=3, warmup=1, eval_every=2)
    used = []

    def mine(dy, cache):
        used.append(dy.shape)
        return answers.gelu_by_complex_step(dy, cache)

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
