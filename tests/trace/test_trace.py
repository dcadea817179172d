"""The step-through's recorder: its numbers are the model's, and it leaves no trace of its own."""

import json
import os
import re

import numpy as np
import pytest
import refusing

import minilm
from minilm import data, files, model, trace, tree
from minilm import tokenizer as tokenizers
from minilm.__main__ import main
from minilm.figures import identities
from minilm.trace import steps

WEIGHTS = (0.0, 0.3, 1.0)


@pytest.fixture
def example():
    tokenizer, row, config, params = identities.seed_example()
    return params, row, config, tokenizer


@pytest.fixture
def seed_trace(example):
    return trace.trace(*example, WEIGHTS)


def test_loss_and_gradients_are_those_of_training(example, seed_trace):
    params, row, config, _ = example
    for weight in WEIGHTS:
        batch = data.collate([row], weight)
        loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
        assert seed_trace.losses[weight] == loss
        np.testing.assert_array_equal(tree.flatten(seed_trace.grads[weight]), tree.flatten(grads))
    logits, _ = model.forward(params, seed_trace.batch.ids, config)
    np.testing.assert_array_equal(seed_trace.values["logits"], logits)
    arrays = [*seed_trace.values.values(), *(a for g in seed_trace.gradients.values() for a in g.values())]
    assert all(np.isfinite(a).all() for a in arrays)


CALLS = {  # which call of which forward function makes the value of this name (2 layers)
    "wte": ("layers.embedding_forward", 0),
    "wpe": ("layers.embedding_forward", 1),
    "h.0.ln_1": ("layers.layer_norm_forward", 0),
    "h.1.ln_2": ("layers.layer_norm_forward", 3),
    "ln_f": ("layers.layer_norm_forward", 4),
    "h.0.attn.scores": ("layers.scores_forward", 0),
    "h.1.attn.weights": ("layers.causal_softmax_forward", 1),
    "h.0.attn.mix": ("layers.mix_forward", 0),
    "h.1.attn.c_proj": ("layers.linear_forward", 5),
    "h.0.attn.x": ("model.attn_block_forward", 0),
    "h.0.mlp.c_fc": ("layers.linear_forward", 2),
    "h.1.mlp.gelu": ("layers.gelu_forward", 1),
    "h.0.mlp.c_proj": ("layers.linear_forward", 3),
    "h.0.mlp.x": ("model.mlp_block_forward", 0),
    "h.1.mlp.x": ("model.mlp_block_forward", 1),
    "logits": ("layers.linear_forward", 8),
    "nll": ("losses.token_nll_forward", 0),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_gradient_is_the_slope_of_the_loss_in_the_value_of_its_name(name, example, seed_trace, rng):
    params, row, config, _ = example
    function, which = CALLS[name]
    direction = rng.normal(size=seed_trace.values[name].shape)

    def loss(step, batch):
        seen = []

        def moved(*args, **kwargs):
            y, cache = original(*args, **kwargs)
            seen.append(y)
            return (y + step * direction, cache) if len(seen) == which + 1 else (y, cache)

        with minilm.swap(function, moved) as original:
            return model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)[0]

    for weight in WEIGHTS:
        batch = data.collate([row], weight)
        slope = (loss(1e-5, batch) - loss(-1e-5, batch)) / 2e-5
        gradient = seed_trace.gradients[weight][steps.name_gradient(name)]
        assert slope == pytest.approx((gradient * direction).sum(), rel=1e-6)


def test_queries_keys_and_values_are_those_that_were_used(seed_trace):
    v = seed_trace.values
    for i in range(2):
        scores = np.einsum("bhid,bhjd->bhij", v[f"h.{i}.attn.q"], v[f"h.{i}.attn.k"]) / np.sqrt(8)
        np.testing.assert_allclose(v[f"h.{i}.attn.scores"], scores, atol=1e-12)
        mix = np.einsum("bhij,bhjd->bhid", v[f"h.{i}.attn.weights"], v[f"h.{i}.attn.v"])
        np.testing.assert_allclose(v[f"h.{i}.attn.mix"], mix, atol=1e-12)
        for g in seed_trace.gradients.values():  # d scaling q alone = d scaling k alone = d scaling scores
            along = [(g[f"h.{i}.attn.d{n}"] * v[f"h.{i}.attn.{n}"]).sum() for n in ("q", "k", "scores")]
            np.testing.assert_allclose(along, along[-1], rtol=1e-9)
            mixed = (g[f"h.{i}.attn.dmix"] * v[f"h.{i}.attn.mix"]).sum()
            assert (g[f"h.{i}.attn.dv"] * v[f"h.{i}.attn.v"]).sum() == pytest.approx(mixed, rel=1e-9)


def test_the_stream_and_its_gradient_are_named_in_the_order_of_the_way(seed_trace):
    v, x = seed_trace.values, "x"
    for i in range(2):
        for part in (f"h.{i}.attn", f"h.{i}.mlp"):
            np.testing.assert_array_equal(v[f"{part}.x"], v[x] + v[f"{part}.c_proj"])
            x = f"{part}.x"
    for gradients in seed_trace.gradients.values():
        shapes = {name: array.shape for name, array in gradients.items()}
        expected = {steps.name_gradient(name): array.shape for name, array in v.items() if name != "probs"}
        assert shapes == expected


