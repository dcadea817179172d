"""Prepared rows in every form in which they lie on disk; what is no such form is refused by one line."""

import json
import pickle
import zipfile
from itertools import product

import audit_setups
import numpy as np
import pytest

from minilm.diagnose import audit

ROWS = audit_setups.make_rows(audit_setups.CHATML, audit_setups.pair, 0, n=9)
WIDE = audit_setups.pad_rows(ROWS)
ARRAYS = {name: np.array([row[name] for row in WIDE]) for name in WIDE[0]}


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def bare(path, **how):
    """Tokens without pads, and those that carry loss, of every row of a file."""
    counted = audit.count_rows(audit.readers.open_rows(path, **how), n_examples=99)
    return [(row.tokens.tolist(), row.tokens[row.weights > 0].tolist()) for _, row in counted.examples]


EXPECTED = [(r["input_ids"], [t for t in r["labels"] if t >= 0]) for r in ROWS]


def drop_attention(rows):
    return [{name: values for name, values in row.items() if name != "attention_mask"} for row in rows]


FORMS = {
    "labels": ROWS,
    "padded": WIDE,
    "padded, unseen": drop_attention(WIDE),
    "left": drop_attention(audit_setups.pad_rows(ROWS, "left")),
    "null": [row | {"loss_mask": None, "source": "a", "length": 3} for row in ROWS],
    "loss_mask": audit_setups.as_mask(ROWS),
    "completion_mask": audit_setups.as_mask(ROWS, "completion_mask"),
    "assistant_masks": audit_setups.as_mask(ROWS, "assistant_masks"),
    "true and false": [{"ids": row["input_ids"], "mask": [t >= 0 for t in row["labels"]]} for row in ROWS],
    "shifted": [{"input_ids": r["input_ids"][:-1], "targets": r["labels"][1:]} for r in ROWS],
    "two masks": [
        {
            "input_ids": r["input_ids"],
            "completion_mask": [1] * len(r["labels"]),
            "assistant_masks": m["loss_mask"],
        }
        for r, m in zip(ROWS, audit_setups.as_mask(ROWS), strict=True)
    ],
    "labels and a mask": [
        {"input_ids": r["input_ids"], "labels": r["input_ids"], "loss_mask": m["loss_mask"]}
        for r, m in zip(ROWS, audit_setups.as_mask(ROWS), strict=True)
    ],
}


@pytest.mark.parametrize("name", FORMS)
def test_rows_are_read_under_every_name(name, tmp_path):
    expected = [(ids[:-1], lit) for ids, lit in EXPECTED] if name == "shifted" else EXPECTED
    assert bare(write_lines(tmp_path / "rows.jsonl", FORMS[name])) == expected
    (tmp_path / "rows.json").write_text(json.dumps(FORMS[name], indent=1), encoding="utf-8")
    assert bare(tmp_path / "rows.json") == expected


def test_shifted_rows_that_are_padded_each_for_itself_keep_their_last_target(tmp_path):
    width = max(len(row["input_ids"]) for row in ROWS)
    arrays = {"input_ids": np.zeros((9, width), np.uint16), "labels": np.full((9, width), -100)}
    arrays["loss_mask"] = np.zeros((9, width))
    for k, row in enumerate(ROWS):
        n = len(row["input_ids"]) - 1
        arrays["input_ids"][k, :n], arrays["labels"][k, :n] = row["input_ids"][:-1], row["input_ids"][1:]
        arrays["loss_mask"][k, :n] = [t >= 0 for t in row["labels"][1:]]
    np.savez(tmp_path / "rows.npz", **arrays)
    assert bare(tmp_path / "rows.npz") == EXPECTED


WAYS = list(product(("cut", "keep", "late"), ("right", "left"), (0, 12), (False, True), (False, True)))


