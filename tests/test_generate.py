"""Decoding: the cache changes nothing, and every rule of choosing holds."""

import dataclasses

import numpy as np
import pytest
from refusing import fails

from minilm import files, generate, gradcheck, model, recording, tokenizer, tree
from minilm.__main__ import main
from minilm.tokenizer import EOS_ID


@pytest.fixture
def tiny(rng):
    config = model.Config(vocab_size=11, n_positions=12, n_layer=2, n_head=2, n_embd=6)
    return gradcheck.draw_params(config, rng), config


def test_cached_logits_equal_the_full_forward(tiny, rng):
    params, config = tiny
    ids = rng.integers(0, 11, (3, 12))
    full, _ = model.forward(params, ids, config)
    cache = generate.make_cache(params, config, batch_size=3)
    for start, end in ((0, 4), (4, 5), (5, 6), (6, 10), (10, 12)):
        logits = generate.predict_next(params, config, ids[:, start:end], cache, start)
        np.testing.assert_allclose(logits, full[:, end - 1], atol=1e-10)


def test_greedy_equals_argmax_of_the_full_forward(tiny):
    params, config = tiny
    new = generate.generate(params, config, [0, 5, 7], 9)
    ids = [0, 5, 7]
    for token in new:
        assert token == model.forward(params, np.array([ids]), config)[0][0, -1].argmax()
        ids.append(token)
    assert new[-1] == EOS_ID or len(ids) == config.n_positions


def test_stops_at_eos_at_the_limit_and_at_the_last_position(tiny):
    params, config = tiny

    def favour(token):  # a head that always prefers one token
        weight = np.zeros((6, 11))
        weight[:, token] = 1
        ones = {"weight": np.zeros(6), "bias": np.ones(6)}
        return {**params, "ln_f": ones, "lm_head": {"weight": weight}}

    assert generate.generate(favour(EOS_ID), config, [0, 5], 9) == [EOS_ID]
    assert generate.generate(favour(7), config, [0, 5], 4) == [7] * 4
    # 12 positions can be read, so 11 more tokens follow the first, and one that is never read.
    assert generate.generate(favour(7), config, [0], 99) == [7] * 12


def test_temperature_and_top_k_draw_from_the_right_distribution():
    logits = np.log(np.array([0.1, 0.2, 0.3, 0.4]))
    rng = np.random.default_rng(0)

    def frequencies(temperature, top_k):
        draws = [generate.choose_token(logits, temperature, top_k, rng) for _ in range(4000)]
        return np.bincount(draws, minlength=4) / 4000

    np.testing.assert_allclose(frequencies(1.0, None), [0.1, 0.2, 0.3, 0.4], atol=0.03)
    np.testing.assert_allclose(frequencies(1.0, 2), [0, 0, 3 / 7, 4 / 7], atol=0.03)
    np.testing.assert_allclose(frequencies(0.5, None), np.array([1, 4, 9, 16]) / 30, atol=0.03)
    assert generate.choose_token(logits, 0, None, None) == 3


@pytest.mark.filterwarnings("error")  # one sentence, without NumPy's warnings beside it
@pytest.mark.parametrize("size", [3e38, np.inf, np.nan])
def test_logits_that_are_not_finite_are_no_answer(tiny, tmp_path, capsys, size):
    words = tokenizer.build("char", ["abcdefg\n"])
    config = dataclasses.replace(tiny[1], n_positions=6)
    params = tree.map_arrays(lambda a: np.full_like(a, size, np.float32), tiny[0])
    params["wpe"]["weight"] = params["wpe"]["weight"][:6]
    for how in ({}, {"temperature": 1.0, "rng": np.random.default_rng(0)}):
        with pytest.raises(ValueError, match="the logits are not finite, as the weights"):
            generate.generate(params, config, [0, 5], 3, **how)
    if np.isfinite(size):
        files.checkpoint.save(tmp_path / "model.npz", params, config, words)
        fails(["generate", tmp_path, "a"], capsys, "^minilm: the logits are not finite")


def test_int16_ids_are_refused(tiny):
    with pytest.raises(ValueError, match=r"not int16 .*: narrower types wrap"):
        generate.generate(*tiny, np.array([0, 5], np.int16), 3)


@pytest.mark.parametrize("options", ["--seed 0", "--seed 3", "--top-k 2", "--top-k 2 --temperature 0"])
def test_what_only_samples_need_is_refused_without_them(tiny, tmp_path, capsys, options):
    files.checkpoint.save(tmp_path / "model.npz", *tiny, tokenizer.build("char", ["abcdefg\n"]))
    call = ["generate", str(tmp_path), "a", *options.split()]
    fails(call, capsys, "--top-k and --seed are about sampling: give them with a --temperature above 0")
    texts = []
    for seed in ([], ["--seed", "0"], ["--seed", "4"]):
        assert main(["generate", str(tmp_path), "a", "--temperature", "2", "--top-k", "9", *seed]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]


def test_same_seed_same_text(tiny):
    params, config = tiny
    a, b = (
        generate.generate(params, config, [0], 9, temperature=1.0, rng=np.random.default_rng(5))
        for _ in range(2)
    )
    assert a == b


@pytest.mark.parametrize("name", ["layer_norm", "linear", "gelu", "scores", "causal_softmax", "mix"])
def test_a_learners_layer_enters_generation(tiny, name):
    params, config = tiny
    with recording(f"layers.{name}_forward") as calls, recording("model.forward") as whole:
        generate.predict_next(params, config, np.array([[0, 5]]), generate.make_cache(params, config), 0)
    n_calls = {"linear": 4 * config.n_layer + 1, "layer_norm": 2 * config.n_layer + 1}
    assert len(calls) == n_calls.get(name, config.n_layer) and not whole


def test_only_the_prompt_is_checked_not_each_token(tiny):
    params, config = tiny
    head = {"weight": np.zeros((6, 11))}  # prefers id 0, which is not <eos>
    with recording("model.check_ids") as checks:
        assert len(generate.generate({**params, "lm_head": head}, config, [0, 5, 7], 9)) == 9
    assert len(checks) == 1
    with pytest.raises(ValueError, match="id 11 at"):
        generate.generate(params, config, [0, 11], 9)