def test_masked_rows_are_exactly_zero_until_attention(seed_trace):
    masked = seed_trace.gradients[0.0]
    for name in ("dlogits", "dln_f", "h.1.mlp.dx", "h.1.mlp.dgelu", "h.1.attn.dx"):
        assert not masked[name][0, :-1].any(), name
        assert masked[name][0, -1].any(), name
    assert not masked["h.1.attn.dq"][0, :, :-1].any()
    assert masked["h.1.attn.dk"].any(axis=(1, 3)).all() and masked["dx"].any(axis=-1).all()
    assert seed_trace.gradients[1.0]["dlogits"].any(axis=-1).all()
    text = str(seed_trace)
    assert "Positions where dlogits is exactly 0: masked 5 of 6, weight 0.3 0 of 6, full 0 of 6." in text
    assert "Positions where dx is exactly 0: masked 0 of 6," in text


def test_the_forward_pass_does_not_know_the_loss(example, seed_trace):
    other = trace.trace(*example, [1.0])
    for name, value in seed_trace.values.items():
        np.testing.assert_array_equal(value, other.values[name])


def functions():
    names = [f"{pair}_{way}" for pair in trace.record.PAIRS for way in ("forward", "backward")]
    return [getattr(getattr(minilm, n.split(".")[0]), n.split(".")[1]) for n in names]


def test_nothing_stays_swapped(example):
    before = functions()
    trace.trace(*example)
    assert functions() == before
    with minilm.swap("layers.gelu_backward", lambda dy, cache: 1 / 0), pytest.raises(ZeroDivisionError):
        trace.trace(*example)
    assert functions() == before


def test_a_planted_function_is_traced_and_one_that_hides_its_steps_is_refused(example):
    with minilm.swap("layers.gelu_backward", lambda dy, cache: (0 * dy,)):
        assert not trace.trace(*example).gradients[1.0]["h.0.mlp.dc_fc"].any()
    scores_forward = minilm.layers.scores_forward

    def hidden(qkv, causal, n_head):
        with minilm.swap("layers.scores_forward", scores_forward):
            return original(qkv, causal, n_head)

    with minilm.swap("layers.attention_forward", hidden) as original:
        with pytest.raises(ValueError, match=r"layers\.scores_forward was called 0 times and not 2"):
            trace.trace(*example)


def test_bad_input_is_refused_in_a_sentence(example):
    params, row, config, tokenizer = example
    for weights, message in (((), "no prompt weights"), ((0, 0), "twice"), ((1.5,), "prompt_weight is 1.5")):
        with pytest.raises(ValueError, match=message):
            trace.trace(params, row, config, tokenizer, weights)
    with pytest.raises(ValueError, match="knows 259 tokens, the model 9"):
        trace.trace(params, row, config, tokenizers.build("byte"))
    long = data.Row(np.zeros(60, int), np.full(60, data.RESPONSE))
    with pytest.raises(ValueError, match="59 positions"):
        trace.trace(params, long, config, tokenizer)
    with pytest.raises(ValueError, match="longer than the model's 6 positions"):
        trace.trace(params, data.Row(np.zeros(9, int), np.full(9, data.RESPONSE)), config, tokenizer)


def test_command_writes_the_page_or_prints_text(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*argv):
        assert main(["trace", *argv]) == 0
        return capsys.readouterr().out

    assert run() == "trace.html holds the page, 0.4 MB: open it in a browser\n"
    question = ("User: What is 2+2? Assistant:", "4")
    assert run(*question, "--html", "a.html").startswith("a.html holds the page")
    pages = [(tmp_path / name).read_bytes() for name in ("trace.html", "a.html")]
    assert pages[0] == pages[1] and pages[0].startswith(b"<!DOCTYPE html>")
    text = run(*question, "--text", "--prompt-weight", "0", "0.1", "1")
    assert "30. dlogits" in text and "masked 5 of 7, weight 0.1 0 of 7, full 0 of 7." in text
    assert sorted(os.listdir(tmp_path)) == ["a.html", "trace.html"]


def test_command_shows_a_trained_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"prompt": "ab", "completion": "ba"}, {"prompt": "ba", "completion": "ab"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows * 4)))
    assert main("train --data rows.jsonl --out run --steps 2".split()) == 0
    assert main("trace ab ba --params run".split()) == 0
    page = (tmp_path / "trace.html").read_text()
    numbers = json.loads(re.search(r'type="application/json">(.*?)</script>', page)[1])
    assert numbers["source"] == f"The model is that of {os.path.join('run', 'model.npz')}."
    assert numbers["inputs"] == ["<bos>", "a", "b", "'\\n'", "b", "a"]  # as the rows were encoded
    params, _, _ = files.checkpoint.load(tmp_path / "run" / "model.npz")
    assert numbers["params"]["wte.weight"][0][0] == pytest.approx(params["wte"]["weight"][0, 0], rel=5e-3)


@pytest.mark.parametrize(
    "argv, message",
    [
        (("a", ""), "the response is empty"),
        (("a",), "give a PROMPT and a RESPONSE"),
        (("a", "b", "--text", "--prompt-weight", "-1"), "prompt_weight is -1.0"),
        (("a", "b", "--prompt-weight", "1"), "--prompt-weight would change nothing without --text"),
        (("a", "b", "--text", "--html", "x"), "--html would change nothing with --text"),
        (("a" * 60, "b", "--level", "char"), "62 positions"),
        (("a", "b", "--html", "."), ". is a folder"),
        (("--params", "none"), "model.npz is no file"),
        (("--params", "none", "--level", "char"), "--level would change nothing with --params"),
    ],
)
def test_command_refuses_bad_input(argv, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    refusing.fails(["trace", *argv], capsys, message)
    assert os.listdir(tmp_path) == []
