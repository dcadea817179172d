"""A run's folder: model.npz, the last good state, and history.jsonl, one line an evaluation.

A line of the history is written before the checkpoint of its step. However a run ends, it so has
lines too many, never too few, and going on cuts those that come after the checkpoint.
"""

import contextlib
import hashlib
import json
import math
import os
import signal
import threading
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from .. import model, train, tree
from . import checkpoint

MODEL, HISTORY = "model.npz", "history.jsonl"
KEYS = ("step", "train_loss", "prompt_nll", "response_nll", "exact_match")


def run(folder, task, resume=False, report=None, options=None):
    """Train a figures.tasks.Task in a folder of its own; returns the train.State where it ended.

    A checkpoint is written at step 0 and at every evaluation; `report(entry, params)` is called after
    it. With `resume` training goes on from the last one, to the bits of a run that never stopped.
    Ctrl-C ends it after the step under way, saved: the state's step then is below the settings'.
    `options`, any JSON, is kept for who asks `load`. Raises ValueError for a folder that holds a run
    (with `resume`: none, or another one), NonFiniteError as train_step; the last checkpoint stays.
    """
    folder = Path(folder)
    state, fixed = going_on(folder, task) if resume else starting(folder, task, options)
    saved = state.step
    steps = train.each_step(state, task.config, task.rows, task.held_out, task.settings)
    try:
        with ctrl_c() as asked, np.errstate(over="ignore", invalid="ignore"):  # checked, and named
            for entry, state in steps:
                stop = asked and state.step < task.settings.steps
                if stop or entry:
                    check_finite(entry, state)
                if entry:
                    append(folder / HISTORY, entry)
                if stop or (entry and state.step):
                    save(folder, state, task, fixed)
                    saved = state.step
                if entry and report:
                    report(entry, state.params)
                if stop:
                    break
    except train.NonFiniteError as error:
        kept = f"{folder / MODEL} keeps the state of step {saved}, the last good one"
        raise train.NonFiniteError(f"{error}; {kept}") from None
    return state


def starting(folder, task, options):
    """The state before step 1, saved in a new folder, and what its run shall keep to."""
    for name in (MODEL, HISTORY):
        if (folder / name).exists():
            raise ValueError(
                f"{folder} already holds a run ({name}): go on with it by --resume, or give another --out"
            )
    state = train.begin(model.init(task.config, np.random.default_rng(task.settings.seed)))
    fixed = {"terms": terms(task), "options": options or {}}
    save(folder, state, task, fixed)
    return state, fixed


def going_on(folder, task):
    """The last state saved in a folder, its history cut to it, and what its run keeps to."""
    found = load(folder)
    check_terms(folder, found.run["terms"], terms(task))
    state = train.State(found.params, found.optimizer, found.run["recent"])
    since = 0 if train.is_evaluated(state.step, task.settings) else state.step % task.settings.eval_every
    if not 0 <= state.step <= task.settings.steps or len(state.recent) != since:
        raise ValueError(f"{folder / MODEL} contradicts itself: its losses do not fit its step {state.step}")
    cut_history(folder, state.step, task.settings)
    return state, {key: found.run[key] for key in ("terms", "options")}


def cut_history(folder, step, settings):
    """Cut a history after the line of a checkpoint's step; at step 0 the first line comes again, too.

    Raises ValueError for a history that lacks a line before it, and so is not the checkpoint's.
    """
    entries = read_history(folder) if step else []
    kept = {entry["step"]: entry for entry in entries if entry["step"] <= step}
    expected = {done for done in range(step + 1) if step and train.is_evaluated(done, settings)}
    if kept.keys() != expected:
        odd = min(kept.keys() ^ expected)
        problem = "has no line of" if odd in expected else "has a line too many, of"
        raise ValueError(
            f"{folder / HISTORY} {problem} step {odd}, so it is not that of the checkpoint of step {step}: "
            "restore it, or start a new run in another folder"
        )
    with checkpoint.replacing(folder / HISTORY) as file:
        file.writelines(line(kept[done]) for done in sorted(kept))


def load(folder):
    """The checkpoint.Checkpoint of a run: `run` holds its terms, options and recent losses.

    Raises ValueError for a folder without one, and for a file that holds a model but no run.
    """
    path = Path(folder) / MODEL
    if not path.exists():
        raise ValueError(
            f"{folder} holds no run: there is no {path}; `train --out` without --resume starts one"
        )
    found = checkpoint.read(path)
    kinds = {"terms": dict, "options": dict, "recent": list}
    whole = isinstance(found.run, dict) and found.optimizer is not None
    if not whole or any(not isinstance(found.run.get(key), kind) for key, kind in kinds.items()):
        raise ValueError(f"{path} holds a model, but no run to go on with: train anew in another folder")
    if not all(isinstance(loss, float) and math.isfinite(loss) for loss in found.run["recent"]):
        raise ValueError(f"{path} holds recent losses that are no finite numbers: restore a copy")
    check_kept(path, found)
    return found


