"""The folder of a training run: model.npz, the last good state, and history.jsonl.

The history's line of a step is written before its checkpoint. After a crash the history may have
extra lines; resuming drops them.
"""

import hashlib
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from .. import model, parallel, train, tree
from . import atomic, checkpoint, history, lock, stop

MODEL = "model.npz"
SCHEDULE = "linear, to 0 after the last step"  # older versions came to 0 at the last step, or had others
ONLY_VALUES = {"optimizer": "adamw", "clip": None}  # once settings


def start_or_resume(folder, task, resume=False, report=None, options=None):
    """Train a figures.tasks.Task in a folder of its own; returns the train.State at the end.

    A checkpoint is written at step 0 and at every evaluation; `report(entry, params)` is called after
    it. With `resume`, training continues from the last checkpoint, and ends with the same bits as a run
    that never stopped. The first Ctrl-C finishes the step, saves and returns: the state's step is then
    below settings.steps. `options` (any JSON) is stored; `load` returns it.
    Raises ValueError for a folder that already holds a run (with `resume`: none, or another one), and
    NonFiniteError or WorkerError as train_step does; the last checkpoint stays.
    """
    folder = Path(folder)
    if not resume:
        folder.mkdir(parents=True, exist_ok=True)
    with lock.lock_folder(folder):
        state, notes = resume_run(folder, task) if resume else start_run(folder, task, options)
        remove_parts(folder)
        return continue_run(folder, task, state, notes, report)


def continue_run(folder, task, state, notes, report):
    """Train from a state on, and store it; returns the last one. Raises NonFiniteError."""
    saved_step = state.step
    states = train.each_step(state, task.config, task.rows, task.held_out, task.settings)
    try:
        # NumPy does not warn of an overflow here: check_finite looks for it, and names the tensor.
        with stop.catch_signals() as requests, np.errstate(over="ignore", invalid="ignore"):
            for entry, state in states:
                is_stopped = bool(requests) and state.step < task.settings.steps
                if entry or is_stopped:
                    check_finite(entry, state)
                if entry:
                    history.append_entry(folder, entry)
                if is_stopped or (entry and state.step):
                    save_state(folder, state, task, notes)
                    saved_step = state.step
                if entry and report:
                    report(entry, state.params)
                if is_stopped:
                    break
    except (train.NonFiniteError, parallel.WorkerError) as error:
        where = f"{folder / MODEL} keeps the state of step {saved_step}, the last good one"
        raise type(error)(f"{error}; {where}") from None
    return state


def start_run(folder, task, options):
    """Save the state before step 1 in a folder; returns it and the notes of the run.

    Raises ValueError for a folder that holds a run which has trained.
    """
    for name in (MODEL, history.NAME):
        if (folder / name).exists() and not is_untrained(folder):
            raise ValueError(
                f"{folder} already holds a run ({name}): continue it with --resume, or give another --out"
            )
    state = train.begin(model.init(task.config, np.random.default_rng(task.settings.seed)))
    notes = {"terms": collect_terms(task), "options": options or {}}
    save_state(folder, state, task, notes)
    (folder / history.NAME).unlink(missing_ok=True)
    return state, notes


def is_untrained(folder):
    """Return whether a folder holds a run that failed or was killed before it stored anything trained."""
    try:
        step = load(folder).optimizer["step"]
    except ValueError:
        return False
    path = folder / history.NAME
    return step == 0 and (not path.exists() or path.read_bytes().count(b"\n") <= 1)


def remove_parts(folder):
    """Remove the parts of files that a process which was killed left in the folder of a run."""
    for name in (MODEL, history.NAME):
        for part in folder.glob(atomic.name_part(folder / name, "[0-9a-f]" * 16).name):
            part.unlink()


def resume_run(folder, task):
    """Load the last state of a folder and cut its history to it; returns state and notes."""
    stored = load(folder)
    check_same_terms(folder, stored.run["terms"], collect_terms(task))
    if stored.tokenizer != task.tokenizer:  # the terms know the vocabulary of the rows
        raise ValueError(f"{folder / MODEL} contradicts itself: its tokenizer is not that of its rows")
    state = train.State(stored.params, stored.optimizer, stored.run["recent"])
    history.cut_after(folder, state.step, task.settings)
    return state, {key: stored.run[key] for key in ("terms", "options")}


