"""The history of a run is one JSON object a line; whatever else stands there is refused."""

import json

import pytest
from run_cases import TASK, press_ctrl_c, resume, run_until

from minilm import files
from minilm.__main__ import main

pytestmark = pytest.mark.usefixtures("ordinary_ctrl_c")


def test_every_evaluation_has_a_line(tmp_path):
    files.run.start_or_resume(tmp_path, TASK)
    lines = (tmp_path / files.history.NAME).read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["step"] for entry in entries] == [0, 5, 10, 12]
    assert all(tuple(entry) == files.history.KEYS for entry in entries)


REST = b'"prompt_nll": 1.0, "response_nll": 1.0, "exact_match": 0.0}\n'
MALFORMED = {
    "missing": (None, r"history.jsonl is no file"),
    "empty": (b"", r"history.jsonl is empty"),
    "half a line": (b'{"step": 0', r"history.jsonl is empty"),
    "no JSON": (b"{}\nx\n", r"history.jsonl, line 1: no object with the numbers step, train_loss"),
    "a list": (b"[1]\n", "line 1: no object"),
    "a number is text": (b'{"step": 0, "train_loss": "1", ' + REST, "line 1: no object"),
    "NaN": (b'{"step": 0, "train_loss": NaN, ' + REST, "line 1: no object"),
    "400 digits": (b'{"step": 0, "train_loss": 1' + b"0" * 399 + b", " + REST, "line 1: no object"),
    "a negative loss": (b'{"step": 0, "train_loss": -1, ' + REST, "line 1: no object"),
    "step 0.5": (b'{"step": 0.5, "train_loss": null, ' + REST, "line 1: no object"),
    "a share above 1": (b'{"step": 0, "train_loss": null, ' + REST.replace(b"0.0", b"1.5"), "line 1: no obj"),
    "not UTF-8": (b"\xff\n", "line 1: no object"),
    "nested": (b"[" * 100_000 + b"\n", "line 1: no object"),
}


def test_a_perfect_exact_match_is_an_entry(tmp_path):
    line = b'{"step": 0, "train_loss": null, ' + REST.replace(b"0.0", b"1.0")
    (tmp_path / files.history.NAME).write_bytes(line)
    assert files.history.read(tmp_path)[0]["exact_match"] == 1


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_history_is_refused(tmp_path, name, capsys):
    run_until(tmp_path, 7, press_ctrl_c)
    content, message = MALFORMED[name]
    path = tmp_path / files.history.NAME
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    for use in (files.history.read, resume):
        with pytest.raises(ValueError, match=message) as caught:
            use(tmp_path)
        assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.exists() else None) == content
    assert main(["plot", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("minilm: ") and err.count("\n") == 1


def test_a_history_with_other_lines_than_its_checkpoint_is_refused(tmp_path):
    run_until(tmp_path, 11, press_ctrl_c)
    path = tmp_path / files.history.NAME
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(ValueError, match="has no line of step 5, so it is not"):
        resume(tmp_path)
    path.write_bytes(b"".join([*lines, lines[1].replace(b'"step": 5', b'"step": 6')]))
    with pytest.raises(ValueError, match="has a line too many, of step 6"):
        resume(tmp_path)