@pytest.mark.parametrize("build", [audit_setups.LLAMA3, audit_setups.plain])
@pytest.mark.parametrize("form, side, pad, seen, masked", WAYS)
def test_shifted_rows_are_joined_whatever_their_pads(build, form, side, pad, seen, masked, tmp_path):
    pad = 2 if pad and build is audit_setups.plain else pad  # the stop token, too
    rows = audit_setups.make_rows(build, audit_setups.pair, 1, n=9)
    shifted = audit_setups.shift_and_pad(rows, form, side, pad, seen, masked)
    path = write_lines(tmp_path / "rows.jsonl", shifted)
    assert bare(path) == [(row["input_ids"], [t for t in row["labels"] if t >= 0]) for row in rows]
    assert audit.find_suspicions(audit.count_rows(audit.readers.open_rows(path))) == []


@pytest.mark.parametrize("form, side", list(product(("cut", "keep", "late"), ("right", "left"))))
def test_a_masked_stop_is_found_in_shifted_rows(form, side, tmp_path):
    rows = audit_setups.make_rows(audit_setups.LLAMA3, audit_setups.pair, 1, dark=["assistant stop"])
    path = write_lines(
        tmp_path / "rows.jsonl", audit_setups.shift_and_pad(rows, form, side, 0, True, True, 60)
    )
    counted = audit.count_rows(audit.readers.open_rows(path))
    assert [found.fault for found in audit.find_suspicions(counted)] == ["eos_masked"]


@pytest.mark.parametrize("form", ["keep", "late"])
def test_a_pad_with_loss_is_found_in_shifted_rows(form, tmp_path):
    rows = audit_setups.make_rows(audit_setups.LLAMA3, audit_setups.pair, 1)
    shifted = audit_setups.shift_and_pad(rows, form, "right", 12, True, True)
    for row in shifted:  # one place too many
        k = len(row["loss_mask"]) - 1 - row["loss_mask"][::-1].index(1)
        row["loss_mask"][k + 1] = 1
    counted = audit.count_rows(audit.readers.open_rows(write_lines(tmp_path / "rows.jsonl", shifted)))
    assert [found.fault for found in audit.find_suspicions(counted)] == ["pads_in_the_loss"]


def test_npz_with_a_mask_alone_and_with_labels(tmp_path):
    np.savez(tmp_path / "mask.npz", ids=ARRAYS["input_ids"], mask=(ARRAYS["labels"] >= 0) * 1.0)
    np.savez(tmp_path / "labels.npz", ids=ARRAYS["input_ids"], labels=ARRAYS["labels"])
    assert bare(tmp_path / "mask.npz") == bare(tmp_path / "labels.npz") == EXPECTED


def test_an_ignore_index_is_asked_for_and_then_used(tmp_path):
    rows = [row | {"labels": [max(t, 0) for t in row["labels"]]} for row in ROWS]
    path = write_lines(tmp_path / "rows.jsonl", rows)
    n = sum(t < 0 for row in ROWS for t in row["labels"])
    with pytest.raises(
        ValueError, match=f"labels are 0 where they differ from input_ids, in {n} places: is 0 you"
    ):
        bare(path)
    assert bare(path, ignore_index=0) == EXPECTED


