"""Ctrl-C, a kill, a full disk, a number that is not finite: the last good state of a run stays."""

import dataclasses
import errno
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from run_cases import (
    CONFIG,
    JSONL,
    LONG,
    ROWS,
    SETTINGS,
    TASK,
    die,
    press_ctrl_c,
    read_bits,
    resume,
    run_until,
    unstopped_bits,
)

import minilm
from minilm import files, model, train, tree
from minilm.__main__ import main

HOME = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("ordinary_ctrl_c")


def test_an_ignored_ctrl_c_stays_ignored(tmp_path):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert run_until(tmp_path, 3, press_ctrl_c).step == 12


def test_a_gradient_that_is_not_finite_keeps_the_last_good_checkpoint(tmp_path):
    run_until(tmp_path, 7, press_ctrl_c)
    before = read_bits(tmp_path)
    calls = []

    def poisoned(dy, cache):
        calls.append(0)
        return (np.full_like(dy, np.nan),) if len(calls) == 2 else original(dy, cache)

    with minilm.swap("layers.gelu_backward", poisoned) as original:
        with pytest.raises(train.NonFiniteError) as caught:
            resume(tmp_path)
    assert str(caught.value).startswith("step 9: the gradient of wte.weight is not finite")
    assert f"{tmp_path / files.run.MODEL} keeps the state of step 7" in str(caught.value)
    assert read_bits(tmp_path) == before


def test_parameters_that_overflow_are_not_saved(tmp_path):
    settings = dataclasses.replace(SETTINGS, lr=1e300, warmup=0, eval_every=1)
    with pytest.raises(train.NonFiniteError, match=r"step 1: wte.weight is not finite.* state of step 0"):
        files.run.start_or_resume(tmp_path, TASK._replace(settings=settings))
    assert [entry["step"] for entry in files.history.read(tmp_path)] == [0]
    assert files.run.load(tmp_path).optimizer["step"] == 0


def fail_at(step, folder):
    """Start a run with a wrong learning rate, and end it as this step begins."""
    task = TASK._replace(settings=dataclasses.replace(SETTINGS, lr=1.0))
    with pytest.raises(SystemError):
        run_until(folder, step, die, task)


@pytest.mark.parametrize("step", [1, 5])
def test_a_run_that_has_stored_nothing_trained_may_begin_anew(tmp_path, step):
    fail_at(step, tmp_path)
    files.run.start_or_resume(tmp_path, TASK)
    assert read_bits(tmp_path) == unstopped_bits()


def test_killed_while_it_begins_anew(tmp_path):
    fail_at(3, tmp_path)
    with minilm.swap("files.run.remove_parts", lambda folder: die()), pytest.raises(SystemError):
        files.run.start_or_resume(tmp_path, TASK)
    resume(tmp_path)
    assert read_bits(tmp_path) == unstopped_bits()


def test_a_run_that_was_measured_after_training_does_not_begin_anew(tmp_path):
    def save_the_start(folder, state, *others):
        if state.step:
            die()
        original(folder, state, *others)

    with minilm.swap("files.run.save_state", save_the_start) as original, pytest.raises(SystemError):
        files.run.start_or_resume(tmp_path, TASK)
    assert [entry["step"] for entry in files.history.read(tmp_path)] == [0, 5]
    with pytest.raises(ValueError, match="already holds a run"):
        files.run.start_or_resume(tmp_path, TASK)


class FullDisk:
    """A file that takes `room` bytes; then the disk is full."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, content):
        self.file.write(bytes(content)[: self.room])
        self.room -= len(content)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


MODEL_ROOMS = [(files.atomic, files.run.MODEL, room) for room in (0, 1, 3000, 9000)]
HISTORY_ROOMS = [(files.history, files.history.NAME, room) for room in (0, 1, 20)]  # 20: within a line


@pytest.mark.parametrize(("module", "name", "room"), MODEL_ROOMS + HISTORY_ROOMS)
def test_a_full_disk_loses_nothing(tmp_path, monkeypatch, module, name, room):
    run_until(tmp_path, 7, press_ctrl_c)
    before = (tmp_path / name).read_bytes()

    def open_on_full_disk(path, mode):
        file = open(path, mode)
        return FullDisk(file, room) if name in Path(path).name else file

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left") as caught:
        patch.setattr(module, "open", open_on_full_disk, raising=False)
        resume(tmp_path)
    assert caught.value.filename == str(tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == [files.history.NAME, files.run.MODEL]
    assert (tmp_path / name).read_bytes().startswith(before)
    assert files.run.load(tmp_path).optimizer["step"] == 7
    resume(tmp_path)
    assert read_bits(tmp_path) == unstopped_bits()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_an_unwritable_disk_at_the_last_moment(tmp_path, monkeypatch, capsys, call):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(JSONL, encoding="utf-8")
    argv = ["train", "--data", str(rows), "--out", str(tmp_path / "run")]

    def fails(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(files.atomic.os, call, fails)
    assert main([*argv, "--steps", "2"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err == f"minilm: {tmp_path / 'run' / files.run.MODEL}: Input/output error\n"
    assert list((tmp_path / "run").iterdir()) == []


def start(*argv, cwd, largest_file=None):
    """A process of its own with signals as in a terminal, and a limit on the size of its files."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(HOME), str(HOME / "tests" / "helpers")])

    def prepare():
        for number in files.stop.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        if largest_file:
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    command = [sys.executable, *argv]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=cwd, env=environment, preexec_fn=prepare, **pipes)


