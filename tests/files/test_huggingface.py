"""GPT-2's names and layout, there and back; tests/peers/test_transformers.py asks transformers."""

import json

import numpy as np
import pytest

from minilm import files, model, tree


@pytest.fixture
def saved(case):
    """A model of scale 1 as GPT-2 has it: (params, config, tensors, config_dict)."""
    params, _, config = case
    return params, config, *files.huggingface.to_gpt2(params, config)


def same(params, other):
    for (name, a), (name_, b) in zip(tree.named(params), tree.named(other), strict=True):
        assert name == name_
        np.testing.assert_array_equal(a, b, strict=True, err_msg=name)


def test_names_and_layout_are_gpt2_s(saved):
    params, config, tensors, config_dict = saved
    C, V, layers = config.n_embd, config.vocab_size, config.n_layer
    assert len(tensors) == 2 + 12 * layers + 2 + 1
    shapes = {name: array.shape for name, array in tensors.items()}
    assert shapes["transformer.wte.weight"] == shapes["lm_head.weight"] == (V, C)
    assert shapes["transformer.h.1.attn.c_attn.weight"] == (C, 3 * C)
    assert shapes["transformer.h.0.mlp.c_proj.weight"] == (4 * C, C)
    assert shapes["transformer.ln_f.bias"] == (C,)
    np.testing.assert_array_equal(tensors["lm_head.weight"].T, params["lm_head"]["weight"])
    assert (config_dict["tie_word_embeddings"], config_dict["dtype"]) == (False, "float64")
    assert json.loads(json.dumps(config_dict)) == config_dict


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_through_the_file_format(saved, dtype):
    params, config, *_ = saved
    params = tree.map_arrays(lambda a: a.astype(dtype), params)
    tensors, config_dict = files.huggingface.to_gpt2(params, config)
    tensors = files.safetensors.from_bytes(files.safetensors.to_bytes(tensors))
    back, config_ = files.huggingface.from_gpt2(tensors, config_dict)
    assert config_ == config
    same(back, params)
    model.check_params(back, config)
    assert all(array.flags["C_CONTIGUOUS"] and array.flags["OWNDATA"] for _, array in tree.named(back))


def test_a_tied_head_is_a_copy_and_its_gradients_add_up(saved, case):
    """Finite difference in the one tied tensor = the sum of the two gradients here."""
    _, config, tensors, config_dict = saved
    batch = case[1]
    tied = {**tensors, "lm_head.weight": tensors["transformer.wte.weight"]}
    config_dict = {key: value for key, value in config_dict.items() if key != "tie_word_embeddings"}

    def loss_at(tensors):
        params, _ = files.huggingface.from_gpt2(tensors, config_dict)
        return model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)

    params, _ = files.huggingface.from_gpt2(tied, config_dict)
    del tied["lm_head.weight"]  # as transformers saves it; old files hold both
    same(files.huggingface.from_gpt2(tied, config_dict)[0], params)
    _, grads = loss_at(tied)
    gradient = grads["wte"]["weight"] + grads["lm_head"]["weight"].T
    direction = np.random.default_rng(1).normal(size=gradient.shape)
    wte, h = tied["transformer.wte.weight"], 1e-5
    plus, minus = (loss_at({**tied, "transformer.wte.weight": wte + s * h * direction})[0] for s in (1, -1))
    assert (plus - minus) / (2 * h) == pytest.approx((gradient * direction).sum(), rel=1e-7)
    params["lm_head"]["weight"][:] = 0  # a copy: the embedding stays
    np.testing.assert_array_equal(params["wte"]["weight"], wte)


def test_old_files_are_read_too(saved):
    params, _, tensors, config_dict = saved
    old = {name.removeprefix("transformer."): array for name, array in tensors.items()}
    old["h.0.attn.bias"] = np.tri(4, dtype=bool)[None, None]
    old["h.0.attn.masked_bias"] = np.array(-1e4)
    old["wpe.weight"] = old["wpe.weight"].astype(np.float16)
    for name in ("activation_function", "n_inner", "scale_attn_weights"):
        del config_dict[name]
    back, _ = files.huggingface.from_gpt2(old, config_dict)
    assert back["wpe"]["weight"].dtype == np.float64  # one type for all, the embedding's
    np.testing.assert_array_equal(
        back["h"]["1"]["attn"]["c_attn"]["bias"], params["h"]["1"]["attn"]["c_attn"]["bias"]
    )


