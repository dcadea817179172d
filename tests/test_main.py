"""The command line as a user meets it: files, consoles, and processes where a process matters."""

import errno
import io
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_worlds import small_worlds

from minilm import commands, figures, files, model, tokenizer
from minilm.__main__ import main, parse_options
from minilm.commands import terminal
from minilm.figures import plots, processes

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROWS = "".join(
    json.dumps({"prompt": f"Which letter follows {a}?", "completion": b}, ensure_ascii=False) + "\n"
    for a, b in zip("abcdefghijklé", "bcdefghijklmê", strict=True)
)


def run(*argv, cwd, code=0, **env):
    environment = {**os.environ, "PYTHONPATH": HOME, **env}
    done = subprocess.run(
        [sys.executable, "-m", "minilm", *argv], cwd=cwd, capture_output=True, env=environment, timeout=120
    )
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode(env.get("PYTHONIOENCODING", "utf-8")), done.stderr.decode()


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """`run` in this process: workers are replaced by it, too, with what can be sent to a worker."""
    in_workers = processes.run_all

    def run_all(function, jobs, workers, report):
        assert workers >= 1
        return in_workers(*pickle.loads(pickle.dumps((function, jobs))), 0, report)

    def call(*argv, code=0):
        capsys.readouterr()
        ended = main(list(argv))
        out, err = capsys.readouterr()
        assert ended == code, err
        return out, err

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(processes, "run_all", run_all)
    return call


@pytest.fixture
def few_rows():
    with small_worlds():
        yield


def test_main_job_end_to_end_without_a_display(tmp_path):
    env = {"DISPLAY": "", "MPLBACKEND": "TkAgg"}
    out, err = run("--seeds", "2", "--steps", "4", cwd=tmp_path, **env)
    assert err == ""  # no progress where there is no terminal
    assert "5  Assistant: -> 4           response        1  <- loss here" in out
    assert "the masked gradient changes by 0.0" in out
    assert re.search(r"^masked +4   0\.\d{3} ± 0\.\d{3} ", out, re.M)
    names = [f"{stem}.{end}" for stem in ("anatomy", "masked_vs_full", "strip") for end in ("json", "png")]
    assert sorted(os.listdir(tmp_path / "figures")) == names
    places = [
        out.index(text) for text in ("carries loss", "g_full against", "base   ", "samples", "masked - full")
    ]
    assert places == sorted(places)  # the mask, the identities, the strip, samples, the curves' numbers
    stored = json.loads((tmp_path / "figures" / "masked_vs_full.json").read_text(encoding="utf-8"))
    assert stored["caption"] in out
    assert {"alt", "config", "settings", "seeds", "runs", "versions", "entropy_floor"} <= set(stored)


def test_main_job_on_own_rows_then_train_then_generate(tmp_path, call):
    (tmp_path / "rows.jsonl").write_text(ROWS, encoding="utf-8")
    out, _ = call("--data", "rows.jsonl", "--steps", "2", "--level", "byte", "--out", "o")
    assert "targets carry loss" in out and "Greedy samples" in out
    assert sorted(os.listdir(tmp_path / "o")) == ["data.json", "data.png"]
    out, err = call("train", "--data", "rows.jsonl", "--out", "run", "--steps", "60")
    assert "model.npz holds the model after 60 steps" in out and err == ""
    assert sorted(os.listdir(tmp_path / "run")) == ["history.jsonl", "model.npz"]
    out, err = call("plot", "run")
    assert "One run with masked loss" in out and (tmp_path / "run" / "history.png").exists() and err == ""
    ask = ["generate", "run", "Which letter follows é?"]
    answer, _ = run(*ask, cwd=tmp_path, PYTHONIOENCODING="utf-8")
    assert answer == call(*ask)[0] and answer.strip()
    sampled = ["--temperature", "2", "--top-k", "5", "--seed", "3"]
    out, _ = call("generate", "run", "Which letter follows a?", *sampled)
    assert len(out) > 2
    _, err = call("generate", "run", "Which letter follows Z?", code=2)
    assert err.startswith("minilm: unknown character 'Z' at character 21")


