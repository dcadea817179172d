"""Exercises with a checker that says what is wrong: check("gelu_backward", my_function).

The exercises of lessons/NN_name.ipynb are in the module `name`, long ones in a module of their own that
`name` takes in. An exercise is a few random cases, minilm's own function, and the mistakes that learners
make, each with the sentence that helps. A wrong answer is compared with those mistakes, and with the
right one scaled, transposed, reshaped: checker/explain.py.
"""

import os
import sys
import textwrap

from . import (
    attention,
    backward_by_hand,
    diagnosis,
    forward,
    gradient_check,
    loss_mask,
    masked_vs_full,
    one_sequence,
    real_data,
    whole_model,
)
from .checker.judge import judge, judge_choice
from .checker.verdict import Verdict  # noqa: F401  (the type of what check returns)
from .prediction import Note, predict  # noqa: F401  (for notebooks)

SECONDS = 5.0  # the limit for one call of a learner's function
LESSONS = (  # in their order
    one_sequence,
    forward,
    loss_mask,
    masked_vs_full,
    backward_by_hand,
    attention,
    gradient_check,
    whole_model,
    diagnosis,
    real_data,
)
EXERCISES = {name: exercise for lesson in LESSONS for name, exercise in lesson.EXERCISES.items()}
QUESTIONS = {name: asked for lesson in LESSONS for name, asked in getattr(lesson, "QUESTIONS", {}).items()}


def names():
    """The names of all exercises that ask for a function; QUESTIONS holds those with choices."""
    return list(EXERCISES)


def check(name, function, seconds=SECONDS, seed=0):
    """Judge a learner's function; returns a Verdict, which a notebook or console shows and a script prints.

    For a question the function takes no arguments and returns the letter of a choice. Another `seed`
    draws other random cases. Never raises for what the function does; raises ValueError for an unknown
    exercise.
    """
    if name in QUESTIONS:
        verdict = judge_choice(name, QUESTIONS[name], function, seconds)
    else:
        verdict = judge(name, find(name), function, seconds, seed)
    if not shows_results(sys._getframe(1)):
        print(verdict)
    return verdict


def shows_results(frame):
    """Whether the value of an expression there is shown: on a console or in a notebook, not in a script."""
    file, script = frame.f_code.co_filename, frame.f_globals.get("__file__")
    if script and os.path.abspath(file) == os.path.abspath(script):  # IPython can run a script, too
        return False
    in_notebook = "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None
    return in_notebook or hasattr(sys, "ps1")


def ask(name):
    """The question of this name, to be shown with its choices. Raises ValueError if there is none."""
    if name not in QUESTIONS:
        raise ValueError(f"there is no question {name!r}; there are {', '.join(QUESTIONS)}")
    return QUESTIONS[name]


def hint(name, stage=1):
    """The first or second hint for an exercise, as a Note; the second is code, indented by two blanks.

    Raises ValueError for another stage, and for a question.
    """
    if name in QUESTIONS:
        raise ValueError(f'a question has no hints: ask("{name}") shows it, and each choice has its reply')
    hints = find(name).hints
    if stage not in (1, 2):
        raise ValueError(f"there is no hint {stage}: ask for 1 or 2")
    return Note(hints[0] if stage == 1 else textwrap.indent(hints[1], "  "))


def find(name):
    """The exercise of this name. Raises ValueError, listing all names, if there is none."""
    if name not in EXERCISES:
        raise ValueError(f"there is no exercise {name!r}; there are {', '.join([*EXERCISES, *QUESTIONS])}")
    return EXERCISES[name]
