"""A run that was stopped and resumed has the bits of one that never was; another run is refused."""

import dataclasses

import numpy as np
import pytest
from run_cases import (
    CONFIG,
    ROWS,
    SETTINGS,
    TASK,
    TOKENIZER,
    die,
    press_ctrl_c,
    read_bits,
    resume,
    run_until,
    unstopped_bits,
)

import minilm
from minilm import files, model, train, tree
from minilm import tokenizer as tokenizers

pytestmark = pytest.mark.usefixtures("ordinary_ctrl_c")
BOTH_FILES = [files.history.NAME, files.run.MODEL]


def test_a_run_is_what_train_does(tmp_path):
    reported = []
    folder = tmp_path / "run"
    state = files.run.start_or_resume(folder, TASK, report=lambda entry, params: reported.append(entry))
    params, history = train.train(model.init(CONFIG, np.random.default_rng(0)), CONFIG, ROWS, ROWS, SETTINGS)
    np.testing.assert_array_equal(tree.flatten(state.params), tree.flatten(params))
    assert state.params["wte"]["weight"].dtype == np.float32
    assert history == reported == files.history.read(folder)
    assert read_bits(folder) == unstopped_bits()
    assert sorted(p.name for p in folder.iterdir()) == BOTH_FILES


@pytest.mark.parametrize("step", [1, 3, 4, 5, 8, 10, 11, 12])  # the warm-up has 4, evaluations come at 5
def test_ctrl_c_saves_the_step_under_way_and_resuming_gives_the_same_bits(tmp_path, step):
    state = run_until(tmp_path, step, press_ctrl_c)
    assert state.step == files.run.load(tmp_path).optimizer["step"] == step
    resume(tmp_path)
    assert read_bits(tmp_path) == unstopped_bits()


@pytest.mark.parametrize("step", [1, 4, 6, 11, 12])
def test_killed_training_resumes_from_the_last_evaluation(tmp_path, step):
    with pytest.raises(SystemError):
        run_until(tmp_path, step, die)
    assert files.run.load(tmp_path).optimizer["step"] == (step - 1) // 5 * 5
    resume(tmp_path)
    assert read_bits(tmp_path) == unstopped_bits()


def test_a_run_may_be_stopped_twice(tmp_path):
    run_until(tmp_path, 2, press_ctrl_c)
    run_until(tmp_path, 7, press_ctrl_c, resume=True)
    resume(tmp_path)
    assert read_bits(tmp_path) == unstopped_bits()


def test_killed_between_history_and_checkpoint(tmp_path):
    def save_unless_step_10(path, params, config, tokenizer, optimizer, run):
        if optimizer["step"] == 10:
            die()
        original(path, params, config, tokenizer, optimizer, run)

    with minilm.swap("files.checkpoint.save", save_unless_step_10) as original, pytest.raises(SystemError):
        files.run.start_or_resume(tmp_path, TASK)
    assert [entry["step"] for entry in files.history.read(tmp_path)] == [0, 5, 10]
    assert files.run.load(tmp_path).optimizer["step"] == 5
    with open(tmp_path / files.history.NAME, "ab") as file:
        file.write(b'{"step": 12, "train_l')  # and a line half-written
    assert [entry["step"] for entry in files.history.read(tmp_path)] == [0, 5, 10]
    resume(tmp_path)
    assert read_bits(tmp_path) == unstopped_bits()


def test_killed_before_the_first_line(tmp_path):
    with minilm.swap("files.history.append_entry", lambda folder, entry: die()):
        with pytest.raises(SystemError):
            files.run.start_or_resume(tmp_path, TASK)
    assert not (tmp_path / files.history.NAME).exists()
    resume(tmp_path)
    assert read_bits(tmp_path) == unstopped_bits()


def test_parts_that_a_kill_left_are_removed_and_no_other_files(tmp_path):
    run_until(tmp_path, 7, press_ctrl_c)
    theirs = [
        "model.npz.part",
        "history.jsonl.part",
        ".model.npz.mine.part",
        ".page.html.0123456789abcdef.part",
    ]
    for name in [*theirs, *(f".{name}.0123456789abcdef.part" for name in BOTH_FILES)]:
        (tmp_path / name).write_bytes(b"half")
    resume(tmp_path)
    assert read_bits(tmp_path) == unstopped_bits()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*theirs, *BOTH_FILES])


def require_refusal(folder, message, task=TASK, is_resumed=True):
    """Running must raise one sentence that matches, and change nothing in the folder."""
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(ValueError, match=message) as caught:
        files.run.start_or_resume(folder, task, is_resumed)
    assert "\n" not in str(caught.value)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": dataclasses.replace(CONFIG, n_embd=4)}, "n_embd is 4, .* began with 8"),
        ({"settings": dataclasses.replace(SETTINGS, warmup=3)}, "warmup is 3, .* began with 4"),
        ({"settings": dataclasses.replace(SETTINGS, processes=2)}, "processes is 2, .* began with 1"),
        ({"rows": ROWS[1:]}, "the rows .* are not those"),
        ({"rows": ROWS[::-1]}, "the rows .* are not those"),
        ({"held_out": ROWS[1:]}, "the rows .* are not those"),
        ({"rows": ROWS[:3], "held_out": ROWS[3:] + ROWS}, "the rows .* are not those"),
        ({"tokenizer": tokenizers.build("char", ["abcdefgi"])}, "the rows .* are not those"),
    ],
)
def test_another_run_is_not_resumed(tmp_path, changes, message):
    run_until(tmp_path, 7, press_ctrl_c)
    require_refusal(tmp_path, message, TASK._replace(**changes))


