"""A run that was stopped goes on to the bits of one that never was; another one is refused."""

import dataclasses
import json

import numpy as np
import pytest
from run_cases import (
    CONFIG,
    JSONL,
    ROWS,
    SETTINGS,
    TASK,
    WORDS,
    content,
    ctrl_c,
    die,
    ending,
    run_until,
    unstopped,
)

import minilm
from minilm import files, model, tokenizer, train, tree
from minilm.__main__ import main
from minilm.figures import history as history_figure

pytestmark = pytest.mark.usefixtures("ordinary_ctrl_c")


def test_a_run_is_what_train_does(tmp_path):
    seen = []
    state = files.run.run(tmp_path / "run", TASK, report=lambda entry, params: seen.append(entry))
    params, history = train.train(model.init(CONFIG, np.random.default_rng(0)), CONFIG, ROWS, ROWS, SETTINGS)
    np.testing.assert_array_equal(tree.flatten(state.params), tree.flatten(params))
    assert state.params["wte"]["weight"].dtype == np.float32
    assert history == seen == files.run.read_history(tmp_path / "run")
    assert content(tmp_path / "run") == unstopped()
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [files.run.HISTORY, files.run.MODEL]


@pytest.mark.parametrize("step", [1, 3, 4, 5, 8, 10, 11, 12])  # the warm-up has 4, evaluations come at 5
def test_ctrl_c_saves_the_step_under_way_and_resuming_gives_the_same_bits(tmp_path, step):
    state = run_until(tmp_path, step, ctrl_c)
    assert state.step == files.run.load(tmp_path).optimizer["step"] == step
    files.run.run(tmp_path, TASK, resume=True)
    assert content(tmp_path) == unstopped()


@pytest.mark.parametrize("step", [1, 4, 6, 11, 12])
def test_killed_training_resumes_from_the_last_evaluation(tmp_path, step):
    with pytest.raises(SystemError):
        run_until(tmp_path, step, die)
    assert files.run.load(tmp_path).optimizer["step"] == (step - 1) // 5 * 5
    files.run.run(tmp_path, TASK, resume=True)
    assert content(tmp_path) == unstopped()


def test_stopped_twice(tmp_path):
    run_until(tmp_path, 2, ctrl_c)
    run_until(tmp_path, 7, ctrl_c, resume=True)
    files.run.run(tmp_path, TASK, resume=True)
    assert content(tmp_path) == unstopped()


def test_killed_between_history_and_checkpoint(tmp_path):
    def save(path, params, config, words, optimizer, run):
        if optimizer["step"] == 10:
            die()
        original(path, params, config, words, optimizer, run)

    with minilm.swap("files.checkpoint.save", save) as original, pytest.raises(SystemError):
        files.run.run(tmp_path, TASK)
    assert [entry["step"] for entry in files.run.read_history(tmp_path)] == [0, 5, 10]
    assert files.run.load(tmp_path).optimizer["step"] == 5
    with open(tmp_path / files.run.HISTORY, "ab") as file:
        file.write(b'{"step": 12, "train_l')  # and a line half-written
    assert [entry["step"] for entry in files.run.read_history(tmp_path)] == [0, 5, 10]
    files.run.run(tmp_path, TASK, resume=True)
    assert content(tmp_path) == unstopped()


def test_killed_before_the_first_line(tmp_path):
    with minilm.swap("files.run.append", lambda path, entry: die()), pytest.raises(SystemError):
        files.run.run(tmp_path, TASK)
    assert not (tmp_path / files.run.HISTORY).exists()
    files.run.run(tmp_path, TASK, resume=True)
    assert content(tmp_path) == unstopped()


def test_a_leftover_of_a_killed_save_is_overwritten(tmp_path):
    run_until(tmp_path, 7, ctrl_c)
    for name in (files.run.MODEL, files.run.HISTORY):
        (tmp_path / f"{name}.part").write_bytes(b"half")
    files.run.run(tmp_path, TASK, resume=True)
    assert content(tmp_path) == unstopped()
    assert sorted(p.name for p in tmp_path.iterdir()) == [files.run.HISTORY, files.run.MODEL]


def refused(folder, message, call):
    """The call raises one sentence that matches, and changes nothing in the folder."""
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


