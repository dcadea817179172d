"""Every mask against one row written by hand: two turns, a system and a tool message, a pad."""

import re

import numpy as np
import pytest

from minilm import batches, chat, data, files, masks, model, recording, train
from minilm import tokenizer as tokenizers

TOKENIZER = tokenizers.build("char", ["abcdestu"], markers=True)
LONG = chat.Conversation(
    tuple(
        chat.Message(*m)
        for m in (("system", "s"), ("user", "u"), ("assistant", "ab"), ("tool", "t"), ("assistant", "c"))
    )
)
SHORT = chat.Conversation((chat.Message("user", "d"), chat.Message("assistant", "e", 0.25)))
BATCH = data.collate([data.encode(LONG, TOKENIZER), data.encode(SHORT, TOKENIZER)])
ROLES, TURNS = BATCH.roles, BATCH.turns
# targets      <system> s <user> u <assist> a b <eos> <tool> t <assist> c <eos>
# targets      <user> d <assistant> e <eos>, then eight pads
ONE = np.ones_like(BATCH.loss_mask)
ROWS = {
    "response": (masks.response(ROLES), "0000011100011", "00011"),
    "last turn": (masks.response(ROLES) * masks.last_turn(ROLES, TURNS), "0000000000011", "00011"),
    "no eos": (masks.response(ROLES) * masks.without_eos(ROLES), "0000011000010", "00010"),
    "last eos": (masks.response(ROLES) * masks.eos_of_last_turn(ROLES, TURNS), "0000011000011", "00011"),
    "with headers": (masks.response(ROLES) + masks.headers(ROLES, TURNS), "0000111100111", "00111"),
    "full": (masks.prompt_weighted(ROLES, 1.0), "1111111111111", "11111"),
    "full, no headers": (
        masks.prompt_weighted(ROLES, 1.0) * masks.without_headers(ROLES),
        "0101011101011",
        "01011",
    ),
    "user and model": (
        masks.prompt_weighted(ROLES, 1.0)
        * masks.without_system_and_tool(ROLES)
        * masks.without_headers(ROLES),
        "0001011100011",
        "01011",
    ),
}


def digits(text):
    return [float(digit) for digit in text.ljust(13, "0")]


@pytest.mark.parametrize("name", ROWS)
def test_mask_by_hand(name):
    mask, first, second = ROWS[name]
    assert mask.shape == ROLES.shape and mask.dtype == float
    assert mask.tolist() == [digits(first), digits(second)]


def test_prompt_weight_reaches_all_but_the_answers():
    expected = np.where(np.array([digits(r) for r in ("0000011100011", "00011")]), 1.0, 0.1)
    expected[1, 5:] = 0  # pads
    np.testing.assert_array_equal(masks.prompt_weighted(ROLES, 0.1), expected)


def test_weights_of_messages():
    expected = [digits("0000011100011"), [0, 0, 0, 0.25, 0.25, *[0] * 8]]
    assert BATCH.loss_mask.tolist() == expected
    assert (masks.response(ROLES) * BATCH.weights).tolist() == expected
    chosen = masks.response(ROLES) * masks.per_message(TURNS, [[1, 1, 0.5], [1, 0]])
    assert chosen.tolist() == [[0, 0, 0, 0, 0, 0.5, 0.5, 0.5, 0, 0, 0, 1, 1], [0] * 13]


def test_the_last_turn_of_a_truncated_row_is_the_last_that_is_left():
    row = data.encode(LONG, TOKENIZER).take(slice(12))  # ends with the second <assistant>
    batch = data.collate([row])
    last = masks.response(batch.roles) * masks.last_turn(batch.roles, batch.turns)
    assert last.tolist() == [[0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0]]


def test_every_document_of_a_packed_row_has_its_own_last_turn():
    batch = data.collate([batches.join_rows([data.encode(LONG, TOKENIZER), data.encode(SHORT, TOKENIZER)])])
    last = masks.response(batch.roles) * masks.last_turn(batch.roles, batch.turns, batch.documents)
    assert last.tolist() == [[*digits("0000000000011"), 0, 0, 0, 0, 1, 1]]
    assert masks.response(batch.roles).tolist() == [[*digits("0000011100011"), 0, 0, 0, 0, 1, 1]]


def test_prompt_and_response_without_markers_are_one_turn():
    batch = data.collate([data.encode(data.Example("ab", "c"), TOKENIZER)])
    factor = masks.last_turn(batch.roles, batch.turns)
    assert (masks.response(batch.roles) * factor).tolist() == batch.loss_mask.tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize("policy", masks.POLICIES)
def test_training_uses_the_mask_that_the_preview_shows(policy, tmp_path):
    lines = (
        '{"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}, '
        '{"role": "assistant", "content": "cd"}, {"role": "user", "content": "b"}, '
        '{"role": "assistant", "content": "d", "weight": 0.5}]}\n'
    )
    (tmp_path / "rows.jsonl").write_text(lines, encoding="utf-8")
    shown = files.preview.read(tmp_path / "rows.jsonl", "char", policy).shown[0].entries
    example = files.rows.read(tmp_path / "rows.jsonl")[0]
    tokenizer = chat.fit_tokenizer([example], "char")
    rows = [data.encode(chat.fit_example(example, tokenizer), tokenizer)]
    config = model.Config(len(tokenizer.vocab), 20, 1, 2, 4)
    params = model.init(config, np.random.default_rng(0))
    settings = train.Settings(steps=1, warmup=0, batch_size=1, policy=policy)
    with recording("losses.weighted_mean_forward") as means:
        train.train(params, config, rows, rows, settings)
    (_, (weights, _)), *_ = means
    used = "".join(f"{weight:g} " for weight in weights[0])
    n = [len(re.findall("<[a-z]+>|.", text)) for _, _, text in shown]  # tokens of each run
    told = "".join(f"{weight:g} " * k for (_, weight, _), k in zip(shown, n, strict=True))
    assert "0 " + used == told


@pytest.mark.parametrize("policy", masks.POLICIES)
def test_policies_of_packed_rows_are_those_of_the_rows_alone(policy):
    rows = [data.encode(talk, TOKENIZER) for talk in (LONG, SHORT)]
    alone = [masks.POLICIES[policy](data.collate([row]))[0].tolist() for row in rows]
    packed = masks.POLICIES[policy](data.collate([batches.join_rows(rows)]))[0].tolist()
    assert packed == [*alone[0], 0, *alone[1]]  # 0: the boundary
