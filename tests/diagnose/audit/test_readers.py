"""Prepared rows in every form in which they lie on disk; what is no such form is refused by one line."""

import json
import pickle
import zipfile

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


def test_position_ids_tell_documents_apart():
    counted = audit.count_rows(
        audit.readers.read_arrays(
            ids=np.array([[8, 5, 6, 2, 8, 7, 9, 2]] * 9),
            labels=np.array([[-100, -100, 6, 2, 8, -100, 9, 2]] * 9),
            position_ids=np.array([[0, 1, 2, 3, 0, 1, 2, 3]] * 9),
        )
    )
    assert counted.counts["packed"] == 9 and counted.counts["boundaries"] == 9


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