posix = pytest.mark.skipif(os.name != "posix", reason="needs signals and limits of POSIX")


@posix
def test_ctrl_c_in_a_process_of_its_own_and_the_command_that_it_names(tmp_path):
    (tmp_path / "my rows.jsonl").write_text(JSONL, encoding="utf-8")
    model_name = Path("run", files.run.MODEL)
    flags = ["--data", "my rows.jsonl", "--out", "run", "--steps", "200"]
    process = start("-m", "minilm", "train", *flags, cwd=tmp_path)
    assert any(line.startswith("step   20") for line in process.stdout)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.count("\n") == 1
    step = files.run.load(tmp_path / "run").optimizer["step"]
    assert 20 <= step < 200
    message, _, command = err.rstrip().partition(", continue with: python ")
    assert message == f"minilm: stopped; {model_name} holds step {step} of 200"

    before = (tmp_path / model_name).read_bytes()
    process = start(*shlex.split(command), cwd=tmp_path, largest_file=65536)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2 and err == f"minilm: {model_name}: File too large\n"
    assert (tmp_path / model_name).read_bytes() == before
    assert sorted(os.listdir(tmp_path / "run")) == [files.history.NAME, files.run.MODEL]

    process = start(*shlex.split(command), cwd=tmp_path)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and err == "" and out.endswith("holds the model after 200 steps\n")
    assert out.startswith(f"step {(step // 20 + 1) * 20:>4} ")
    assert [entry["step"] for entry in files.history.read(tmp_path / "run")] == list(range(0, 201, 20))


SCRIPT = """
import os, sys
import run_cases
from minilm import files
def report(entry, params):
    print(entry["step"], flush=True)
files.run.start_or_resume(sys.argv[1], run_cases.LONG, os.path.exists(sys.argv[1]), report)
"""
KILLS = [3, pytest.param(int(os.environ.get("MINILM_KILLS", "50")), marks=pytest.mark.slow)]


@posix
@pytest.mark.parametrize("kills", KILLS)
def test_an_end_at_any_moment_leaves_a_whole_run(tmp_path, kills):
    """Most of this run's time is spent on saving; MINILM_KILLS=200 ends it more often."""
    rng = np.random.default_rng(kills)
    folder, last_step = tmp_path / "run", 0
    for kill in range(kills):
        is_early = kill % 3 == 2
        number = (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGKILL)[kill % 4]
        process = start("-c", SCRIPT, str(folder), cwd=tmp_path)
        if is_early:  # while it starts, or resumes
            time.sleep(rng.uniform(0.1, 0.4))
        else:  # after at least one more checkpoint: only the entry of step 0 comes without one
            assert process.stdout.readline() and process.stdout.readline()
            time.sleep(rng.uniform(0, 0.03))
        process.send_signal(number)
        process.communicate(timeout=60)
        is_killed = number == signal.SIGKILL
        assert process.returncode in ([-number] if is_killed else [0, -number] if is_early else [0])
        step = files.run.load(folder).optimizer["step"]
        assert step > last_step or (is_early and step == last_step)
        if step:  # the history has the lines until the checkpoint, and after a kill at most one more
            steps = [entry["step"] for entry in files.history.read(folder)]
            lines, more = len(range(0, step + 1, 2)), (0, 1) if is_killed or is_early else (0,)
            assert steps == list(range(0, 2 * len(steps), 2)) and len(steps) - lines in more
        last_step = step
    run_until(folder, last_step + 3, press_ctrl_c, LONG, resume=True)
    assert sorted(p.name for p in folder.iterdir()) == [files.history.NAME, files.run.MODEL]
    require_same_as_unstopped(files.run.load(folder), files.history.read(folder))


def require_same_as_unstopped(stored, history):
    """A checkpoint and its history must have the bits of a run of LONG that nothing stopped."""
    start = train.begin(model.init(CONFIG, np.random.default_rng(0)))
    entries = []
    for entry, state in train.each_step(start, CONFIG, ROWS, ROWS, LONG.settings):
        entries += [entry] if entry else []
        if state.step == stored.optimizer["step"]:
            break
    assert history == entries
    for name in ("m", "v"):
        np.testing.assert_array_equal(stored.optimizer[name], state.optimizer[name])
    np.testing.assert_array_equal(tree.flatten(stored.params), tree.flatten(state.params))