def save_state(folder, state, task, notes):
    """Write a run's checkpoint; the one before it stays until this one is complete."""
    run = {**notes, "recent": state.recent}
    path = Path(folder) / MODEL
    checkpoint.save(path, state.params, task.config, task.tokenizer, state.optimizer, run)


def load(folder):
    """Load the checkpoint.Checkpoint of a run; its `run` holds terms, options and recent losses.

    Raises ValueError for a folder without one, and for a file that holds a model but no run.
    """
    path = Path(folder) / MODEL
    if not path.exists():
        raise ValueError(
            f"{folder} holds no run: there is no {path}; `train --out` without --resume starts one"
        )
    stored = checkpoint.read(path)
    kinds = {"terms": dict, "options": dict, "recent": list}
    is_run = isinstance(stored.run, dict) and stored.optimizer is not None
    if not is_run or any(not isinstance(stored.run.get(key), kind) for key, kind in kinds.items()):
        raise ValueError(f"{path} holds a model, but no run to resume: train anew in another folder")
    if not all(history.is_measured(loss) for loss in stored.run["recent"]):
        raise ValueError(f"{path} holds recent losses that are no finite numbers, 0 or more: restore a copy")
    stored.run["terms"].setdefault("processes", 1)  # a run of an older version
    check_stored_terms(path, stored)
    return stored


def collect_terms(task):
    """Collect what must not change when a run is resumed, in the order in which it is compared.

    "rows" is the SHA-256 of vocabulary, training rows and held-out rows, as the model sees them. A file
    that was moved, or has other blank lines, is the same; one other letter is not.
    """
    digest = hashlib.sha256(repr(task.tokenizer.vocab).encode())
    for rows in (task.rows, task.held_out):
        for row in rows:
            digest.update(repr([np.asarray(field).tolist() for field in row]).encode())
        digest.update(b"end")
    settings = {**asdict(task.settings), "schedule": SCHEDULE, "level": task.tokenizer.level}
    return {**settings, "rows": digest.hexdigest(), **asdict(task.config)}


def check_stored_terms(path, stored):
    """Raise ValueError unless a run's stored terms are valid settings, and those of its model and step."""
    terms, step = stored.run["terms"], stored.optimizer["step"]
    try:
        settings = train.Settings(**{field.name: terms[field.name] for field in fields(train.Settings)})
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: its terms make no sense ({error!s:.200}): restore a copy") from None
    is_reset = train.is_evaluated(step, settings)  # an evaluation empties the recent losses
    n_recent = 0 if is_reset else step % settings.eval_every
    if not 0 <= step <= settings.steps or len(stored.run["recent"]) != n_recent:
        raise ValueError(f"{path} contradicts itself: its losses do not fit its step {step}")
    for name, value in {**asdict(stored.config), "level": stored.tokenizer.level}.items():
        if terms.get(name) != value:
            raise ValueError(f"{path} contradicts itself: its {name} is {value}, not its run's")


def check_same_terms(folder, stored, current):
    """Raise ValueError naming the first difference between a stored run and a task to resume it with.

    An older version had more settings: each must have had the value that is now the only one.
    """
    known = {**ONLY_VALUES, **current}
    for name in {**current, **stored}:
        value = known.get(name, "no setting of this version")
        if stored.get(name) != value:
            difference = f"{name} is {value}, but the run in {folder} began with {stored.get(name)!s:.80}"
            if name == "rows":
                difference = (
                    f"the rows (data file, --max-tokens) are not those that the run in {folder} began with"
                )
            raise ValueError(f"{difference}: resume it as it began, or start another run in another folder")


def check_finite(entry, state):
    """Raise NonFiniteError, before anything is stored, if a state or an entry is not finite."""
    for name, value in [*tree.named(state.params), *state.optimizer.items(), *(entry or {}).items()]:
        if value is not None and not np.isfinite(value).all():
            raise train.NonFiniteError(f"step {state.step}: {name} is not finite: lower the learning rate")
