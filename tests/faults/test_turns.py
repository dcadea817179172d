"""Faults that conversations show: which targets are lit, alone and packed, and that nothing else changes."""

import numpy as np
import pytest
from planted import list_shown_by

from minilm import batches, chat, data, faults, tokenizer

TOKENIZER = tokenizer.build("char", ["abcdefgh"], markers=True)
TALK = chat.Conversation(
    tuple(
        chat.Message(*message)
        for message in [
            ("user", "ab"),
            ("assistant", "c"),  # a call
            ("tool", "d"),
            ("assistant", "ef"),
            ("user", "b"),
            ("assistant", "cde"),
        ]
    )
)
LETTERS = "uabAc.TdAef.ubAcde."  # the targets: u, A, T are <user>, <assistant>, <tool>, a dot is <eos>
HEALTHY = "0000110001110001111"
LIT = {
    "last_turn_only": "0000000000000001111",
    "tool_output_trained": "0000110101110001111",
    "stop_in_next_message": "000010000110000111",
    "generation_prompt_trained": "0001110011110011111",
    "earlier_stops_masked": "0000100001100001111",
    "tool_call_stops_masked": "0000100001110001111",
    "span_runs_on": "0000111111111001111",
}


def encode(*messages, eos=True):
    """The row of a conversation."""
    return data.encode(chat.Conversation(tuple(chat.Message(*m) for m in messages)), TOKENIZER, eos=eos)


def show(batch):
    """The loss weights of a batch's first row, one digit each."""
    return "".join(f"{weight:.0f}" for weight in batch.loss_mask[0])


def test_targets_stand_as_written_here():
    targets = data.collate([data.encode(TALK, TOKENIZER)]).targets[0]
    short = {"<user>": "u", "<assistant>": "A", "<tool>": "T", "<eos>": "."}
    assert "".join(short.get(TOKENIZER.show(i), TOKENIZER.show(i)) for i in targets) == LETTERS


def test_every_fault_of_turns_is_here():
    assert set(LIT) == list_shown_by("turns")


@pytest.mark.parametrize("name", LIT)
def test_conversations_are_lit_as_known_also_in_a_packed_row(name):
    with faults.plant(name):
        row = data.encode(TALK, TOKENIZER)
        assert show(data.collate([row])) == LIT[name]
        assert show(data.collate(batches.pack_rows([row, row], 64))) == f"{LIT[name]}0{LIT[name]}"
    assert show(data.collate([data.encode(TALK, TOKENIZER)])) == HEALTHY


@pytest.mark.parametrize("name", sorted({*LIT} - {"stop_in_next_message"}))
def test_only_the_mask_differs(name):
    rows = [data.encode(TALK, TOKENIZER), encode(("user", "ab"), ("assistant", "c"))]
    right = data.collate(rows)
    with faults.plant(name):
        batch = data.collate(rows)
    for part, expected in zip(batch._replace(loss_mask=None), right._replace(loss_mask=None), strict=True):
        np.testing.assert_array_equal(part, expected)
    assert not batch.loss_mask[1, 6:].any()  # pads


@pytest.mark.parametrize("name", ["earlier_stops_masked", "tool_call_stops_masked"])
def test_a_single_answer_keeps_its_stop(name):
    row = encode(("user", "a"), ("tool", "b"), ("assistant", "c"))
    with faults.plant(name):
        assert show(data.collate([row])) == "0000011"


def test_only_a_stop_before_a_tool_is_masked():
    row = encode(("user", "a"), ("tool", "b"), ("assistant", "c"), ("tool", "d"))
    with faults.plant("tool_call_stops_masked"):
        assert show(data.collate([row], prompt_weight=1.0)) == "111111011"  # u a T b A c . T d


def test_a_span_runs_on_after_answers_only():
    row = encode(("user", "a"), ("tool", "b"), ("assistant", "c"), ("system", "d"), ("assistant", "e"))
    with faults.plant("span_runs_on"):
        assert show(data.collate([row])) == "000001110011"  # u a T b A c . S d A e .


def test_the_start_of_every_answer_is_dark():
    with faults.plant("answer_start_masked"):
        assert show(data.collate([data.encode(TALK, TOKENIZER)])) == "0000010000010000011"
        row = encode(("user", "a"), ("assistant", "bcd"), ("assistant", "efg"), eos=False)
        assert show(data.collate([row])) == "0000010001"  # u a A b c d A e f g


@pytest.mark.parametrize("name", ["generation_prompt_trained", "span_runs_on"])
def test_messages_of_weight_0_stay_dark(name):
    row = encode(("user", "a"), ("assistant", "b", 0.0), ("user", "c", 0.0), ("assistant", "d"))
    with faults.plant(name):
        lit = show(data.collate([row]))
    assert lit == {"generation_prompt_trained": "0000000111", "span_runs_on": "0000000011"}[name]