def test_gradcheck_passes_on_every_layer_and_the_model(call):
    out, _ = call("gradcheck")
    assert out.endswith("every gradient agrees\n") and "h.1.attn.c_attn.weight" in out
    out, _ = call("gradcheck", "--layer", "attention", "--method", "central")
    assert re.fullmatch(r"attention\n +dqkv +relative error .* ok\nevery gradient agrees\n", out)


@pytest.mark.slow
def test_bench_prints_its_tables(tmp_path):
    out, err = run("bench", "--kernels", "--sizes", "zoo", cwd=tmp_path)
    assert (
        re.fullmatch(r"One thread.* \d+ GFLOP/s .*\n\n.*\nsize .* text\nzoo( +[\d.]+)+\n", out) and err == ""
    )


def test_a_narrow_console_shows_escapes(tmp_path):
    out, _ = run("mask", "日本 é", "ß", cwd=tmp_path, PYTHONIOENCODING="cp1252")
    assert r"\u65e5\u672c" in out and "é" in out and "ß" in out


def test_text_that_looks_like_a_flag_comes_after_two_dashes(tmp_path):
    out, _ = run("mask", "--", "--x y", "-1", cwd=tmp_path)
    assert "--x" in out and out.count("<- loss here") == 2


def test_a_folder_may_be_named_like_a_command(tmp_path, call, few_rows):
    call("--out", "bench", "--seeds", "1", "--steps", "1", "--workers", "1")
    assert (tmp_path / "bench" / "anatomy.png").exists()


def test_quick_does_not_overwrite_the_figures(tmp_path, call, few_rows):
    call("--quick", "--steps", "1", "--seeds", "1")
    assert os.listdir(tmp_path / "figures") == ["quick"]


def test_the_figures_of_the_repository_are_not_overwritten(tmp_path, call, monkeypatch):
    monkeypatch.setattr(figures, "FIGURES", tmp_path / "figures")
    call("figures", "anatomy")
    assert os.listdir(tmp_path / "figures") == ["own"]
    call("figures", "anatomy", "--out", "figures")  # unless somebody says so
    assert {"own", "anatomy.json", "anatomy.png"} == set(os.listdir(tmp_path / "figures"))
    ignored = Path(HOME, ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"figures/own/", "figures/quick/"} <= set(ignored)


def test_figures_by_name(tmp_path, call, few_rows):
    short = ["--steps", "1", "--workers", "1", "--quick"]
    out, err = call("figures", "prompt_weight", "anatomy", *short, "--seeds", "1")
    assert err == "" and out.count(".json: ") == 2
    names = ["anatomy.json", "anatomy.png", "prompt_weight.json", "prompt_weight.png"]
    assert sorted(os.listdir(tmp_path / "figures" / "quick")) == names
    call("figures", "few_shot", *short, "--seeds", "3", "--out", "here")
    stored = json.loads((tmp_path / "here" / "few_shot.json").read_text(encoding="utf-8"))
    assert stored["seeds"] == [0, 1, 2] and stored["settings"]["steps"] == 1
    assert {"figure", "caption", "alt", "config", "versions"} <= set(stored)


def test_figures_that_cannot_be_are_one_sentence(tmp_path, call):
    for argv, said in (
        (["anatomy", "whi"], "there is no figure 'whi'; there are lattice, anatomy, strip"),
        (["--seeds", "0"], "--seeds is 0: it must be 1 or more"),
        (["--steps", "0"], "--steps is 0: it must be 1 or more"),
    ):
        _, err = call("figures", *argv, code=2)
        assert err.startswith(f"minilm: {said}") and err.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_the_numbers_stay_where_a_figure_cannot_be_written(tmp_path, call, few_rows, monkeypatch):
    def fill_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(plots, "save", fill_disk)
    _, err = call("--steps", "1", "--seeds", "1", code=2)
    assert err == "minilm: the output: No space left on device\n"
    assert os.listdir(tmp_path / "figures") == ["masked_vs_full.json"]