PACKED = {"ids": [8, 5, 6, 2, 8, 7, 9, 2], "labels": [-100, -100, 6, 2, 8, -100, 9, 2]}
DOCUMENTS = {
    "position_ids": [0, 1, 2, 3, 0, 1, 2, 3],
    "attention_mask": [1, 1, 1, 1, 2, 2, 2, 2],
    "seq_lengths": [4, 4],
    "cu_seqlens": [0, 4, 8],
    "cu_seq_lens_q": [0, 4, 8, 8],
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_of_packed_rows_are_told_apart(name, tmp_path):
    row = PACKED | {name: DOCUMENTS[name]}
    arrays = {key: np.array([values] * 9) for key, values in row.items()}
    for rows in (
        audit.readers.read_arrays(**arrays),
        audit.readers.open_rows(write_lines(tmp_path / "rows.jsonl", [row] * 9)),
    ):
        counted = audit.count_rows(rows)
        assert counted.counts["packed"] == 9 and counted.counts["boundaries"] == 9


def test_one_flat_row_is_cut_by_cu_seqlens():
    arrays = {name: np.array([values]) for name, values in PACKED.items()}
    counted = audit.count_rows(audit.readers.read_arrays(**arrays, cu_seqlens=np.array([0, 4, 8])))
    assert counted.counts["packed"] == 1
    with pytest.raises(ValueError, match="seq_lengths is of 2 rows, but there are 1"):
        audit.readers.read_arrays(**arrays, seq_lengths=np.array([[4, 4], [4, 4]]))


def test_a_row_weighs_what_its_weight_says(tmp_path):
    rows = [row | {"weight": 0.5, "train": True} for row in ROWS] + [ROWS[0] | {"weight": 0}] * 2
    rows += [ROWS[0] | {"loss": False}]
    opened = audit.readers.open_rows(write_lines(tmp_path / "rows.jsonl", rows))
    counted = audit.count_rows(opened)
    n = sum(len(lit) for _, lit in EXPECTED)
    assert counted.counts["rows"] == 9 and counted.get("weights")[0.5] == n
    assert opened.tell() == ["rows of weight 0 are left out: 3"]
    assert audit.find_suspicions(counted) == []
    arrays = ARRAYS | {"weight": np.full(9, 0.5)}
    assert audit.count_rows(audit.readers.read_arrays(**arrays)).get("weights")[0.5] == n


def test_what_is_not_used_is_said(tmp_path):
    rows = [row | {"messages": [], "text": "a"} for row in ROWS]
    opened = audit.readers.open_rows(write_lines(tmp_path / "rows.jsonl", rows))
    counted = audit.count_rows(opened)
    ids = {token for row in ROWS for token in row["input_ids"]}
    some = audit.pieces.Pieces({token: "a" for token in ids if token > 110}, set(), "pieces")
    lacking = sum(token <= 110 for token in ids)
    assert opened.tell([2, 777], some) == [
        "messages and text stand beside the ids: only the ids are looked at",
        "--eos-id 777 stands nowhere in the rows",
        f"--tokenizer lacks {lacking} of the {len(ids)} different ids",
    ]
    with pytest.raises(ValueError, match=f"--tokenizer lacks {len(ids)} of the {len(ids)} different ids: it"):
        opened.tell((), audit.pieces.Pieces({}, set(), "pieces"))
    assert audit.find_suspicions(counted) == []


@pytest.mark.parametrize("high", [10**6, 2**40])
def test_ids_of_any_size_are_remembered(high):
    watched = audit.watching.PreparedRows()
    watched.rows = audit.readers.read_arrays(ids=np.array([[1, high]]), labels=np.array([[-100, high]]))
    assert len(list(watched)) == 1 and watched.tell([1, high]) == []
    assert watched.tell([7]) == ["--eos-id 7 stands nowhere in the rows"]


def test_two_names_of_one_field_may_agree_or_hold_something_else(tmp_path):
    rows = [
        row | {"ids": row["input_ids"], "targets": row["labels"], "tokens": ["a"] * len(row["labels"])}
        for row in ROWS
    ]
    assert bare(write_lines(tmp_path / "rows.jsonl", rows)) == EXPECTED
    rows = [row | {"targets": "an answer", "tokens": 9} for row in ROWS]
    assert bare(write_lines(tmp_path / "rows.jsonl", rows)) == EXPECTED


def zip_of(name):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, b"")

    return write


