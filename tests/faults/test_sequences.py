"""Faults of tokens and targets, and of what an answer can read: which tokens stand where."""

import numpy as np
import pytest
from planted import CONFIG, EXAMPLES, PARAMS, TOKENIZER, run

from minilm import chat, data, faults, model, tokenizer

CHAT_TOKENIZER = tokenizer.build("char", ["abcdefgh"], markers=True)


def test_targets_are_copies_or_skip_a_token():
    right = run()[0]
    assert (run("not_shifted")[0].targets == right.ids).all()
    assert (run("shifted_twice")[0].targets[:, :-1] == right.targets[:, 1:]).all()
    assert (run("double_bos")[0].ids[:, :2] == tokenizer.BOS_ID).all()


def write(row, words):
    """The tokens of a row in one line."""
    return " ".join(words.show(token) for token in row.tokens)


@pytest.mark.parametrize(
    "added, shown",
    [
        ({}, "<bos> a b c <eos> <bos> d e <eos>"),
        ({"eos": False}, "<bos> a b c <bos> d e"),
        ({"bos": False}, "a b c <eos> d e <eos>"),
        ({"bos": False, "eos": False}, "a b c d e"),
    ],
)
def test_a_second_pair_stands_between_prompt_and_answer_and_carries_no_loss(added, shown):
    right = data.encode(EXAMPLES[0], TOKENIZER, **added)
    with faults.plant("bos_eos_inside"):
        row = data.encode(EXAMPLES[0], TOKENIZER, **added)
    assert write(row, TOKENIZER) == shown
    n_more, n_answer = len(row.tokens) - len(right.tokens), 2 + added.get("eos", True)
    np.testing.assert_array_equal(row.roles[-n_answer:], right.roles[-n_answer:])
    assert data.weigh_tokens(row).tolist() == [*[0.0] * n_more, *data.weigh_tokens(right)]


def test_a_pair_stands_before_every_answer_of_a_conversation():
    messages = ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "de")
    talk = chat.Conversation(tuple(chat.Message(*message) for message in messages))
    with faults.plant("bos_eos_inside"):
        row = data.encode(talk, CHAT_TOKENIZER)
    assert write(row, CHAT_TOKENIZER) == (
        "<bos> <user> a <assistant> <eos> <bos> b <eos> <user> c <assistant> <eos> <bos> d e <eos>"
    )
    assert np.flatnonzero(data.weigh_tokens(row)).tolist() == [6, 7, 13, 14, 15]
    assert row.turns.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3]


def test_a_hidden_prompt_does_not_reach_the_answer():
    # The row that reads the prompt's last token still sees that one, so the edit keeps it.
    edited = [data.Example(p[:-1][::-1] + p[-1], r) for p, r in EXAMPLES]
    parts = [data.collate([data.encode(e, TOKENIZER) for e in part]) for part in (EXAMPLES, edited)]

    def losses_now():
        return [model.loss_and_grads(PARAMS, b.ids, b.targets, b.loss_mask, CONFIG)[0] for b in parts]

    a, b = losses_now()
    assert abs(a - b) > 1e-3
    with faults.plant("attention_mask_confused"):
        a, b = losses_now()
    assert a == b