def retell(folder, **terms):
    """Add terms to a stored run."""
    stored = files.run.load(folder)
    stored.run["terms"] |= terms
    files.checkpoint.save(folder / files.run.MODEL, *stored)


def test_the_settings_of_an_older_version_do_not_hinder_where_nothing_differs(tmp_path):
    run_until(tmp_path, 7, press_ctrl_c)
    retell(tmp_path, optimizer="adamw", clip=None)
    resume(tmp_path)
    assert np.array_equal(*(bits[0]["wte.weight"] for bits in (read_bits(tmp_path), unstopped_bits())))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("schedule", "cosine", "schedule is linear, to 0 after .*, but the run in .* began with cosine"),
        (
            "schedule",
            "linear",
            "schedule is linear, to 0 after .*, but the run in .* began with linear: resume",
        ),
        ("optimizer", "sgd", "optimizer is adamw, .* began with sgd"),
        ("clip", 1.0, "clip is None, .* began with 1.0: resume it as it began, or start another"),
        ("momentum", 0.9, "momentum is no setting of this version, .* began with 0.9"),
        ("note", "a" * 10**5, "note is no setting of this version, .* began with a{80}: resume"),
    ],
)
def test_a_run_that_trained_otherwise_is_not_resumed(tmp_path, name, value, message):
    run_until(tmp_path, 7, press_ctrl_c)
    retell(tmp_path, **{name: value})
    require_refusal(tmp_path, message)


@pytest.mark.parametrize("steps", [1, 2])
def test_a_run_of_one_or_two_steps(tmp_path, steps):
    task = TASK._replace(settings=dataclasses.replace(SETTINGS, steps=steps, warmup=1))
    files.run.start_or_resume(tmp_path / "whole", task)
    assert [entry["step"] for entry in files.history.read(tmp_path / "whole")] == [0, steps]
    run_until(tmp_path / "cut", 1, press_ctrl_c, task)
    assert resume(tmp_path / "cut", task).step == steps
    assert read_bits(tmp_path / "cut") == read_bits(tmp_path / "whole")
    assert resume(tmp_path / "whole", task).step == steps  # nothing is left to do
    assert read_bits(tmp_path / "cut") == read_bits(tmp_path / "whole")


def test_a_run_of_a_version_without_processes_had_one(tmp_path):
    run_until(tmp_path, 7, press_ctrl_c)
    stored = files.run.load(tmp_path)
    del stored.run["terms"]["processes"]
    files.checkpoint.save(tmp_path / files.run.MODEL, *stored)
    require_refusal(
        tmp_path,
        "processes is 2, .* began with 1",
        TASK._replace(settings=dataclasses.replace(SETTINGS, processes=2)),
    )
    resume(tmp_path)
    assert read_bits(tmp_path) == unstopped_bits()


def test_a_new_run_overwrites_nothing(tmp_path):
    run_until(tmp_path, 3, press_ctrl_c)  # no line but that of step 0
    require_refusal(tmp_path, r"already holds a run \(model.npz\)", is_resumed=False)
    (tmp_path / files.run.MODEL).unlink()
    require_refusal(tmp_path, r"already holds a run \(history.jsonl\)", is_resumed=False)
    require_refusal(tmp_path, "holds no run: there is no")


def test_a_model_without_a_run_loads_but_is_not_resumed(tmp_path):
    path = tmp_path / files.run.MODEL
    files.checkpoint.save(path, model.init(CONFIG, np.random.default_rng(0)), CONFIG, TOKENIZER)
    assert files.checkpoint.load(path)[1:] == (CONFIG, TOKENIZER)
    require_refusal(tmp_path, "holds a model, but no run")


def test_a_vocabulary_in_another_order_is_not_resumed(tmp_path):
    run_until(tmp_path, 7, press_ctrl_c)
    params, config, tokenizer, *others = files.run.load(tmp_path)
    turned = tokenizers.Tokenizer("char", tokenizer.vocab[:3] + tokenizer.vocab[:2:-1])
    files.checkpoint.save(tmp_path / files.run.MODEL, params, config, turned, *others)
    require_refusal(tmp_path, "contradicts itself: its tokenizer is not that of its rows")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stored: stored.run.pop("terms"), "no run to resume"),
        (lambda stored: stored.run.update(options=[]), "no run to resume"),
        (lambda stored: stored.run.update(recent=["1"]), "no finite numbers"),
        (lambda stored: stored.run.update(recent=[0.5, -0.5]), "no finite numbers, 0 or more"),
        (lambda stored: stored.run["recent"].pop(), "contradicts itself"),
        (lambda stored: stored.optimizer.update(step=-1), "contradicts itself: .* step -1"),
        (lambda stored: stored.optimizer.update(step=13), "contradicts itself: .* step 13"),
        (lambda stored: stored.optimizer.update(step=10**15), f"contradicts itself: .* step {10**15}"),
    ],
)
def test_notes_of_a_run_that_make_no_sense_are_refused(tmp_path, change, message):
    run_until(tmp_path, 7, press_ctrl_c)
    stored = files.run.load(tmp_path)
    change(stored)
    files.checkpoint.save(tmp_path / files.run.MODEL, *stored)
    require_refusal(tmp_path, message)
