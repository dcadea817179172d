"""The definition of a tokenizer for the `tokenizers` library; tests/peers/test_transformers.py opens it."""

import json

import pytest

from minilm import tokenizer as tokenizers
from minilm.files import huggingface_tokenizer

TEXTS = ["é b", "c\n"]


@pytest.mark.parametrize("level", tokenizers.LEVELS)
def test_the_definition_has_the_ids_of_the_tokenizer(level):
    tokenizer = tokenizers.build(level, TEXTS)
    content = huggingface_tokenizer.to_tokenizer_json(tokenizer)
    added = [(token["id"], token["content"], token["special"]) for token in content["added_tokens"]]
    assert added == [(0, "<bos>", True), (1, "<eos>", True), (2, "<pad>", True)]
    vocab = content["model"]["vocab"]
    assert sorted(vocab.values()) == list(range(len(tokenizer.vocab)))
    assert content["post_processor"]["special_tokens"] == {} and content["normalizer"] is None
    if level == "byte":  # GPT-2's well-known stand-ins: Ġ for a space, Ċ for a newline
        stand_ins = {"A": 65, "!": 33, "Ġ": 32, "Ċ": 10, "Ā": 0, "ÿ": 255, "Ń": 173, "¡": 161}
        assert {piece: vocab[piece] - 3 for piece in stand_ins} == stand_ins
        assert content["model"]["merges"] == []
    else:
        assert [vocab[piece] for piece in tokenizer.vocab] == list(range(len(tokenizer.vocab)))
        assert content["model"]["unk_token"] not in vocab  # unknown text is an error


@pytest.mark.parametrize("markers", [False, True])
@pytest.mark.parametrize("level", tokenizers.LEVELS)
def test_special_tokens_and_role_markers_come_back(level, markers):
    tokenizer = tokenizers.build(level, ["a <b> z"], markers)  # at word level "<b>" is a word like any other
    content = huggingface_tokenizer.to_tokenizer_json(tokenizer)
    specials = list(tokenizers.SPECIALS + tokenizers.MARKERS if markers else tokenizers.SPECIALS)
    assert [token["content"] for token in content["added_tokens"]] == specials
    assert content["model"]["vocab"]["a"] == tokenizer.vocab.index(97 if level == "byte" else "a")
    assert huggingface_tokenizer.from_tokenizer_json(json.loads(json.dumps(content))) == tokenizer
    config = huggingface_tokenizer.to_tokenizer_config(tokenizer, 5)
    assert [config[f"{name}_token"] for name in ("bos", "eos", "pad")] == specials[:3]
    assert config["additional_special_tokens"] == specials[3:]
    assert config["model_max_length"] == 5 and not config["clean_up_tokenization_spaces"]


def lowercase(content):
    content["normalizer"] = {"type": "Lowercase"}


def add_bos(content):
    content["post_processor"]["single"].insert(0, {"SpecialToken": {"id": "<bos>", "type_id": 0}})


def leave_holes(content):
    content["model"]["vocab"]["<pad>"] = 1000


@pytest.mark.parametrize("level", tokenizers.LEVELS)
@pytest.mark.parametrize(
    "change", [lowercase, add_bos, leave_holes, lambda c: c.pop("model"), lambda c: c["model"].clear()]
)
def test_a_definition_that_would_give_other_ids_is_refused(level, change):
    content = huggingface_tokenizer.to_tokenizer_json(tokenizers.build(level, TEXTS))
    content = json.loads(json.dumps(content))
    change(content)
    with pytest.raises(ValueError) as caught:
        huggingface_tokenizer.from_tokenizer_json(content)
    assert "\n" not in str(caught.value)
