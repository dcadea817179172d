"""Exercises with a checker that says what is wrong: check("gelu_backward", my_function).

An exercise is a few random cases, minilm's own function, and the mistakes that learners make,
each with the sentence that helps. A wrong answer is compared with those mistakes, and with
scaled, transposed and shifted forms of the right one.
"""

import html
import inspect
import os
from typing import NamedTuple

import numpy as np

from . import (
    attention_backward,
    backward_by_hand,
    diagnosis,
    explain,
    forward,
    gradient_check,
    loss_mask,
    masked_vs_full,
    one_sequence,
    real_data,
    result,
    sandbox,
)

SECONDS = 5.0  # for one call of a learner's function
LESSONS = (  # in their order
    one_sequence,
    forward,
    backward_by_hand,
    attention_backward,
    gradient_check,
    loss_mask,
    masked_vs_full,
    diagnosis,
    real_data,
)
EXERCISES = {name: exercise for lesson in LESSONS for name, exercise in lesson.EXERCISES.items()}


class Verdict(NamedTuple):
    """The checker's answer. `status` is "passed", "wrong" or "to do".

    function: the learner's if it passed, else minilm's own, so that a notebook can go on with it.
    """

    name: str
    status: str
    message: str
    function: object

    @property
    def ok(self):
        """True if the exercise is passed."""
        return self.status == "passed"

    def grade(self):
        """The verdict itself; while nbgrader grades, AssertionError for anything but "passed".

        nbgrader gives a cell its points unless it raises. Everywhere else a notebook shall go on.
        """
        if os.environ.get("NBGRADER_EXECUTION") and not self.ok:
            raise AssertionError(str(self))
        return self

    def __str__(self):
        return f"{self.name}: {self.status}. {self.message}"

    __repr__ = __str__

    def _repr_html_(self):
        color = {"passed": "#009E73", "wrong": "#D55E00", "to do": "#767676"}[self.status]
        lines = html.escape(self.message).replace("\n", "<br>")
        return (
            f'<div style="border-left:4px solid {color};padding:.3em .8em">'
            f"<b>{html.escape(self.name)}: {self.status}.</b> {lines}</div>"
        )


def names():
    """The names of all exercises."""
    return list(EXERCISES)


def check(name, function, seconds=SECONDS):
    """Judge a learner's function; returns a Verdict, which a notebook or a console shows.

    Never raises for what the function does; raises ValueError for an unknown exercise.
    """
    return judge(name, find(name), function, seconds)


def hint(name, stage=1):
    """The first or second hint for an exercise, as text. Raises ValueError for another stage."""
    hints = find(name).hints
    if stage not in (1, 2):
        raise ValueError(f"there is no hint {stage}: ask for 1 or 2")
    return hints[stage - 1]


def find(name):
    """The exercise of this name. Raises ValueError, listing all names, if there is none."""
    if name not in EXERCISES:
        raise ValueError(f"there is no exercise {name!r}; there are {', '.join(names())}")
    return EXERCISES[name]


def judge(name, exercise, function, seconds):
    """Run all cases, stop at the first that cannot be compared, then compare and diagnose."""

    def verdict(status, message):
        return Verdict(name, status, message, function if status == "passed" else exercise.solve)

    if not callable(function):
        return verdict("wrong", f"Hand over the function itself, not {result.kind(function)}.")
    trials, notes = [], ""
    for args in exercise.cases():
        if not fits(function, args):
            return verdict("wrong", f"Your function takes other arguments: it is {exercise.signature()}.")
        outcome = sandbox.call(function, args, seconds)
        if outcome.todo:
            help_ = f'hint("{name}") helps; until then minilm\'s own function is used.'
            return verdict("to do", f"{exercise.task}\n{help_}")
        expected = exercise.outputs(exercise.solve(*args))
        got, problem = None, outcome.problem and ended(f"Your function {outcome.problem}")
        if not problem:
            got, problem = result.read(exercise, outcome.result, expected)
        if problem:
            return verdict("wrong", problem + result.printed(outcome))
        trials.append((args, got, expected))
        notes = notes or result.printed(outcome)
    with np.errstate(all="ignore"):  # wrong answers may overflow here as they did there
        problem = explain.compare(exercise, trials)
    if problem:
        return verdict("wrong", f'{problem}{notes}\n(hint("{name}") and hint("{name}", 2) help.)')
    remarks = next(filter(None, (result.note(*trial) for trial in trials)), "")
    return verdict("passed", f"{len(trials)} random cases agree.{remarks}{notes}")


def fits(function, args):
    """Whether a function can be called with so many arguments; True where nobody knows."""
    try:
        inspect.signature(function).bind(*args)
    except TypeError:
        return False
    except Exception:  # compiled functions often tell no signature
        return True
    return True


def ended(sentence):
    """With a full stop, unless it ends in a mark of its own."""
    return sentence if sentence.endswith((".", "?", "!")) else sentence + "."