def check_kept(path, found):
    """Raise ValueError unless a run's terms are settings that can train, and those of its model."""
    kept = found.run["terms"]
    try:
        train.Settings(**{field.name: kept[field.name] for field in fields(train.Settings)})
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} holds a run whose terms make no sense ({error}): restore a copy") from None
    for name, value in {**asdict(found.config), "level": found.tokenizer.level}.items():
        if kept.get(name) != value:
            raise ValueError(f"{path} contradicts itself: its {name} is {value}, not its run's")


def save(folder, state, task, fixed):
    """Write a run's checkpoint; the one before it stays until this one is whole."""
    run = {**fixed, "recent": state.recent}
    path = Path(folder) / MODEL
    checkpoint.save(path, state.params, task.config, task.tokenizer, state.optimizer, run)


def terms(task):
    """What must stay as it was when a run goes on, in the order in which it is compared.

    "rows" is the SHA-256 of vocabulary, training rows and held-out rows: of what the model sees of the
    data, so that a file moved, or one with other blank lines, is the same, and one letter is not.
    """
    digest = hashlib.sha256(repr(task.tokenizer.vocab).encode())
    for rows in (task.rows, task.held_out):
        for row in rows:
            digest.update(repr([np.asarray(field).tolist() for field in row]).encode())
        digest.update(b"end")
    settings = {**asdict(task.settings), "level": task.tokenizer.level}
    return {**settings, "rows": digest.hexdigest(), **asdict(task.config)}


def check_terms(folder, begun, now):
    """Raise ValueError naming the first thing in which a run and what shall go on with it differ."""
    for name, value in now.items():
        if begun.get(name) != value:
            what = f"{name} is {value}, but the run in {folder} began with {begun.get(name)}"
            if name == "rows":
                what = f"the rows (data file, --max-tokens) are not those that the run in {folder} began with"
            raise ValueError(f"{what}: a run goes on as it began; start another one in another folder")


def check_finite(entry, state):
    """Raise NonFiniteError, before anything is stored, for a state or an entry that is not finite."""
    for name, value in [*tree.named(state.params), *state.optimizer.items(), *(entry or {}).items()]:
        if value is not None and not np.isfinite(value).all():
            raise train.NonFiniteError(f"step {state.step}: {name} is not finite: lower the learning rate")


def line(entry):
    """An entry as a line of history.jsonl."""
    return json.dumps(entry).encode() + b"\n"


def append(path, entry):
    """Add a line to a history; it is on the disk when this returns."""
    with checkpoint.naming(path), open(path, "ab") as file:
        file.write(line(entry))
        file.flush()
        os.fsync(file.fileno())


def read_history(folder):
    """The entries of a run's history; a last line that a kill left half-written is left out.

    Raises ValueError for a missing or empty history, and naming the line that is no entry.
    """
    path = Path(folder) / HISTORY
    if not path.is_file():
        raise ValueError(f"{path} is no file: give the folder that `train --out` wrote")
    entries = []
    for number, text in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            entry = json.loads(text)
            measured = [entry[key] for key in KEYS if key != "train_loss" or entry[key] is not None]
            whole = type(entry["step"]) is int and all(is_measured(number) for number in measured)
            whole = whole and entry["exact_match"] <= 1  # a share
        except (ValueError, TypeError, KeyError, RecursionError):
            whole = False
        if not whole:
            names = ", ".join(KEYS)
            raise ValueError(f"{path}, line {number}: no object with the numbers {names}: restore the line")
        entries.append(entry)
    if not entries:
        raise ValueError(f"{path} is empty: the run was stopped before its first evaluation")
    return entries


def is_measured(value):
    """Whether a value of JSON is a number as steps, losses and shares are: finite, and not negative."""
    if type(value) is int:
        return 0 <= value < 2**53  # beyond, it is not what a float would make of it
    return type(value) is float and 0 <= value < 1e39  # float32 ends before, and so do its means


@contextlib.contextmanager
def ctrl_c():
    """A list that the first Ctrl-C makes non-empty; the second one interrupts as ever.

    Only where Ctrl-C would interrupt: not in a thread, nor where the shell has it ignored.
    """
    asked, ordinary = [], signal.default_int_handler
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not ordinary:
        yield asked
        return

    def ask(number, frame):
        asked.append(number)
        signal.signal(signal.SIGINT, ordinary)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, ordinary)
