"""Fields of a row: those that change the mask or what is read are obeyed or refused; the docs say which."""

import json
import re

import pytest

from minilm import chat, files
from minilm.files import row_fields

ANSWER = {"role": "assistant", "content": "b"}
PAIR = {"prompt": "a", "completion": "b"}


def read(row):
    """One row as it is read: an Example, or the (role, content, weight)s of a Conversation."""
    example = files.rows.parse_example(json.dumps(row).encode())
    return list(example.messages) if isinstance(example, chat.Conversation) else example


def talk(*messages, **fields):
    return {"messages": [{"role": "user", "content": "a"}, *messages], **fields}


@pytest.mark.parametrize("flag", row_fields.FLAGS)
@pytest.mark.parametrize(("value", "weight"), [(False, 0), (0, 0), (True, 0.5), (1, 0.5), (None, 0.5)])
def test_a_flag_is_a_weight_of_0_or_1_on_an_answer_and_on_a_row(flag, value, weight):
    half = ANSWER | {"weight": 0.5}
    assert read(talk(half | {flag: value})) == [("user", "a", 1), ("assistant", "b", weight)]
    assert read(talk(half, **{flag: value})) == [("user", "a", weight * 2), ("assistant", "b", weight)]


def test_a_weight_of_a_row_is_a_factor_in_every_form():
    assert read(talk(ANSWER | {"weight": 0.5}, weight=0.5))[1].weight == 0.25
    assert read(PAIR | {"weight": 0.25}) == [("user", "a", 0.25), ("assistant", "b", 0.25)]
    assert read(PAIR | {"weight": 1, "train": True}) == ("a", "b")


def test_a_system_of_a_row_and_a_developer_are_the_system():
    assert read(talk(ANSWER, system="s"))[0] == ("system", "s", 1)
    assert read(PAIR | {"system": "s"}) == [("system", "s", 1), ("user", "a", 1), ("assistant", "b", 1)]
    assert read({"messages": [{"role": "developer", "content": "s"}, ANSWER]})[0] == ("system", "s", 1)


def test_of_a_prompt_and_completion_in_messages_only_the_completion_carries_loss():
    prompt = [ANSWER, {"role": "user", "content": "c"}]
    expected = [("assistant", "b", 0), ("user", "c", 1), ("assistant", "b", 1)]
    assert read({"prompt": prompt, "completion": [ANSWER]}) == expected
    assert read({"prompt": prompt, "completion": "b"}) == expected
    assert read({"prompt": "c", "completion": [ANSWER]}) == expected[1:]


def test_parts_of_text_are_one_text():
    parts = [{"type": "text", "text": "b"}, {"type": "text", "text": "c", "image": None}, {"text": ""}]
    assert read(talk(ANSWER | {"content": parts}))[1].content == "bc"


def test_null_is_absent_and_further_fields_change_nothing():
    nulls = dict.fromkeys(["weight", "name", *row_fields.FLAGS, *row_fields.REFUSED])
    more = {"id": 1, "source": "x", "category": "y", "tool_calls": [], "history": [], "text": ""}
    plain = read(talk(ANSWER))
    assert read(nulls | {"prompt": None, "system": None} | talk(nulls | more | ANSWER, **more)) == plain
    assert read(nulls | more | PAIR | {"messages": None, "system": ""}) == ("a", "b")


@pytest.mark.parametrize("name", row_fields.REFUSED)
def test_a_refused_field_is_named_wherever_it_stands(name):
    for row in (PAIR | {name: 0}, talk(ANSWER, **{name: "x"}), talk(ANSWER | {name: ["x"]})):
        with pytest.raises(ValueError, match=f"the field '{name}' holds .*: "):
            read(row)


def test_the_table_in_the_docs_is_the_one_in_the_code():
    text = files.rows.__doc__
    table = text[text.index("    system ") : text.index("    any other")]
    told = {"read": [], "refused": []}
    for names, what in re.findall(r"([a-z_,\s]+?)\s+(read|refused): .*\n", table):
        told[what] += names.replace(",", " ").split()
    assert told["read"] == ["system", "weight", *row_fields.FLAGS]
    assert sorted(told["refused"]) == sorted(row_fields.REFUSED)