REFUSED = {
    "parquet": (b"PAR1....", r"is a parquet file: convert it, python -c .*read_parquet"),
    "arrow": (b"ARROW1..", "is an arrow file: convert it"),
    "stream": (b"\xff\xff\xff\xff..", "is an arrow stream: convert it"),
    "npy": (b"\x93NUMPY..", "is a single .npy array"),
    "pickle": (pickle.dumps([1]), "is a pickle: convert it"),
    "gzip": (b"\x1f\x8b..", "is compressed by gzip"),
    "torch": (zip_of("archive/data.pkl"), "is a file of torch: convert it"),
    "csv": (b"prompt,completion\na,b\n", "is a table of text: convert it"),
    "sharegpt": (b'{"conversations": [{"from": "human", "value": "a"}]}', "ShareGPT's turns"),
    "no labels": (b'{"input_ids": [1, 2]}', "line 1: no labels: a trainer would take input_ids"),
    "empty list": (b"[]", "holds no rows"),
    "list of text rows": (b'[{"prompt": "a", "completion": "b"}]', r"row 0 .*jq -c '.\[\]' does it"),
    "list of messages": (
        b'[{"role": "user", "content": "a"}]',
        r'write the list of messages as one line {"messages"',
    ),
    "list of lists": (b'[[{"role": "user", "content": "a"}]]', r'write each as one line {"messages"'),
    "half a list": (
        b'[{"input_ids": [1, 2], "labels": [1, 2]}',
        "row 0 .*not JSON, a comma or the array's end",
    ),
    "rest of a list": (b'[{"input_ids": [1, 2], "labels": [1, 2]}] x', "row 0 .*not JSON, a comma or the"),
    "DPO": (b'{"prompt_ids": [1], "chosen_input_ids": [1]}', "a prepared pair of answers"),
    "unknown mask": (
        b'{"input_ids": [1], "labels": [1], "prompt_mask": [1]}',
        "the field 'prompt_mask' is not known",
    ),
    "columns": (b'{"input_ids": [[1, 2]], "labels": [[1, 2]]}', r"input_ids has shape \(1, 2\)"),
    "two places": (
        b'{"input_ids": [1, 2, 3], "labels": [1, 2, 3]}\n{"input_ids": [1, 2, 3], "labels": [2, 3, -100]}',
        r"line 2: labels\[0\] is 2, but input_ids\[0\] is 1, nor are all labels the ids after them",
    ),
    "negative label": (b'{"input_ids": [1, 2], "labels": [-1, 2]}', "labels are -1 where they differ"),
    "wrapped": (
        b'{"input_ids": [1, 2, 3], "labels": [65436, 65436, 3]}\n' * 3,
        "in 6 places: -100 became 65436 in unsigned integers",
    ),
    "two ignored": (
        b'{"input_ids": [1, 2, 3, 4], "labels": [-100, -1, -1, 4]}\n' * 3,
        "labels are -1 .* in 6 places, and -100 at others: if both mean no loss, write -100 for both",
    ),
    "few wrong labels": (
        b'{"input_ids": [1, 2, 3, 4, 5], "labels": [-100, -100, 7, 7, 7]}\n'
        + b'{"input_ids": [1, 2, 3, 4, 5], "labels": [-100, -100, 3, 4, 5]}\n' * 3,
        r"line 1: labels\[2\] is 7, but input_ids\[2\] is 3",
    ),
    "one wrong label ahead": (
        b'{"input_ids": [1, 2, 3, 4, 5], "labels": [-100, 3, 4, 5, 6]}\n' * 3
        + b'{"input_ids": [1, 2, 3, 4, 5], "labels": [-100, 9, 4, 5, 6]}',
        r"line 4: labels\[1\] is 9, but input_ids\[2\] is 3, nor are all labels the ids at their own",
    ),
    "two ids": (b'{"input_ids": [1, 2], "ids": [1, 3], "labels": [1, 2]}', "input_ids and ids differ"),
    "two labels": (b'{"ids": [1, 2], "labels": [1, 2], "targets": [2, 3]}', "labels and targets differ"),
    "two masks": (
        b'{"ids": [1, 2], "loss_mask": [0, 1], "completion_mask": [1, 1]}',
        "loss_mask and completion_mask differ",
    ),
    "two forms": (
        b'{"input_ids": [1, 2], "labels": [1, 2]}\n{"messages": []}',
        "line 2: there are no ids.*keep rows of text in a file of their own",
    ),
    "weight": (b'{"ids": [1, 2], "labels": [1, 2], "weight": -1}', "weight is -1: it must be a number, 0 or"),
    "a word in a mask": (
        b'{"ids": [1, 2], "labels": [1, 2], "loss_mask": [0, "x"]}',
        r"loss_mask is text of shape \(2,\): it must be numbers",
    ),
    "text mask": (b'{"ids": [1, 2], "loss_mask": "01"}', "loss_mask is '01': it must be a number"),
    "flag": (b'{"ids": [1, 2], "labels": [1, 2], "loss": 3}', "the field 'loss' is 3: it must be true or"),
    "attention": (
        b'{"ids": [1, 2], "labels": [1, 2], "attention_mask": [-1, 1]}',
        "attention_mask holds -1: it is 0",
    ),
    "lengths": (
        b'{"ids": [1, 2], "labels": [1, 2], "seq_lengths": [3]}',
        "seq_lengths tells of 3 tokens, but",
    ),
    "negative length": (
        b'{"ids": [1, 2], "labels": [1, 2], "seq_lengths": [3, -1]}',
        "no document has a negative length",
    ),
    "ends": (b'{"ids": [1, 2], "labels": [1, 2], "cu_seqlens": [1, 2]}', "cu_seqlens begins with 1"),
    "no lengths": (
        b'{"ids": [1, 2], "labels": [1, 2], "seq_lengths": 2}',
        "must be one list of integers a row",
    ),
    "axes": (
        b'{"ids": [1, 2], "labels": [1, 2], "position_ids": [[0, 1], [0, 1], [0, 1]]}',
        r"position_ids has shape \(3, 2\).*several axes, as models of images",
    ),
    "image": (b'{"ids": [-200, 2], "labels": [-100, 2]}', "if -200 marks the place of an image"),
    "binary": (np.arange(99, dtype=np.uint16).tobytes(), "is binary, no text: ids alone, as uint16, say"),
    "sqlite": (b"SQLite format 3\0....", "is a database of SQLite"),
    "yaml": (b"- input_ids: [1, 2]\n  labels: [1, 2]\n", "is YAML, it seems: write each row as one line"),
    "python": (b"{'input_ids': [1, 2]}\n", "is written as Python's dicts: convert it"),
    "rows inside": (b'{"rows": [{"input_ids": [1, 2]}]}', r"stand inside 'rows': .*jq -c '.rows\[\]'"),
    "row inside": (b'{"data": {"input_ids": [1, 2]}}', "stand inside 'data': .*jq -c '.data' does it"),
    "several lines": (b'{\n "rows": [\n', "is one JSON object over several lines"),
    "zip": (zip_of("rows.jsonl"), "is a zip archive of 'rows.jsonl': unpack it"),
    "excel": (zip_of("xl/workbook.xml"), "is a workbook of Excel"),
    "utf-16": ('{"input_ids": [1]}'.encode("utf-16"), "is text in UTF-16: convert it: iconv"),
    "zstd": (b"\x28\xb5\x2f\xfd....", "is compressed by zstd: unpack it: zstd -d"),
    "tar": (b"rows.jsonl".ljust(257, b"\0") + b"ustar", "is a tar archive: unpack it"),
    "safetensors": (b"\x08\0\0\0\0\0\0\0" + b'{"a":{}}', "is a safetensors file"),
    "html": (b"<!DOCTYPE html><html>a,b</html>", "is a page of HTML or XML: fetch the file itself"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
    "negative id": (b'{"input_ids": [-1, 2], "labels": [-1, 2]}', "input_ids holds -1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_kinds_are_refused_with_the_line_that_converts_them(name, tmp_path):
    content, message = REFUSED[name]
    path = tmp_path / "rows"
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        rows = audit.readers.open_rows(path)
        audit.count_rows(audit.text_rows.TextRows(path) if rows is None else rows)


def test_a_folder_of_datasets_is_refused_with_its_line(tmp_path):
    (tmp_path / "dataset_info.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="is a folder of datasets: convert it"):
        audit.readers.open_rows(tmp_path)
