"""Rows and checkpoints that no run can use: the table of test_bad_inputs, for files.

Each goes through the function that reads it and through the commands that do.
"""

import json
import os

import numpy as np
import pytest
import run_cases
from bad_inputs import GOOD, fails, refused

from minilm import files


def chat_row(message):
    """A conversation whose second message is this."""
    return b'{"messages": [{"role": "user", "content": "a"}, ' + message + b"]}"


FILES = {
    "15 empty file": (b"", "the data set is empty"),
    "15 blank lines": (b"\n \r\n", "the data set is empty"),
    "16 empty completion": (b'{"prompt": "a", "completion": ""}', "line 1: the field 'completion' is ''"),
    "20 bad line": (GOOD.encode() + b'{"prompt": "a"', "line 3: not JSON, .* at column 15"),
    "20 an array": (b'["a", "b"]', "line 1: the row is list, not an object"),
    "20 deep nesting": (b"[" * 200_000, "line 1: brackets nested too deep"),
    "20 huge number": (b'{"a": ' + b"9" * 5000 + b"}", "line 1: a number with thousands of digits"),
    "20 not UTF-8": (b'{"prompt": "\xff"}', "line 1: not UTF-8, byte 0xff at column 13"),
    "21 duplicate key": (b'{"prompt": "a", "prompt": "b"}', "line 1: the key 'prompt' stands twice"),
    "21 NaN": (b'{"prompt": NaN, "completion": "a"}', "line 1: NaN is not JSON"),
    "22 mark on a later line": (b"\n\xef\xbb\xbf{}", "line 2: "),
    "23 missing field": (b'{"prompt": "a"}', "line 1: the field 'completion' is missing"),
    "23 number": (
        b'{"prompt": 4, "completion": "a"}',
        "line 1: the field 'prompt' is 4: it must be a string",
    ),
    "16 an answer without text": (
        chat_row(b'{"role": "assistant", "content": ""}'),
        "assistant says nothing",
    ),
    "16 no answer": (b'{"messages": [{"role": "user", "content": "a"}]}', "line 1: no message is the assist"),
    "16 no messages": (b'{"messages": []}', "line 1: the field 'messages' must be a list"),
    "20 not on one line": (b'{\n"prompt": "a",\n"completion": "b"}', "line 1: not JSON"),
    "20 too long": (b" " * 2**24 + b"{}", "line 1: longer than 16777216 bytes"),
    "20 messages as text": (b'{"messages": "hi"}', "line 1: the field 'messages' must be a list"),
    "20 a text for a message": (chat_row(b'"hi"'), r"line 1: messages\[1\] is str, not an object"),
    "20 both forms": (b'{"prompt": "a", "messages": []}', 'line 1: the row has both "messages" and'),
    "21 duplicate key within": (chat_row(b'{"role": "user", "role": "tool"}'), "the key 'role' stands twice"),
    "21 NaN for a weight": (chat_row(b'{"role": "tool", "content": "", "weight": NaN}'), "NaN is not JSON"),
    "23 unknown role": (
        chat_row(b'{"role": "human", "content": "a"}'),
        r"messages\[1\]: the role is 'human'",
    ),
    "23 no role": (chat_row(b'{"content": "a"}'), r"line 1: messages\[1\]: the field 'role' is missing"),
    "23 no content": (chat_row(b'{"role": "user"}'), r"messages\[1\]: the field 'content' is missing"),
    "23 null content": (chat_row(b'{"role": "user", "content": null}'), "the content is None: it must be"),
    "23 content in parts": (
        chat_row(b'{"role": "user", "content": [{}]}'),
        r"the content is \[\{\}\]: it must",
    ),
    "23 weight 2": (chat_row(b'{"role": "tool", "content": "", "weight": 2}'), "the weight is 2: it must be"),
    "23 weight true": (chat_row(b'{"role": "tool", "content": "", "weight": true}'), "the weight is True"),
    "23 huge weight": (chat_row(b'{"role": "tool", "content": "", "weight": 1e999}'), "the weight is inf"),
    "23 a tool call": (
        chat_row(b'{"role": "assistant", "content": null, "tool_calls": [{}]}'),
        r"messages\[1\] holds a tool call",
    ),
    "23 lone surrogate in a message": (
        chat_row(b'{"role": "tool", "content": "\\ud800"}'),
        r"line 1: messages\[1\]: .*lone surrogate",
    ),
    "23 lone surrogate": (b'{"prompt": "\\ud800", "completion": "a"}', "line 1: .*lone surrogate"),
}


@pytest.mark.parametrize("name", FILES)
def test_file_names_its_line(name, tmp_path, capsys):
    content, message = FILES[name]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"rows.jsonl.*{message}"):
        files.rows.read(path)
    fails(["--data", str(path), "--out", str(tmp_path / "out")], capsys, message)
    fails(["mask", "--data", str(path), "--html", str(tmp_path / "out")], capsys, message)
    assert not (tmp_path / "out").exists()