def test_what_cannot_draw_is_found_before_training(tmp_path, call, monkeypatch):
    def fail(*_):
        raise RuntimeError("latex could not be found")

    monkeypatch.setattr(plots, "encode_png", fail)
    terminal.check_drawing.cache_clear()
    for argv in (["--steps", "1"], ["figures", "from_scratch"]):
        out, err = call(*argv, code=2)
        assert out == "" and re.match("minilm: matplotlib cannot draw, .*latex could not be found\n$", err)
    assert os.listdir(tmp_path) == []


@pytest.mark.slow  # matplotlib is loaded anew
@pytest.mark.parametrize("name", ["MPLBACKEND", "MATPLOTLIBRC"])
def test_a_broken_setting_of_matplotlib_is_found_before_training(tmp_path, name):
    (tmp_path / "settings").write_bytes(b"\xff\xfe")
    value = {"MPLBACKEND": "nonsense", "MATPLOTLIBRC": str(tmp_path / "settings")}[name]
    out, err = run("--steps", "1", cwd=tmp_path, code=2, **{name: value})
    assert out == "" and "minilm: matplotlib cannot draw, see MPLBACKEND and matplotlibrc: " in err
    assert os.listdir(tmp_path) == ["settings"]


def test_what_a_model_writes_is_no_command_to_the_terminal(tmp_path, call):
    words = tokenizer.build("char", ["\x1b\a\r\u202e\n"])
    config = model.Config(len(words.vocab), 30, 1, 2, 4)
    params = model.init(config, np.random.default_rng(0), std=0.02)
    files.checkpoint.save(tmp_path / "run" / "model.npz", params, config, words)
    out, _ = call("generate", "run", "\a", "--temperature", "1")
    assert r"\x1b" in out and out.replace("\n", "").isprintable()


def test_a_diagnosis_of_foreign_text_is_printable(tmp_path, call):
    row = {"prompt": "a\x1b[31m", "completion": "\x9b\u202e\u2066b\a"}
    (tmp_path / "rows.jsonl").write_text(f"{json.dumps(row)}\n" * 9, encoding="utf-8")
    out, _ = call("diagnose", "--data", "rows.jsonl")
    assert r"a\x1b[31m" in out and out.replace("\n", "").isprintable()


def set_run(monkeypatch, run):
    """Let `mask` do something else."""
    monkeypatch.setattr(commands.load("mask"), "run", run)


@pytest.mark.parametrize("name", [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)])
def test_a_signal_ends_a_command_as_ctrl_c_does(name, call, monkeypatch):
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)
    try:
        set_run(monkeypatch, lambda options: signal.raise_signal(number))
        _, err = call("mask", code=128 + number)
        assert err.startswith("minilm: stopped; ") and signal.getsignal(number) is signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN)  # as nohup does
        call("mask")
    finally:
        signal.signal(number, before)


@pytest.mark.slow  # workers start
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there are no process groups like this")
@pytest.mark.parametrize("number", [signal.SIGTERM, getattr(signal, "SIGHUP", 0)])
def test_workers_end_with_their_parent(tmp_path, number):
    """All of them hold stderr open: reading it to its end waits for the last."""
    argv = [sys.executable, "-m", "minilm", "--workers", "2", "--steps", "100000"]
    env = {**os.environ, "PYTHONPATH": HOME}
    before = signal.signal(number, signal.SIG_DFL)  # what a child inherits; under nohup it is ignored
    try:
        main = subprocess.Popen(argv, cwd=tmp_path, env=env, stdout=-1, stderr=-1, start_new_session=True)
    finally:
        signal.signal(number, before)
    with main:
        try:
            main.stdout.read(1)
            time.sleep(3)  # until the workers train
            main.send_signal(number)
            _, err = main.communicate(timeout=30)
        except BaseException:
            os.killpg(main.pid, signal.SIGKILL)
            raise
    assert main.returncode == 128 + number and err.startswith(b"minilm: stopped; ") and err.count(b"\n") == 1


