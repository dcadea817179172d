"""What the diagnosis is tried on: right set-ups, and set-ups with a planted fault, of three groups.

OWN: minilm's own pipelines, drawn at random, in which faults.py plants. OTHERS: set-ups of another style,
written after public reports, in tests/helpers/setups. TRAINERS: transformers and TRL, in tests/peers. The
last two stand in the tests, so all of it runs in a checkout of the repository only.
"""

import contextlib
import functools
import importlib
import importlib.metadata
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import diagnose, faults, model
from .. import tokenizer as tokenizers

OWN, OTHERS, TRAINERS = "minilm's own pipelines", "other people's kinds", "torch and TRL"
BOTH, ALONE = "loss and dlogits", "the loss alone"  # what is seen of a step
RIGHT = "right"
KINDS = ("rows", "turns", "packing")
PLANTED = (*faults.FAULTS, *(f"{RIGHT}, {kind}" for kind in KINDS))
SHARES = {BOTH: 0.3, ALONE: 0.1}  # of the seeds that are tried: the loss alone asks for many more steps
LIBRARIES = ("torch", "transformers", "trl", "datasets")
ALSO_TRUE = {  # of the trainers: they divide nothing by 1, or by nothing
    "mean_of_means": ["empty_mask_silent"],
    "mask_after_reduction": ["empty_mask_nan"],
}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
TESTS = Path(__file__).parents[2] / "tests"


class Trial(NamedTuple):
    """What is planted ("right, KIND" if nothing is), the names that are right, and a call for the report."""

    planted: str
    expected: set
    diagnose: Callable


def count_slice(group, view, seeds, start, step):
    """Every `step`-th trial of a group: a list of (planted, verdict, names as text)."""
    return [judge_trial(trial) for trial in list_trials(group, view, seeds)[start::step]]


def judge_trial(trial):
    """(planted, verdict, names): the verdict is right or alarm, or one of counting.judge_names."""
    try:
        found = {finding.fault: finding.certain for finding in trial.diagnose().findings}
    except ValueError:
        found = {"refused": True}
    if trial.expected:
        verdict = import_from("helpers", "setups.counting").judge_names(found, trial.expected)
    else:
        verdict = "alarm" if found else RIGHT
    names = [name if certain else f"possibly {name}" for name, certain in sorted(found.items())]
    return trial.planted, verdict, " and ".join(names) or "nothing"


@functools.cache
def list_trials(group, view, seeds):
    """All trials of a group, always in one order. Raises ValueError outside of a checkout."""
    lists = {OWN: list_own, OTHERS: list_others, TRAINERS: list_trainers}
    return lists[group](view, seeds)