class Bomb:
    def __reduce__(self):
        return os._exit, (3,)


def cut(share):
    return lambda content: content[: int(share * len(content))]


def flipped(content):
    return content[:-2000] + bytes([content[-2000] ^ 1]) + content[-1999:]


def rewritten(**arrays):
    """The file with arrays exchanged, or without those that are None."""

    def write(path):
        with np.load(path) as file:
            found = dict(file) | {name.replace("__", "."): array for name, array in arrays.items()}
        np.savez(path, **{name: array for name, array in found.items() if array is not None})

    return write


def retold(*path, value):
    """The file with something else at one place of its JSON text."""

    def write(file):
        with np.load(file) as found:
            arrays = dict(found)
        meta = node = json.loads(str(arrays["meta"]))
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
        np.savez(file, **(arrays | {"meta": json.dumps(meta)}))

    return write


WHOLE = "is not a whole minilm checkpoint"
FLOATS = np.zeros(8, np.float32)
CHECKPOINTS = {
    "35 empty": (cut(0), WHOLE),
    "35 cut short": (cut(0.9), WHOLE),
    "35 text": (lambda content: b"step 20: all is well", WHOLE),
    "36 a bit flipped": (flipped, WHOLE),
    "37 a tensor missing": (rewritten(ln_f__bias=None), "tensor ln_f.bias is missing"),
    "37 a tensor too many": (rewritten(more=FLOATS), "tensor more belongs to no such model"),
    "37 a tensor that would broadcast": (
        rewritten(ln_f__bias=FLOATS[:1]),
        r"ln_f.bias has shape \(1,\), not",
    ),
    "37 another config": (retold("config", "n_embd", value=2**40), "wte.weight has shape"),
    "37 more layers": (retold("config", "n_layer", value=2**40), "tensor h.1.ln_1.weight is missing"),
    "28 integers": (rewritten(ln_f__bias=FLOATS.astype(int)), "ln_f.bias holds int64"),
    "29 two precisions": (
        rewritten(ln_f__bias=FLOATS.astype(float)),
        "ln_f.bias holds float64, and wte.weight",
    ),
    "38 a pickle": (rewritten(ln_f__bias=np.array([Bomb()])), WHOLE),
    "44 heads": (retold("config", "n_head", value=3), WHOLE),
    "18 a piece that is no text": (retold("tokenizer", "vocab", 5, value=None), WHOLE),
}
RUNS = {
    "24 steps": (retold("run", "terms", "steps", value="9"), "whose terms make no sense .steps is '9'"),
    "24 weight": (
        retold("run", "terms", "prompt_weight", value=None),
        "terms make no sense .prompt_weight is",
    ),
    "41 another level": (
        retold("run", "terms", "level", value="byte"),
        "contradicts itself: its level is char",
    ),
    "41 another model": (retold("run", "terms", "n_embd", value=9), "contradicts itself: its n_embd is 8"),
    "41 no terms": (retold("run", "terms", value={}), "terms make no sense"),
    "21 NaN": (retold("run", "recent", value=[float("nan")]), "recent losses that are no finite numbers"),
}


@pytest.fixture
def run(tmp_path):
    """The folder of a short run, and rows beside it."""
    files.run.start_or_resume(tmp_path / "run", run_cases.TASK._replace(settings=run_cases.SETTINGS))
    (tmp_path / "rows.jsonl").write_text(run_cases.JSONL, encoding="utf-8")
    return tmp_path


def damage(path, change):
    """Exchange the file's bytes, or have it written anew."""
    changed = change(path.read_bytes()) if change in BYTES else change(path)
    if changed is not None:
        path.write_bytes(changed)


BYTES = [change for name, (change, _) in CHECKPOINTS.items() if name[:2] in ("35", "36")]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoint_says_what_is_wrong(name, run, capsys):
    change, message = CHECKPOINTS[name]
    path = run / "run" / files.run.MODEL
    damage(path, change)
    for read in (files.checkpoint.load, files.checkpoint.read):
        refused(lambda read=read: read(path), message)
    fails(["generate", run / "run", "a"], capsys, message)
    fails(["export", run / "run", run / "hf"], capsys, message)
    fails(["plot", run / "run"], capsys, message)
    fails(["train", "--data", run / "rows.jsonl", "--out", run / "run", "--resume"], capsys, message)
    assert not (run / "hf").exists() and len(list((run / "run").iterdir())) == 2


@pytest.mark.parametrize("name", RUNS)
def test_run_says_what_is_wrong(name, run, capsys):
    change, message = RUNS[name]
    damage(run / "run" / files.run.MODEL, change)
    refused(lambda: files.run.load(run / "run"), message)
    fails(["plot", run / "run"], capsys, message)
    fails(["train", "--data", run / "rows.jsonl", "--out", run / "run", "--resume"], capsys, message)
    files.checkpoint.load(run / "run" / files.run.MODEL)  # the model itself is whole