CONFIGS = {
    "activation_function": ("gelu", "activation_function is 'gelu', and minilm computes only 'gelu_new'"),
    "layer_norm_epsilon": (1e-6, "layer_norm_epsilon is 1e-06"),
    "scale_attn_by_inverse_layer_idx": (True, "scale_attn_by_inverse_layer_idx is True"),
    "scale_attn_weights": (False, "scale_attn_weights is False"),
    "add_cross_attention": (True, "add_cross_attention is True"),
    "model_type": ("llama", "model_type is 'llama'"),
    "model_type, long": ("a" * 10**5, "model_type is 'aaa.{1,90} minilm computes only 'gpt2'$"),
    "n_inner": (10, "n_inner is 10, and minilm computes only 4 n_embd = 24"),
    "n_inner, long": ("a" * 10**5, "n_inner is 'aaa.{1,90} computes only 4 n_embd = 24$"),
    "n_head": (5, "n_embd 6 is not divisible by n_head 5"),
    "n_layer": (10**9, "tensor h.2.ln_1.weight is missing"),
    "n_positions": (4.5, "n_positions is 4.5"),
    "vocab_size": (10, r"wte.weight has shape \(9, 6\), not \(10, 6\)"),
    "tie_word_embeddings": (True, "lm_head.weight differs from wte.weight"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_what_minilm_cannot_compute_is_refused(saved, name):
    *_, tensors, config_dict = saved
    value, message = CONFIGS[name]
    with pytest.raises(ValueError, match=message):
        files.huggingface.from_gpt2(tensors, {**config_dict, name.partition(",")[0]: value})


def test_a_config_that_lacks_a_size_is_refused(saved):
    *_, tensors, config_dict = saved
    del config_dict["n_head"]
    with pytest.raises(ValueError, match=r"config\.json does not say n_head"):
        files.huggingface.from_gpt2(tensors, config_dict)
    with pytest.raises(ValueError, match=r"config\.json holds list"):
        files.huggingface.from_gpt2(tensors, [])


CHANGES = {
    "missing": (lambda t: t.pop("transformer.h.1.mlp.c_fc.bias"), "h.1.mlp.c_fc.bias is missing"),
    "no head": (lambda t: t.pop("lm_head.weight"), "lm_head.weight is missing"),
    "no embedding": (lambda t: t.pop("transformer.wte.weight"), "wte.weight is missing"),
    "extra": (
        lambda t: t.update({"transformer.h.2.ln_1.bias": np.zeros(6)}),
        "h.2.ln_1.bias belongs to no GPT-2 of 2",
    ),
    "twice": (lambda t: t.update({"wpe.weight": np.zeros(6)}), "there are two tensors wpe.weight"),
    "transposed": (
        lambda t: t.update({"lm_head.weight": np.zeros((6, 9))}),
        r"lm_head.weight has shape \(6, 9\)",
    ),
    "integers": (
        lambda t: t.update({"transformer.ln_f.bias": np.zeros(6, int)}),
        "ln_f.bias holds int64: it must hold floats",
    ),
    "nan": (
        lambda t: t.update({"transformer.ln_f.bias": np.full(6, np.nan)}),
        "ln_f.bias holds a number that is not finite in float64",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_tensors_that_do_not_fit_are_refused(saved, name):
    *_, tensors, config_dict = saved
    change, message = CHANGES[name]
    change(tensors)
    with pytest.raises(ValueError, match=message):
        files.huggingface.from_gpt2(tensors, config_dict)


@pytest.mark.filterwarnings("error")
def test_a_number_beyond_float32_is_refused(saved):
    *_, tensors, config_dict = saved
    tensors["transformer.wte.weight"] = tensors["transformer.wte.weight"].astype(
        np.float32
    )  # decides for all
    tensors["transformer.ln_f.bias"] = np.full(6, 1e300)
    with pytest.raises(ValueError, match=r"ln_f\.bias holds a number that is not finite in float32"):
        files.huggingface.from_gpt2(tensors, config_dict)


def test_parameters_that_do_not_fit_the_config_are_not_written(saved):
    params, config, *_ = saved
    with pytest.raises(ValueError, match=r"wpe\.weight is missing"):
        files.huggingface.to_gpt2({key: value for key, value in params.items() if key != "wpe"}, config)


TEXTS = {
    "{": "not JSON",
    '{"n_head": 2,\n "n_head": 3}': "the key 'n_head' stands twice",
    '{"layer_norm_epsilon": NaN}': "NaN is not JSON",
}


def test_a_folder_is_read_and_a_broken_one_named(saved, tmp_path):
    params, config, tensors, config_dict = saved
    with pytest.raises(ValueError, match=r"config\.json is no file: give the folder of one GPT-2"):
        files.huggingface.read_model(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config_dict), encoding="utf-8")
    with pytest.raises(ValueError, match=r"model\.safetensors is no file"):
        files.huggingface.read_model(tmp_path)
    content = files.safetensors.to_bytes(tensors)
    (tmp_path / "model.safetensors").write_bytes(content)
    back, config_ = files.huggingface.read_model(tmp_path)
    assert config_ == config
    same(back, params)
    (tmp_path / "model.safetensors").write_bytes(content[:-1])
    with pytest.raises(ValueError, match=r"model\.safetensors: tensor lm_head.weight lies at bytes"):
        files.huggingface.read_model(tmp_path)
    for text, message in TEXTS.items():
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=rf"config\.json: {message}"):
            files.huggingface.read_model(tmp_path)