def import_from(folder, name):
    """A module that stands in a folder of the tests. Raises ValueError where there are none."""
    if not (TESTS / folder).is_dir():
        raise ValueError(f"{TESTS / folder} is missing: this figure is made in a checkout of the repository")
    path = list(sys.path)
    sys.path.insert(0, str(TESTS / folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path[:] = path


# ---------------------------------------------------------------- the groups


def list_own(view, seeds):
    """Each fault, and each kind of right rows, in a random pipeline per seed."""
    return [
        Trial(planted, {planted} & set(faults.FAULTS), functools.partial(diagnose_own, planted, seed, view))
        for planted in PLANTED
        for seed in take_share(seeds, view)
    ]


def take_share(seeds, view):
    """The first seeds, one at least: as many as SHARES says."""
    return seeds[: max(1, round(SHARES[view] * len(seeds)))]


def list_others(view, seeds):
    """The corpus: every right kind with some seeds, every planting with the first."""
    right, faulty = (import_from("helpers", f"setups.{name}") for name in ("right", "faulty"))
    cases = [(f"{RIGHT}, {set_up.__name__}", set(), set_up) for set_up in right.RIGHT]
    cases = [(*case, seed) for case in cases for seed in take_share(seeds, view)]
    cases += [(name.split(",")[0], expected, set_up, seeds[0]) for name, expected, set_up in faulty.FAULTY]
    return [
        Trial(planted, expected, functools.partial(diagnose_other, set_up, seed, view))
        for planted, expected, set_up, seed in cases
    ]


def list_trainers(view, seeds):
    """Steps of transformers' and TRL's trainers, which always give dlogits; they have no seeds."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.simplefilter("ignore")  # theirs, and in a process of their own
    modules = [import_from("peers", name) for name in ("transformers_setups", "trl_setups")]
    right = [(f"{RIGHT}, {name}", set(), report) for module in modules for name, report in module.RIGHT]
    faulty = [
        (fault, {fault, *ALSO_TRUE.get(fault, ())}, report)
        for module in modules
        for fault, report in module.FAULTY
    ]
    return [Trial(*case) for case in right + faulty]


def read_versions():
    """{library: version} of what the trainers need; empty if one of them is not installed."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {}


def diagnose_other(set_up, seed, view):
    """The report on a set-up of the corpus."""
    set_up = set_up(seed)
    step = hide_dlogits(set_up.step) if view == ALONE else set_up.step
    return diagnose.pipeline(set_up.make_batch, step, set_up.examples, set_up.encode, **set_up.meant)


def hide_dlogits(step):
    """The step, of which the loss alone comes back."""

    def step_alone(*batch):
        result = step(*batch)
        return result[0] if isinstance(result, tuple) else result

    return step_alone


# ---------------------------------------------------------------- minilm's own pipelines


def diagnose_own(planted, seed, view=BOTH):
    """The report on the random pipeline `seed`, with one of PLANTED in it."""
    fault, _, kind = planted.partition(", ")
    kind = kind or faults.FAULTS[fault].shown_by
    examples, tokenizer, params, config = draw_pipeline(seed, kind)
    with faults.plant(None if fault == RIGHT else fault):
        make_batch, step, encode = diagnose.make_own_pipeline(
            tokenizer, params, config, gradient=view == BOTH, packed=kind == "packing"
        )
        said = {"generation_prompt": [tokenizer.marker("assistant")]} if kind == "turns" else {}
        return diagnose.pipeline(make_batch, step, examples, encode, **said)


def draw_pipeline(seed, shown_by="rows"):
    """A random pipeline: (examples, tokenizer, params, config).

    2 to 6 examples with prompts of 2 to 24 letters and answers of 1 to 8, no two of one length, or
    conversations of one to three short turns, every third with a tool; models of 1 or 2 layers, 8 to 32
    channels, single or double precision, weights of std .02 to .5.
    """
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    answer_lengths = iter([*rng.permutation(np.arange(1, 9)), *rng.integers(1, 9, 40)])
    has_turns = shown_by == "turns"
    longest = 6 if has_turns else int(rng.choice([8, 24]))

    def draw_pair():
        return draw_text(rng, rng.integers(2, longest + 1)), draw_text(rng, next(answer_lengths))

    tokenizer = tokenizers.build("char", [LETTERS], markers=has_turns)
    examples = [draw_conversation(draw_pair, k) if has_turns else draw_pair() for k in range(n)]
    sizes = int(rng.integers(1, 3)), int(rng.choice([1, 2, 4])), int(rng.choice([8, 16, 32]))
    config = model.Config(len(tokenizer.vocab), 160 if has_turns else 80, *sizes)
    dtype = np.float32 if rng.random() < 0.5 else np.float64
    params = model.init(config, rng, float(rng.choice([0.02, 0.1, 0.5])), dtype)
    return examples, tokenizer, params, config


def draw_conversation(draw_pair, number):
    """Messages of a user and an assistant, one to three times; in every third, the assistant calls a tool."""
    messages = []
    for _ in range(number % 3 + 1):
        question, answer = draw_pair()
        messages.append({"role": "user", "content": question})
        if number % 3 == 0:
            messages.append({"role": "assistant", "content": answer[::-1]})
            messages.append({"role": "tool", "content": question[::-1] + answer})
        messages.append({"role": "assistant", "content": answer})
    return {"messages": messages}


def draw_text(rng, n):
    """Random text of n letters."""
    return "".join(rng.choice(list(LETTERS), int(n)))
