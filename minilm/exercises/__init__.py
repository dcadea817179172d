"""Exercises with a checker that says what is wrong: check("gelu_backward", my_function).

The exercises of lessons/NN_name.ipynb are in the module `name`, long ones in a module of their own that
`name` takes in. An exercise is a few random cases, minilm's own function, and the mistakes that learners
make, each with the sentence that helps. A wrong answer is compared with those mistakes, and with the
right one scaled, transposed, reshaped: explain.py.
"""

import inspect
import os
import sys
import textwrap

import numpy as np

from .. import recording
from . import (
    attention,
    backward_by_hand,
    diagnosis,
    forward,
    gradient_check,
    loss_mask,
    masked_vs_full,
    one_sequence,
    question,
    real_data,
    whole_model,
)
from .checker import explain, result, sandbox
from .checker.verdict import Verdict
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
OWN = "This is minilm's own function, which stands in for yours: run your cell first, then this one."
CALLS_OWN = (
    "Your function calls minilm's own {own}, in whose place it should stand: write out what that does."
)


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
        verdict = judge_choice(name, function, seconds)
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


def judge_choice(name, function, seconds):
    """The Verdict on a function that answers a question, or on the answer itself."""
    outcome = sandbox.call(function, (), seconds) if callable(function) else sandbox.Outcome(function, "", "")
    if outcome.todo:
        return Verdict(name, "to do", f"{ask(name)}\nReturn the letter of your choice.", function)
    if outcome.problem:
        return Verdict(name, "wrong", end_sentence(f"Your function {outcome.problem}"), function)
    return Verdict(name, *question.judge_answer(ask(name), outcome.result), function)


def judge(name, exercise, function, seconds, seed=0):
    """The Verdict on a function: run all cases, then explain what is wrong."""
    if function is exercise.solve:
        return make_verdict(name, "to do", OWN)
    if not callable(function):
        message = f"Hand over the function itself, not {result.name_type(function)}."
        return make_verdict(name, "wrong", message)
    trials, notes, warned, own_calls, gave_lists = [], "", [], [], False
    for args in exercise.make_cases(seed):
        if not accepts(function, args):
            message = f"Your function takes other arguments: it is {exercise.describe_call()}."
            return make_verdict(name, "wrong", message)
        with recording(name_own(exercise)) as calls:
            outcome = sandbox.call(function, args, seconds)
        if outcome.todo:
            advice = f'hint("{name}") helps; until then minilm\'s own function is used.'
            return make_verdict(name, "to do", f"{exercise.task}\n{advice}")
        right = exercise.split_outputs(exercise.solve(*args))
        got, problem = read_outcome(exercise, outcome, right)
        printed = sandbox.quote_printed(outcome)
        if problem:
            return make_verdict(name, "wrong", problem + printed)
        trials.append((args, got, right))
        notes = notes or printed
        warned += outcome.warnings
        own_calls += calls
        gave_lists = gave_lists or result.has_lists(exercise, outcome.result)
    with np.errstate(all="ignore"):  # wrong answers may overflow here as they did there
        problem = explain.explain_answer(exercise, trials)
    if problem:
        problem = result.find_lost_imaginary(warned) or problem + explain.quote_warning(problem, warned)
        return make_verdict(name, "wrong", f'{problem}{notes}\n(hint("{name}") and hint("{name}", 2) help.)')
    if own_calls:  # in its place, the function would call itself without end
        return make_verdict(name, "wrong", CALLS_OWN.format(own=name_own(exercise)))
    message = praise(exercise, function, trials, seconds) + notes
    if gave_lists:
        return make_verdict(name, "passed", message + result.LISTS)
    return make_verdict(name, "passed", message, function)


def name_own(exercise):
    """The name of minilm's own function, as swap takes it: "layers.gelu_backward"."""
    return f"{exercise.solve.__module__}.{exercise.solve.__name__}".removeprefix("minilm.")


def praise(exercise, function, trials, seconds):
    """What is said of a right function: that all agree, what it gives, what its number types cost."""
    remarks = [result.note_types(*trial) for trial in trials]
    shown = show_off(exercise, function, seconds)
    return f"{len(trials)} random cases agree.{shown}{next(filter(None, remarks), '')}"


def show_off(exercise, function, seconds):
    """What a right function gives on an example that the learner knows, on lines of their own, or ""."""
    if exercise.show_off is None:
        return ""
    outcome = sandbox.call(exercise.show_off, (function,), seconds)
    return "" if outcome.problem else f"\n{outcome.result}"


def make_verdict(name, status, message, function=None):
    """A Verdict, with minilm's own function where the learner's is not passed."""
    return Verdict(name, status, message, EXERCISES[name].solve if function is None else function)


def read_outcome(exercise, outcome, right):
    """The outputs of a call as arrays, or None and the problem with it."""
    if outcome.problem:
        return None, end_sentence(f"Your function {outcome.problem}")
    return result.read_outputs(exercise, outcome.result, right)


def accepts(function, args):
    """Whether a function can be called with so many arguments; True if that is unknown."""
    try:
        inspect.signature(function).bind(*args)
    except TypeError:
        return False
    except Exception:  # compiled functions often tell no signature
        return True
    return True


def end_sentence(sentence):
    """The sentence with a full stop, unless it has a mark of its own."""
    return sentence if sentence.endswith((".", "?", "!")) else sentence + "."
