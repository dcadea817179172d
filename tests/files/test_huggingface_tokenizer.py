"""The exported folder as the files in it say; tests/peers/test_transformers.py opens it."""

import json

import numpy as np
import pytest

from minilm import files, model, tokenizer, tree
from minilm.__main__ import main

FILES = [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
]


@pytest.fixture(params=["word", "char", "byte"])
def run(request, tmp_path):
    """A folder as train leaves it, and what is in it."""
    words = tokenizer.build(request.param, ["é b", "c\n"])
    config = model.Config(len(words.vocab), 5, 1, 2, 4)
    params = model.init(config, np.random.default_rng(0))
    files.checkpoint.save(tmp_path / "run" / "model.npz", params, config, words)
    return tmp_path, params, config, words


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_export_writes_what_transformers_opens(run, capsys):
    home, params, _, words = run
    assert main(["export", str(home / "run"), str(home / "hf")]) == 0
    assert "hf holds the model: AutoModelForCausalLM.from_pretrained(" in capsys.readouterr().out
    assert sorted(p.name for p in home.iterdir()) == ["hf", "run"]
    hf = home / "hf"
    assert sorted(p.name for p in hf.iterdir()) == FILES
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    written = read(hf / "config.json")
    assert ids.items() <= written.items() and read(hf / "generation_config.json") == ids
    assert (written["model_type"], written["architectures"]) == ("gpt2", ["GPT2LMHeadModel"])
    assert (written["vocab_size"], written["n_positions"]) == (len(words.vocab), 5)
    assert {written[f"{name}_pdrop"] for name in ("embd", "attn", "resid")} == {0.0}
    said = read(hf / "tokenizer_config.json")
    assert [said[f"{name}_token"] for name in ("bos", "eos", "pad")] == ["<bos>", "<eos>", "<pad>"]
    assert said["model_max_length"] == 5 and not said["clean_up_tokenization_spaces"]
    tensors = files.safetensors.from_bytes((hf / "model.safetensors").read_bytes())
    np.testing.assert_array_equal(tensors["transformer.wte.weight"], params["wte"]["weight"])


def test_the_tokenizer_s_definition(run):
    *_, words = run
    content = files.huggingface_tokenizer.to_tokenizer_json(words)
    added = [(token["id"], token["content"], token["special"]) for token in content["added_tokens"]]
    assert added == [(0, "<bos>", True), (1, "<eos>", True), (2, "<pad>", True)]
    vocab = content["model"]["vocab"]
    assert sorted(vocab.values()) == list(range(len(words.vocab)))
    assert content["post_processor"]["special_tokens"] == {} and content["normalizer"] is None
    if words.level == "byte":  # GPT-2's well-known stand-ins: Ġ for a space, Ċ for a newline
        stand_ins = {"A": 65, "!": 33, "Ġ": 32, "Ċ": 10, "Ā": 0, "ÿ": 255, "Ń": 173, "¡": 161}
        assert {piece: vocab[piece] - 3 for piece in stand_ins} == stand_ins
        assert content["model"]["merges"] == []
    else:
        assert [vocab[piece] for piece in words.vocab] == list(range(len(words.vocab)))
        assert content["model"]["unk_token"] not in vocab  # unknown text is an error


@pytest.mark.parametrize("level", ["word", "char", "byte"])
def test_any_number_of_special_tokens_may_lead(level):
    plain = tokenizer.build(level, ["a <b> z"])  # at word level "<b>" is a word like any other
    more = tokenizer.Tokenizer(level, (*plain.vocab[:3], *tokenizer.MARKERS, *plain.vocab[3:]))
    assert [
        token["content"] for token in files.huggingface_tokenizer.to_tokenizer_json(plain)["added_tokens"]
    ] == [*plain.vocab[:3]]
    content = files.huggingface_tokenizer.to_tokenizer_json(more)
    assert [token["content"] for token in content["added_tokens"]] == [*more.vocab[:7]]
    assert content["model"]["vocab"]["a"] == more.vocab.index(97 if level == "byte" else "a")
    assert files.huggingface_tokenizer.from_tokenizer_json(json.loads(json.dumps(content))) == more
    assert files.huggingface_tokenizer.to_tokenizer_config(more, 5)["additional_special_tokens"] == [
        *tokenizer.MARKERS
    ]


def test_import_brings_the_checkpoint_back(run, capsys):
    home, params, config, words = run
    assert main(["export", str(home / "run"), str(home / "hf")]) == 0
    assert main(["import", str(home / "hf"), str(home / "back")]) == 0
    assert f"1 layers, {words.level} level" in capsys.readouterr().out
    params_, *others = files.checkpoint.load(home / "back" / "model.npz")
    assert others == [config, words]
    np.testing.assert_array_equal(tree.flatten(params_), tree.flatten(params))
    assert main(["import", str(home / "hf"), str(home / "back")]) == 2
    assert "model.npz exists: name another folder" in capsys.readouterr().err


def test_export_refuses_to_overwrite(run, capsys):
    home = run[0]
    for name in ("full", "empty"):
        (home / name).mkdir()
    (home / "full" / "notes.txt").write_text("mine", encoding="utf-8")
    (home / "file").write_text("mine", encoding="utf-8")
    for name in ("full", "file"):
        assert main(["export", str(home / "run"), str(home / name)]) == 2
        assert f"{name} exists and is not an empty folder" in capsys.readouterr().err
    assert [p.name for p in (home / "full").iterdir()] == ["notes.txt"]
    assert main(["export", str(home / "run"), str(home / "empty")]) == 0
    assert len(list((home / "empty").iterdir())) == len(FILES)
    assert main(["export", str(home / "empty"), str(home / "new")]) == 2
    assert "give the folder that `train --out` wrote" in capsys.readouterr().err
    assert not (home / "new").exists()


def test_a_failed_export_leaves_nothing(run, monkeypatch):
    home, params, config, _ = run

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.safetensors, "to_bytes", full_disk)
    assert main(["export", str(home / "run"), str(home / "hf")]) == 2
    assert [p.name for p in home.iterdir()] == ["run"]
    with pytest.raises(ValueError, match="the tokenizer has 3 pieces and the model"):
        files.huggingface.write_folder(
            home / "hf", params, config, tokenizer.Tokenizer("word", tokenizer.SPECIALS)
        )


def lowercase(content):
    content["normalizer"] = {"type": "Lowercase"}


def adds_bos(content):
    content["post_processor"]["single"].insert(0, {"SpecialToken": {"id": "<bos>", "type_id": 0}})


def holes(content):
    content["model"]["vocab"]["<pad>"] = 1000


@pytest.mark.parametrize(
    "change", [lowercase, adds_bos, holes, lambda c: c.pop("model"), lambda c: c["model"].clear()]
)
def test_a_tokenizer_that_would_give_other_ids_is_refused(run, change, capsys):
    home = run[0]
    assert main(["export", str(home / "run"), str(home / "hf")]) == 0
    path = home / "hf" / "tokenizer.json"
    content = read(path)
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    assert main(["import", str(home / "hf"), str(home / "back")]) == 2
    assert "tokenizer.json is not a tokenizer that minilm can use" in capsys.readouterr().err
    path.unlink()
    assert main(["import", str(home / "hf"), str(home / "back")]) == 2
    assert "files.huggingface.read_model reads a model without" in capsys.readouterr().err
    assert not (home / "back").exists()