def raise_einval(options):
    raise OSError(errno.EINVAL, "Invalid argument")


def test_a_closed_pipe_of_windows_ends_quietly(call, monkeypatch):
    set_run(monkeypatch, raise_einval)
    assert call("mask", code=2)[1] == "minilm: the output: Invalid argument\n"
    silenced = []
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "dup2", lambda *files: silenced.append(files))
    monkeypatch.setattr(sys.stdout, "fileno", lambda: 1, raising=False)
    assert call("mask", code=1)[1] == "" and len(silenced) == 1


def test_a_reader_that_has_gone_is_no_error(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    env = {**os.environ, "PYTHONPATH": HOME, "PYTHONUNBUFFERED": ""}  # so that all is written at the end
    argv = [sys.executable, "-m", "minilm", "mask", "a", "b"]
    try:
        done = subprocess.run(argv, stdout=writing, stderr=-1, cwd=tmp_path, env=env, timeout=60)
    finally:
        os.close(writing)
    assert done.returncode == 1 and done.stderr == b""


def test_closed_streams_are_no_error(monkeypatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["mask", "a", "b"]) == 0
    assert main(["mask", "a"]) == 2
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()


def test_there_is_a_worker_where_the_cores_are_not_known(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    for command in ("compare", "figures"):
        assert parse_options([command]).workers == 1


@pytest.mark.parametrize("command", commands.NAMES)
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert not ended.value.code
    assert re.search(r"Example:\s+python\s+-m\s+minilm", capsys.readouterr().out)


def test_progress_is_for_terminals_and_long_work_only(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    for stream, seconds, expected in ((Terminal(), 1, ""), (io.StringIO(), 9, ""), (Terminal(), 9, "27 s")):
        monkeypatch.setattr(terminal.sys, "stderr", stream)
        now[0] = 0.0
        with terminal.Progress("training") as progress:
            now[0] = seconds
            progress.report(1, 4)
            shown = stream.getvalue()
        assert (expected in shown) if expected else not stream.getvalue()
    assert stream.getvalue().endswith("\r")  # the line is cleared at the end


def test_conversations_all_the_way(tmp_path, call):
    def row(a, b):
        said = [("user", f"After {a}?"), ("assistant", b), ("user", "Sure?"), ("assistant", "Yes")]
        return json.dumps({"messages": [{"role": role, "content": text} for role, text in said]}) + "\n"

    rows = [row(a, b) for a, b in zip("abcdefghijkl", "bcdefghijklm", strict=True)]
    rows.append('{"prompt": "After m?", "completion": "n"}\n')  # both forms in one file
    (tmp_path / "rows.jsonl").write_text("".join(rows), encoding="utf-8")
    out, _ = call("--data", "rows.jsonl", "--steps", "2", "--seeds", "1", "--out", "o")
    assert re.search(r"<assistant> -> [b-n] +response +1  <- loss here", out)
    assert re.search(r"after <bos> <user>After [a-m]\?<assistant>\n", out)
    call("train", "--data", "rows.jsonl", "--out", "run", "--steps", "60")
    out, _ = call("generate", "run", "After c?", "--max-new-tokens", "9")
    assert out.strip() and "<user>" not in out.partition("<eos>")[0]
    out, _ = call("mask", "--data", "rows.jsonl", "--row", "12")
    assert out.startswith(
        "row 12 (line 13)\n  - <bos><user>After m?\n  - <assistant>\n  + n<eos>\n\n13 rows; "
    )
