"""The history of a run is one JSON object a line; whatever else stands there is refused."""

import json

import pytest
from refusing import fails
from run_cases import SETTINGS, TASK, die, press_ctrl_c, resume, run_until

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
    "a share of true": (
        b'{"step": 0, "train_loss": null, ' + REST.replace(b"0.0", b"true"),
        "line 1: no obj",
    ),
    "step true": (b'{"step": true, "train_loss": null, ' + REST, "line 1: no object"),
    "a key twice": (b'{"step": 5, "step": 0, "train_loss": null, ' + REST, "line 1: no object"),
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


FOREIGN = {  # lines 0, 5, 10 of a run that stopped at step 11, and what becomes of them
    "a line missing": ([0, 10], "has no line of step 5, so it is not that of the checkpoint of step 11"),
    "the last line missing": ([0, 5], "has no line of step 10"),
    "the first line missing": ([5, 10], "has no line of step 0"),
    "a line of another run": ([0, 5, 6, 10], "has a line too many, of step 6"),
    "a later line of another run": ([0, 5, 10, 11], "has a line too many, of step 11"),
    "a line after the last step": ([0, 5, 10, 12, 15], "has a line too many, of step 15"),
    "steps that fall": ([0, 10, 5], "line 3: no object .*, or its step does not rise"),
    "a step twice": ([0, 5, 5, 10], "line 3: no object .*, or its step does not rise"),
}


def write_steps(folder, steps):
    """Give a history these steps."""
    path = folder / files.history.NAME
    entry = json.loads(path.read_bytes().splitlines()[0])
    path.write_text("".join(f"{json.dumps({**entry, 'step': step})}\n" for step in steps), encoding="utf-8")
    return path.read_bytes()


@pytest.mark.parametrize("name", FOREIGN)
def test_a_history_of_another_run_is_neither_resumed_nor_drawn(tmp_path, name, capsys):
    run_until(tmp_path, 11, press_ctrl_c)
    steps, message = FOREIGN[name]
    content = write_steps(tmp_path, steps)
    with pytest.raises(ValueError, match=message):
        resume(tmp_path)
    fails(["plot", tmp_path], capsys, message)
    assert (tmp_path / files.history.NAME).read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 2


def test_lines_after_the_checkpoint_are_read_and_those_of_step_0_not_lost(tmp_path):
    with pytest.raises(SystemError):
        run_until(tmp_path, 3, die)
    write_steps(tmp_path, [0, 5])  # killed between line and checkpoint
    entries = files.history.read_run(tmp_path, 0, SETTINGS.steps, SETTINGS.eval_every)
    assert [entry["step"] for entry in entries] == [0, 5]
    content = write_steps(tmp_path, [0, 3, 6])  # the checkpoint of step 0 beside the history of another run
    with pytest.raises(ValueError, match="has a line too many, of step 3"):
        resume(tmp_path)
    assert (tmp_path / files.history.NAME).read_bytes() == content


def test_a_checkpoint_of_endless_steps_takes_no_time(tmp_path):
    run_until(tmp_path, 11, press_ctrl_c)
    with pytest.raises(ValueError, match="has no line of step 1,"):
        files.history.read_run(tmp_path, 2**61, 2**62, 1)
