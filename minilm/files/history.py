"""The history of a run: history.jsonl in its folder, one line of JSON for each evaluation.

Every line is an object with the numbers of KEYS; train_loss is null at step 0.
"""

import itertools
import json
import os
from pathlib import Path

from . import atomic, json_text

NAME = "history.jsonl"
KEYS = ("step", "train_loss", "prompt_nll", "response_nll", "exact_match")


def append_entry(folder, entry):
    """Add an entry to the history of a run; it is on the disk when this returns."""
    path = Path(folder) / NAME
    with atomic.name_file_in_errors(path), open(path, "ab") as file:
        file.write(format_line(entry))
        file.flush()
        os.fsync(file.fileno())


def read(folder):
    """Read the entries of a run's history: a list of dicts. A last line without its end is left out.

    Raises ValueError for a missing or empty history, and for a line that is no entry, with its number.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        raise ValueError(f"{path} is no file: give the folder that `train --out` wrote")
    entries = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            entry = json_text.parse(line)
            is_valid = is_entry(entry) and (not entries or entry["step"] > entries[-1]["step"])
        except (ValueError, TypeError, KeyError):
            is_valid = False
        if not is_valid:
            names = ", ".join(KEYS)
            problem = f"no object with the numbers {names}, or its step does not rise: restore the line"
            raise ValueError(f"{path}, line {number}: {problem}")
        entries.append(entry)
    if not entries:
        raise ValueError(f"{path} is empty: the run was stopped before its first evaluation")
    return entries


def read_run(folder, step, steps, eval_every):
    """Read the history of a run of `steps` whose checkpoint has this step; later lines may follow.

    Raises ValueError as `read` does, and for another run's: a line is missing, or one too many.
    """
    entries = read(folder)
    evaluated = itertools.chain(range(0, steps, eval_every), [steps])
    last = max(step, entries[-1]["step"])
    expected = {done for done in itertools.islice(evaluated, len(entries) + 1) if done <= last}
    differing = {entry["step"] for entry in entries} ^ expected
    if differing:
        first = min(differing)
        problem = "has no line of" if first in expected else "has a line too many, of"
        raise ValueError(
            f"{Path(folder) / NAME} {problem} step {first}, so it is not that of the checkpoint of step "
            f"{step}: restore it, or start a new run in another folder"
        )
    return entries


def cut_after(folder, step, settings):
    """Remove the lines after a checkpoint's step. At step 0 remove all: its line is written again.

    Raises what `read_run` raises, but a run at step 0 may have no history yet.
    """
    path = Path(folder) / NAME
    is_begun = path.is_file() and b"\n" in path.read_bytes()
    entries = read_run(folder, step, settings.steps, settings.eval_every) if step or is_begun else []
    with atomic.replace_file(path) as file:
        file.writelines(format_line(entry) for entry in entries if 0 < step >= entry["step"])


def format_line(entry):
    """Format an entry as a line of history.jsonl."""
    return json.dumps(entry).encode() + b"\n"


def is_entry(entry):
    """Return whether an object has all numbers of KEYS. Raises TypeError or KeyError for other JSON."""
    if type(entry["step"]) is not int or entry["exact_match"] > 1:  # a share
        return False
    return all(is_measured(entry[key]) for key in KEYS if key != "train_loss" or entry[key] is not None)


def is_measured(value):
    """Return whether a JSON value can be a step, a loss or a share: a finite number, not negative."""
    if type(value) is int:
        return 0 <= value < 2**53  # a float cannot hold every larger integer
    return type(value) is float and 0 <= value < 1e39  # float32, and so a mean of its numbers, ends before
