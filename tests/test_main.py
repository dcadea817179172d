"""The command line as a user meets it: files, consoles, and processes where a process matters."""

import io
import json
import os
import pickle
import re
import subprocess
import sys

import pytest
from small_worlds import small_worlds

from minilm import commands
from minilm.__main__ import main
from minilm.commands import terminal
from minilm.figures import processes

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
    names = ["anatomy.json", "anatomy.png", "masked_vs_full.json", "masked_vs_full.png"]
    assert sorted(os.listdir(tmp_path / "figures")) == names
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
        (["why", "whi"], "there is no figure 'whi'; there are anatomy, masked_vs_full, why, fingerprints"),
        (["--seeds", "0"], "--seeds and --workers must be 1 or more"),
        (["--steps", "0"], "--steps is 0: it must be 1 or more"),
    ):
        _, err = call("figures", *argv, code=2)
        assert err.startswith(f"minilm: {said}") and err.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_a_killed_worker_is_one_sentence(tmp_path, monkeypatch, capsys):
    from concurrent.futures.process import BrokenProcessPool

    from minilm import __main__
    from minilm.figures import tasks

    def killed(*args):
        raise BrokenProcessPool("died")

    monkeypatch.setattr(tasks, "compare", killed)
    assert __main__.main(["--steps", "1", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("minilm: a worker was killed")


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
