"""Tokens, roles, the one slice, the table, JSONL: against rows written by hand."""

import json

import numpy as np
import pytest

from minilm import data, files
from minilm import tokenizer as tokenizers

TOKENIZER = tokenizers.build("word", ["User: What is 2+2? Assistant: 4"])
SEED = data.Example("User: What is 2+2? Assistant:", "4")


def test_roles_and_slice_of_the_seed_example():
    row = data.encode(SEED, TOKENIZER)
    assert TOKENIZER.decode(row.tokens) == "<bos> User: What is 2+2? Assistant: 4 <eos>"
    assert [data.ROLES[r] for r in row.roles] == ["bos", *["prompt"] * 5, "response", "eos"]
    batch = data.collate([row])
    assert batch.ids.tolist() == [row.tokens[:-1].tolist()]
    assert batch.targets.tolist() == [row.tokens[1:].tolist()]
    assert batch.loss_mask.tolist() == [[0, 0, 0, 0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("bos", "eos", "mask"),
    [(False, False, [0, 0, 0, 0, 1]), (True, False, [0, 0, 0, 0, 0, 1]), (False, True, [0, 0, 0, 0, 1, 1])],
)
def test_the_question_of_the_course(bos, eos, mask):
    # ['User:', 'What', 'is', '2+2?', 'Assistant:', '4']: only '4' (and <eos>) carries loss.
    row = data.encode(SEED, TOKENIZER, bos=bos, eos=eos)
    assert data.collate([row]).loss_mask.tolist() == [mask]


def test_batch_of_uneven_rows_by_hand():
    tokenizer = tokenizers.build("char", ["abcd"])
    a, b, c, d = tokenizer.encode("abcd")
    rows = [data.encode(data.Example("ab", "cd"), tokenizer), data.encode(data.Example("a", "b"), tokenizer)]
    batch = data.collate(rows, prompt_weight=0.1)
    assert batch.ids.tolist() == [[0, a, b, c, d], [0, a, b, 1, 2]]
    assert batch.targets.tolist() == [[a, b, c, d, 1], [a, b, 1, 2, 2]]
    assert batch.loss_mask.tolist() == [[0.1, 0.1, 1, 1, 1], [0.1, 1, 1, 0, 0]]
    full = data.loss_mask(batch.roles, 1.0)
    assert full.sum() == 8  # every target but the two pads
    np.testing.assert_array_equal(data.prompt_mask(batch.roles) + data.response_mask(batch.roles), full)


def test_targets_are_counted_by_their_part():
    tokenizer = tokenizers.build("char", ["abcd"])
    rows = [
        data.encode(data.Example("abc", "d"), tokenizer),
        data.encode(data.Example("ab", "cd"), tokenizer),
    ]
    assert data.count_targets(rows) == (5, 5)  # a b c | d <eos> and a b | c d <eos>
    assert data.count_targets(rows[:1]) == (3, 2)


def test_mask_table_answers_at_a_glance():
    table = data.mask_table(data.encode(SEED, TOKENIZER, eos=False), TOKENIZER).split("\n")
    assert len(table) == 7
    assert [line.endswith("<- loss here") for line in table[1:]] == [False] * 5 + [True]
    assert table[-1].split() == ["5", "Assistant:", "->", "4", "response", "1", "<-", "loss", "here"]


def test_table_shows_invisible_tokens():
    tokenizer = tokenizers.build("byte")
    table = data.mask_table(data.encode(data.Example("a b\n", "é"), tokenizer), tokenizer)
    assert "' '" in table and r"'\n'" in table and "<c3>" in table


def test_truncation_keeps_the_first_tokens_or_says_which_row_it_empties():
    tokenizer = tokenizers.build("char", ["abcd"])
    examples = [data.Example("a", "bcd"), data.Example("abc", "d")]
    rows = data.encode_all(examples[:1], tokenizer, max_tokens=4)
    assert tokenizer.decode(rows[0].tokens) == "<bos>abc"
    with pytest.raises(ValueError, match=r"row 1: cut to 4 tokens it keeps no response token.* take 4"):
        data.encode_all(examples, tokenizer, max_tokens=4)


def test_jsonl_with_mark_crlf_blank_lines_and_further_fields(tmp_path):
    lines = [
        {"prompt": "é\u2028", "completion": "line\nbreak", "id": 7},
        {"prompt": " p ", "completion": " c "},
    ]
    path = tmp_path / "rows.jsonl"
    text = "\r\n\r\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode("utf-8"))
    assert files.rows.read(path) == [("é\u2028", "line\nbreak"), (" p ", " c ")]


def test_split_by_prompt_is_fixed_and_ignores_case_and_ends():
    prompts = [f"question {i}" for i in range(2000)]
    hashes = [data.prompt_hash(p) for p in prompts]
    assert hashes == [data.prompt_hash(f"  {p.upper()}\n") for p in prompts]
    np.testing.assert_allclose(np.quantile(hashes, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.03)
    assert [i for i in range(20) if hashes[i] < 0.25] == [1, 8, 11, 13, 18, 19]  # on every machine
