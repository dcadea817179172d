"""`export` writes a folder, `import` reads it back; tests/peers/test_transformers.py opens it."""

import json

import numpy as np
import pytest

from minilm import files, model, tree
from minilm import tokenizer as tokenizers
from minilm.__main__ import main

FILES = [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
]


@pytest.fixture(params=tokenizers.LEVELS)
def run(request, tmp_path):
    """The parent of a folder as train leaves it, and what is in it."""
    tokenizer = tokenizers.build(request.param, ["é b", "c\n"])
    config = model.Config(len(tokenizer.vocab), 5, 1, 2, 4)
    params = model.init(config, np.random.default_rng(0))
    files.checkpoint.save(tmp_path / "run" / "model.npz", params, config, tokenizer)
    return tmp_path, params, config, tokenizer


def call(command, home, source, target):
    return main([command, str(home / source), str(home / target)])


def test_export_writes_what_transformers_opens(run, capsys):
    home, params, _, tokenizer = run
    assert call("export", home, "run", "hf") == 0
    assert "hf holds the model: AutoModelForCausalLM.from_pretrained(" in capsys.readouterr().out
    assert sorted(p.name for p in home.iterdir()) == ["hf", "run"]
    assert sorted(p.name for p in (home / "hf").iterdir()) == FILES
    contents = {name: json.loads((home / "hf" / name).read_text("utf-8")) for name in FILES if "json" in name}
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    config = contents["config.json"]
    assert ids.items() <= config.items() and contents["generation_config.json"] == ids
    assert (config["model_type"], config["architectures"]) == ("gpt2", ["GPT2LMHeadModel"])
    assert (config["vocab_size"], config["n_positions"]) == (len(tokenizer.vocab), 5)
    assert {config[f"{name}_pdrop"] for name in ("embd", "attn", "resid")} == {0.0}
    assert contents["tokenizer.json"] == files.huggingface_tokenizer.to_tokenizer_json(tokenizer)
    assert contents["tokenizer_config.json"]["model_max_length"] == 5
    tensors = files.safetensors.from_bytes((home / "hf" / "model.safetensors").read_bytes())
    np.testing.assert_array_equal(tensors["transformer.wte.weight"], params["wte"]["weight"])


def test_import_brings_the_checkpoint_back(run, capsys):
    home, params, config, tokenizer = run
    assert call("export", home, "run", "hf") == 0
    assert call("import", home, "hf", "back") == 0
    assert f"1 layers, {tokenizer.level} level" in capsys.readouterr().out
    params_back, *others = files.checkpoint.load(home / "back" / "model.npz")
    assert others == [config, tokenizer]
    np.testing.assert_array_equal(tree.flatten(params_back), tree.flatten(params))
    assert call("import", home, "hf", "back") == 2
    assert "model.npz exists: name another folder" in capsys.readouterr().err


def test_import_refuses_another_tokenizer(run, capsys):
    home = run[0]
    assert call("export", home, "run", "hf") == 0
    path = home / "hf" / "tokenizer.json"
    path.write_text("{}", encoding="utf-8")
    assert call("import", home, "hf", "back") == 2
    assert "tokenizer.json is not a tokenizer that minilm can use" in capsys.readouterr().err
    path.write_text('{"model": {}, "model": {}}', encoding="utf-8")
    assert call("import", home, "hf", "back") == 2
    assert "tokenizer.json is not a tokenizer that minilm can use (the key 'model'" in capsys.readouterr().err
    path.unlink()
    assert call("import", home, "hf", "back") == 2
    assert "files.huggingface.read_model reads a model without" in capsys.readouterr().err
    assert not (home / "back").exists()


def test_export_refuses_to_overwrite(run, capsys):
    home = run[0]
    for name in ("full", "empty"):
        (home / name).mkdir()
    (home / "full" / "notes.txt").write_text("mine", encoding="utf-8")
    (home / "file").write_text("mine", encoding="utf-8")
    for name in ("full", "file"):
        assert call("export", home, "run", name) == 2
        assert f"{name} exists and is not an empty folder" in capsys.readouterr().err
    assert [p.name for p in (home / "full").iterdir()] == ["notes.txt"]
    assert call("export", home, "run", "empty") == 0
    assert len(list((home / "empty").iterdir())) == len(FILES)
    assert call("export", home, "empty", "new") == 2
    assert "give the folder that `train --out` wrote" in capsys.readouterr().err
    assert not (home / "new").exists()


def test_a_failed_export_leaves_nothing(run, monkeypatch):
    home, params, config, _ = run

    def fill_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.safetensors, "to_bytes", fill_disk)
    assert call("export", home, "run", "hf") == 2
    assert [p.name for p in home.iterdir()] == ["run"]
    other = tokenizers.Tokenizer("word", tokenizers.SPECIALS)
    with pytest.raises(ValueError, match="the tokenizer has 3 pieces and the model"):
        files.huggingface.write_folder(home / "hf", params, config, other)