OTHERS = {
    "config": (TASK._replace(config=dataclasses.replace(CONFIG, n_embd=4)), "n_embd is 4, .* began with 8"),
    "settings": (
        TASK._replace(settings=dataclasses.replace(SETTINGS, lr=0.5)),
        "lr is 0.5, .* began with 0.02",
    ),
    "one row less": (TASK._replace(rows=ROWS[1:]), "the rows .* are not those"),
    "another order": (TASK._replace(rows=ROWS[::-1]), "the rows .* are not those"),
    "other held-out rows": (TASK._replace(held_out=ROWS[1:]), "the rows .* are not those"),
    "a row held out": (TASK._replace(rows=ROWS[:3], held_out=ROWS[3:] + ROWS), "the rows .* are not those"),
    "other letters": (TASK._replace(tokenizer=tokenizer.build("char", ["abcdefgi"])), "the rows .* are not"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_run_does_not_go_on_here(tmp_path, name):
    run_until(tmp_path, 7, ctrl_c)
    task, message = OTHERS[name]
    refused(tmp_path, message, lambda: files.run.run(tmp_path, task, resume=True))


def test_a_new_run_overwrites_nothing(tmp_path):
    run_until(tmp_path, 7, ctrl_c)
    refused(tmp_path, r"already holds a run \(model.npz\)", lambda: files.run.run(tmp_path, TASK))
    (tmp_path / files.run.MODEL).unlink()
    refused(tmp_path, r"already holds a run \(history.jsonl\)", lambda: files.run.run(tmp_path, TASK))
    refused(tmp_path, "holds no run: there is no", lambda: files.run.run(tmp_path, TASK, resume=True))


def test_a_model_without_a_run_loads_but_does_not_go_on(tmp_path):
    files.checkpoint.save(
        tmp_path / files.run.MODEL, model.init(CONFIG, np.random.default_rng(0)), CONFIG, WORDS
    )
    assert files.checkpoint.load(tmp_path / files.run.MODEL)[1:] == (CONFIG, WORDS)
    refused(tmp_path, "holds a model, but no run", lambda: files.run.run(tmp_path, TASK, resume=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run.pop("terms"), "no run to go on with"),
        (lambda run: run.update(options=[]), "no run to go on with"),
        (lambda run: run.update(recent=["1"]), "no finite numbers"),
        (lambda run: run["recent"].pop(), "contradicts itself"),
    ],
)
def test_notes_of_a_run_that_make_no_sense_are_refused(tmp_path, change, message):
    run_until(tmp_path, 7, ctrl_c)
    found = files.run.load(tmp_path)
    change(found.run)
    files.checkpoint.save(tmp_path / files.run.MODEL, *found)
    refused(tmp_path, message, lambda: files.run.run(tmp_path, TASK, resume=True))


HISTORIES = {
    "missing": (None, r"history.jsonl is no file"),
    "empty": (b"", r"history.jsonl is empty"),
    "half a line": (b'{"step": 0', r"history.jsonl is empty"),
    "no JSON": (b"{}\nx\n", r"history.jsonl, line 1: no object with the numbers step, train_loss"),
    "a list": (b"[1]\n", "line 1: no object"),
    "a number is text": (b'{"step": 0, "train_loss": "1", ', "line 1: no object"),
    "NaN": (b'{"step": 0, "train_loss": NaN, ', "line 1: no object"),
    "a number with 400 digits": (b'{"step": 0, "train_loss": 1' + b"0" * 399 + b", ", "line 1: no object"),
    "a negative loss": (b'{"step": 0, "train_loss": -1, ', "line 1: no object"),
    "step 0.5": (b'{"step": 0.5, "train_loss": null, ', "line 1: no object"),
    "not UTF-8": (b"\xff\n", "line 1: no object"),
    "nested": (b"[" * 100_000 + b"\n", "line 1: no object"),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_that_is_none_is_refused(tmp_path, name, capsys):
    run_until(tmp_path, 7, ctrl_c)
    text, message = HISTORIES[name]
    (tmp_path / files.run.HISTORY).unlink()
    if text is not None:
        rest = b'"prompt_nll": 1.0, "response_nll": 1.0, "exact_match": 0.0}\n' if text[-2:] == b", " else b""
        (tmp_path / files.run.HISTORY).write_bytes(text + rest)
    refused(tmp_path, message, lambda: files.run.run(tmp_path, TASK, resume=True))
    refused(tmp_path, message, lambda: files.run.read_history(tmp_path))
    assert main(["plot", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("minilm: ") and err.count("\n") == 1


def test_a_history_with_a_line_missing_is_refused(tmp_path):
    run_until(tmp_path, 11, ctrl_c)
    path = tmp_path / files.run.HISTORY
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    refused(
        tmp_path, "has no line of step 5, so it is not", lambda: files.run.run(tmp_path, TASK, resume=True)
    )


FLAGS = {
    "41 seed": ("--seed 1", "seed is 1, but the run in .* began with 0"),
    "41 steps": ("--steps 300", "steps is 300, but the run in .* began with 30"),
    "41 fewer steps": ("--steps 25", "steps is 25, but the run in .* began with 30"),
    "41 lr": ("--lr 0.004", "lr is 0.004, but the run in .* began with 0.003"),
    "41 weight": ("--prompt-weight 0", "prompt_weight is 0.0, but the run in .* began with 0.5"),
    "41 level": ("--level char", "level is char, but the run in .* began with byte"),
    "41 cut": ("--max-tokens 12", "the rows .data file, --max-tokens. are not those"),
    "41 one letter": ("", "the rows .data file, --max-tokens. are not those"),
}


def test_resume_takes_the_flags_from_the_run_and_refuses_others(tmp_path, capsys):
    rows, folder = tmp_path / "rows.jsonl", tmp_path / "run"
    rows.write_text(JSONL, encoding="utf-8")
    new = "--steps 30 --prompt-weight 0.5 --level byte --max-tokens 11".split()
    argv = ["train", "--data", str(rows), "--out", str(folder)]
    assert main([*argv, *new]) == 0
    whole = content(folder)
    for name in (files.run.HISTORY, files.run.MODEL):
        (folder / name).unlink()
    with minilm.swap("train.train_step", ending(24, ctrl_c)):
        assert main([*argv, *new]) == 130
    assert "holds step 24 of 30" in capsys.readouterr().err
    for name, (flags, message) in FLAGS.items():
        rows.write_text(JSONL.replace("g?", "G?") if "letter" in name else JSONL, encoding="utf-8")
        before = content(folder)
        assert main([*argv, "--resume", *flags.split()]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        with pytest.raises(ValueError, match=message):
            raise ValueError(err)
        assert content(folder) == before
    rows.rename(tmp_path / "moved.jsonl")
    (tmp_path / "moved.jsonl").write_text(f"\n{JSONL}\n\n", encoding="utf-8")
    argv[2] = str(tmp_path / "moved.jsonl")
    assert main([*argv, "--resume", "--lr", "0.003"]) == 0
    assert content(folder) == whole
    capsys.readouterr()
    assert main([*argv, "--resume"]) == 0  # a finished run has nothing left to do
    assert capsys.readouterr().out.endswith(f"{folder / files.run.MODEL} holds the model after 30 steps\n")
    assert content(folder) == whole


@pytest.mark.parametrize(
    ("weight", "name", "label", "colour"),
    [
        (0.0, "masked loss", "masked", "#0072B2"),
        (1.0, "full loss", "full", "#D55E00"),
        (0.3, "prompt-loss weight 0.3", "weight 0.3", "#009E73"),
    ],
)
def test_the_figure_draws_the_history_and_says_which_loss(tmp_path, capsys, weight, name, label, colour):
    task = TASK._replace(settings=dataclasses.replace(SETTINGS, prompt_weight=weight))
    run_until(tmp_path, 11, ctrl_c, task)  # an unfinished run has a figure, too
    assert main(["plot", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert (
        out.startswith(f"{tmp_path / 'history.png'}: One run with {name}") and "after 10 of 12 steps" in out
    )
    png = (tmp_path / "history.png").read_bytes()
    assert png.startswith(b"\x89PNG") and b"Three line charts of one run" in png

    history = files.run.read_history(tmp_path)
    assert (
        f"exact match {history[-1]['exact_match']:.3f}, -log P(y|x) {history[-1]['response_nll']:.3f}" in out
    )
    settings = {"prompt_weight": weight, "seed": 0, "steps": 12}
    figure = history_figure.draw({"settings": settings, "history": history, "uniform": np.log(11)})
    assert name in figure.get_suptitle() and name in figure.get_supxlabel()
    for axes, key in zip(figure.axes, ("exact_match", "response_nll", "prompt_nll"), strict=True):
        drawn = axes.get_lines()[0]
        assert list(drawn.get_xdata()) == [0, 5, 10] and drawn.get_color() == colour
        np.testing.assert_array_equal(drawn.get_ydata(), [entry[key] for entry in history])
        assert label in [text.get_text() for text in axes.texts]


def test_the_history_is_one_json_object_a_line(tmp_path):
    files.run.run(tmp_path, TASK)
    lines = (tmp_path / files.run.HISTORY).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 5, 10, 12]
    assert all(tuple(json.loads(line)) == files.run.KEYS for line in lines)


@pytest.mark.parametrize("step", [-1, 13, 10**15])
def test_a_step_outside_the_run_is_refused(tmp_path, step):
    run_until(tmp_path, 7, ctrl_c)
    found = files.run.load(tmp_path)
    found.optimizer["step"] = step
    files.checkpoint.save(tmp_path / files.run.MODEL, *found)
    refused(
        tmp_path, f"contradicts itself: .* step {step}", lambda: files.run.run(tmp_path, TASK, resume=True)
    )
