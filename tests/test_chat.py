"""Conversations: both forms of a row, the template token by token, what a message may hold."""

import json

import numpy as np
import pytest

from minilm import chat, data, files
from minilm import tokenizer as tokenizers

SYSTEM, USER, ASSISTANT, TOOL = (3, 4, 5, 6)  # ids of the markers


def conversation(*messages):
    return chat.Conversation(tuple(chat.Message(*message) for message in messages))


FOUR = conversation(
    ("system", "s"), ("user", "ab"), ("assistant", "c"), ("tool", "d"), ("assistant", "e", 0.5)
)


@pytest.mark.parametrize("level", tokenizers.LEVELS)
def test_markers_stand_after_the_special_tokens_and_shift_all_others(level):
    plain, marked = (tokenizers.build(level, ["a b"], markers) for markers in (False, True))
    assert marked.vocab[:7] == ("<bos>", "<eos>", "<pad>", "<system>", "<user>", "<assistant>", "<tool>")
    assert [marked.marker(role) for role in chat.SPEAKERS] == [SYSTEM, USER, ASSISTANT, TOOL]
    np.testing.assert_array_equal(marked.encode("a b"), plain.encode("a b") + 4)
    assert marked.decode(marked.encode("a b")) == "a b" and marked.has_markers
    assert not plain.has_markers and len(marked.vocab) == len(plain.vocab) + 4
    assert tokenizers.Tokenizer(level, marked.vocab) == marked  # as a checkpoint stores it


def test_markers_cannot_be_written_in_a_text():
    tokenizer = tokenizers.build("word", ["say <user> now"], markers=True)
    with pytest.raises(ValueError, match="unknown word '<user>'"):
        tokenizer.encode("say <user> now")
    ids = tokenizers.build("byte", markers=True).encode("<user>")
    assert ids.tolist() == [7 + b for b in b"<user>"]
    with pytest.raises(ValueError, match="the vocabulary has no marker <user>"):
        tokenizers.build("byte").marker("user")


def test_the_template_by_hand():
    tokenizer = tokenizers.build("char", ["abcdes"], markers=True)
    row = data.encode(FOUR, tokenizer)
    assert tokenizer.decode(row.tokens) == "<bos><system>s<user>ab<assistant>c<eos><tool>d<assistant>e<eos>"
    assert " ".join(data.ROLES[r] for r in row.roles) == (
        "bos header system header user user header response eos header tool header response eos"
    )
    assert row.turns.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4]
    assert row.weights.tolist() == [1] * 11 + [0.5] * 3
    batch = data.collate([row])
    assert batch.loss_mask.tolist() == [[0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0.5, 0.5]]
    assert batch.turns.tolist() == [row.turns[1:].tolist()]
    full = data.collate([row], 1.0).loss_mask
    assert full.tolist() == [[1] * 10 + [0.5] * 3]


def test_without_eos_no_answer_ends():
    tokenizer = tokenizers.build("char", ["abcdes"], markers=True)
    row = data.encode(FOUR, tokenizer, eos=False)
    assert tokenizer.decode(row.tokens) == "<bos><system>s<user>ab<assistant>c<tool>d<assistant>e"


def test_a_prompt_ends_where_the_answer_begins():
    tokenizer = tokenizers.build("char", ["abcdes"], markers=True)
    row = data.encode(FOUR, tokenizer)
    ids = chat.prompt_ids(chat.find_prompt(FOUR), tokenizer)
    np.testing.assert_array_equal(ids, row.tokens[:7])
    assert tokenizer.decode(ids) == "<bos><system>s<user>ab<assistant>"
    plain = tokenizers.build("char", ["ab"])
    assert chat.prompt_ids("ab", plain).tolist() == [0, 3, 4]


@pytest.mark.parametrize(("weight", "n"), [(1.0, 2), (0.0, 4)])
def test_a_greeting_or_an_answer_without_loss_ends_no_prompt(weight, n):
    turns = [
        ("assistant", "hi"),
        ("user", "a"),
        ("assistant", "b", weight),
        ("user", "c"),
        ("assistant", "d"),
    ]
    talk = conversation(*turns)
    assert chat.find_prompt(talk) == talk.messages[:n]
    assert chat.find_prompt(conversation(turns[0])) == ()
    shown = conversation(("assistant", "hi", 0.0), ("assistant", "b"))  # a greeting as prompt
    assert chat.find_prompt(shown) == shown.messages[:1]


def test_a_prompt_with_its_answer_is_a_conversation_of_two():
    tokenizer = tokenizers.build("char", ["abc"], markers=True)
    row = data.encode(chat.to_conversation(data.Example("ab", "c")), tokenizer)
    assert tokenizer.decode(row.tokens) == "<bos><user>ab<assistant>c<eos>"
    assert chat.to_conversation(FOUR) is FOUR


def test_both_forms_in_one_file(tmp_path):
    rows = [
        {"prompt": "p", "completion": "c\r\nd"},
        {"messages": [{"role": "user", "content": "é\u2028"}, {"role": "assistant", "content": "b\n"}]},
        {"messages": [{"role": r, "content": c, "weight": w, "name": "x"} for r, c, w in FOUR.messages]},
    ]
    text = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\r\n"
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode("utf-8"))
    expected = [("p", "c\r\nd"), conversation(("user", "é\u2028"), ("assistant", "b\n")), FOUR]
    assert files.rows.read(path) == expected
    assert list(files.rows.iterate(path)) == list(zip((1, 2, 3), expected, strict=True))


def test_the_iterator_yields_what_stands_before_a_bad_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n\n{"prompt"', encoding="utf-8")
    rows = files.rows.iterate(path)
    assert next(rows) == (1, ("a", "b"))
    with pytest.raises(ValueError, match=r"rows.jsonl, line 3: not JSON"):
        next(rows)


def test_the_table_shows_a_conversation_and_any_mask():
    tokenizer = tokenizers.build("char", ["abcdes"], markers=True)
    row = data.encode(FOUR, tokenizer)
    lines = data.mask_table(row, tokenizer).split("\n")
    assert lines[1].split() == ["0", "<bos>", "->", "<system>", "header", "0"]
    assert lines[7].split() == ["6", "<assistant>", "->", "c", "response", "1", "<-", "loss", "here"]
    other = data.mask_table(row, tokenizer, mask=np.eye(1, 13)).split("\n")
    assert [line.endswith("here") for line in other[1:]] == [True] + [False] * 12
