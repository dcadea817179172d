"""One way from a file to tokens: both forms are cut alike, and the report names the lines."""

import json
import re

import pytest

from minilm import chat, data, files, tokenizer
from minilm.__main__ import main

PAIR = {"prompt": "ab", "completion": "c"}


def talk(question, answer, weight=1.0):
    answered = {"role": "assistant", "content": answer, "weight": weight}
    return {"messages": [{"role": "user", "content": question}, answered]}


@pytest.fixture
def write(tmp_path):
    """Write rows to a file, one on every second line: 1, 3, 5, ... Returns its path."""
    path = tmp_path / "rows.jsonl"

    def write_rows(*rows):
        path.write_text("\n\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        return path

    return write_rows


def texts(tokenizer, rows):
    return [tokenizer.decode(row.tokens) for row in rows]


def test_prompts_with_completions_by_hand(write):
    built, rows, report = files.rows.load(write(PAIR, {"prompt": "b", "completion": "aa"}))
    assert texts(built, rows) == ["<bos>ab\nc<eos>", "<bos>b\naa<eos>"]
    assert report == (2, 256, [], [], [("ab\n", "c"), ("b\n", "aa")])
    assert files.rows.describe(report) == ""


def test_one_conversation_makes_conversations_of_all_rows(write):
    built, rows, report = files.rows.load(write(PAIR, talk("a", "b")), "byte")
    assert texts(built, rows) == ["<bos><user>ab<assistant>c<eos>", "<bos><user>a<assistant>b<eos>"]
    assert all(isinstance(example, chat.Conversation) for example in report.examples)


@pytest.mark.parametrize("make", [lambda x, y: {"prompt": x, "completion": y}, talk])
def test_both_forms_are_cut_alike_and_the_report_names_the_lines(write, make):
    path = write(make("a", "b"), make("a", "b" * 300), make("a" * 300, "b"), make("ab", "a"))
    _, rows, report = files.rows.load(path)
    assert [len(row.tokens) == 256 for row in rows] == [False, True, False]
    assert (report.rows, report.limit, report.cut, report.left_out) == (4, 256, [3, 5], [5])
    assert len(report.examples) == 3
    assert files.rows.describe(report) == (
        "Cut to 256 tokens: 2 rows, on lines 3, 5. Left out, because no token carries loss: 1 row, on line 5."
    )
    _, rows, report = files.rows.load(path, max_tokens=1000)
    assert len(rows) == 4 and not report.cut and max(len(row.tokens) for row in rows) > 300


def test_the_cut_row_is_the_beginning_of_the_whole_one(write):
    built, (row,), _ = files.rows.load(write(PAIR), max_tokens=5)
    assert built.decode(row.tokens) == "<bos>ab\nc"
    assert data.collate([row]).loss_mask.tolist() == [[0, 0, 0, 1]]


def test_answers_of_weight_0_are_left_out(write):
    _, rows, report = files.rows.load(write(talk("a", "b"), talk("c", "d", 0)))
    assert len(rows) == 1 and report.cut == [] and report.left_out == [3]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (talk("a", "b", 0), "on line 1, its answers all have weight 0, .* drop the row"),
        (PAIR | {"prompt": "a" * 300}, "on line 1, cut to 256 tokens .* allow more tokens .--max-tokens"),
    ],
)
def test_nothing_left_is_an_error(write, row, message):
    with pytest.raises(ValueError, match=f"rows.jsonl holds no row that trains: {message}"):
        files.rows.load(write(row, row))


def test_a_given_tokenizer_is_used_and_its_gaps_name_the_line(write):
    own = tokenizer.build("char", ["abc\n"])
    used, rows, _ = files.rows.load(write(PAIR), tokenizer=own)
    assert used is own and rows[0].tokens.tolist() == [0, *own.encode("ab\nc"), 1]
    with pytest.raises(ValueError, match=r"rows.jsonl, line 3: unknown character 'x'"):
        files.rows.load(write(PAIR, {"prompt": "x", "completion": "c"}), tokenizer=own)
    with pytest.raises(ValueError, match=r"rows.jsonl, line 1: the vocabulary has no marker <user>"):
        files.rows.load(write(talk("a", "b")), tokenizer=own)


def test_errors_name_file_and_line(write):
    with pytest.raises(ValueError, match=r"rows.jsonl, line 3: the field 'completion' is missing"):
        files.rows.load(write(PAIR, {"prompt": "a"}))
    with pytest.raises(ValueError, match="max_tokens is 1: a row needs at least 2"):
        files.rows.load(write(PAIR), max_tokens=1)
    with pytest.raises(ValueError, match=r"rows.jsonl holds no rows"):
        files.rows.load(write())


def test_the_stream_gives_the_same_rows_and_those_that_train_nothing(write):
    path = write(talk("a", "b"), talk("c", "d", 0), talk("a", "b" * 300))
    built, file_rows = files.rows.stream(path)
    loaded, rows, report = files.rows.load(path)
    file_rows = list(file_rows)
    assert built == loaded and [file_row.line for file_row in file_rows] == [1, 3, 5]
    assert [file_row.line for file_row in file_rows if file_row.problem] == report.left_out
    assert [file_row.line for file_row in file_rows if file_row.is_cut] == report.cut
    trained = [file_row.row.tokens.tolist() for file_row in file_rows if not file_row.problem]
    assert trained == [row.tokens.tolist() for row in rows]


def test_many_lines_are_counted():
    assert files.rows.list_lines([4]) == "1 row, on line 4" and files.rows.list_lines([]) == "no row"
    assert files.rows.list_lines(list(range(1, 23))).endswith("19, 20 and 2 more")


def test_one_long_row_stops_no_training_and_is_told(write, tmp_path, capsys):
    rows = [{"prompt": f"q{i}?", "completion": "a"} for i in range(6)]
    path = write(*rows, {"prompt": "b" * 300, "completion": "a"})
    assert main(["train", "--data", str(path), "--out", str(tmp_path / "run"), "--steps", "1"]) == 0
    out = capsys.readouterr().out
    assert "\nCut to 256 tokens: 1 row, on line 13. Left out, " in out
    assert main(["mask", "--data", str(path)]) == 0
    assert "so that they train nothing: 1 row, on line 13" in capsys.readouterr().out
    assert main(["diagnose", "--data", str(path)]) == 0
    assert re.search("rows without a supervised token +1\n", capsys.readouterr().out)
