"""From a learner's function to the Verdict on it: run all cases, then explain what is wrong."""

import inspect
from typing import NamedTuple

import numpy as np

from ... import recording
from .. import question
from . import explain, result, sandbox
from .verdict import Verdict

OWN = "This is minilm's own function, which stands in for yours: run your cell first, then this one."
CALLS_OWN = (
    "Your function calls minilm's own {own}, in whose place it should stand: write out what that does."
)


class Record(NamedTuple):
    """What the cases gave, filled one by one: (args, got, right), prints, warnings, calls of minilm's own
    function, and whether there were lists."""

    trials: list
    prints: list
    warnings: list
    own_calls: list
    lists: list


def judge_choice(name, asked, function, seconds):
    """The Verdict on a function that answers a Question, or on the answer itself."""
    outcome = sandbox.call(function, (), seconds) if callable(function) else sandbox.Outcome(function, "", "")
    if outcome.todo:
        return Verdict(name, "to do", f"{asked}\nReturn the letter of your choice.", function)
    if outcome.problem:
        return Verdict(name, "wrong", end_sentence(f"Your function {outcome.problem}"), function)
    return Verdict(name, *question.judge_answer(asked, outcome.result), function)


def judge(name, exercise, function, seconds, seed=0):
    """The Verdict on a function; its own `function` is minilm's where the learner's is not passed."""
    if function is exercise.solve:
        return Verdict(name, "to do", OWN, exercise.solve)
    if not callable(function):
        message = f"Hand over the function itself, not {result.name_type(function)}."
        return Verdict(name, "wrong", message, exercise.solve)
    record = Record([], [], [], [], [])
    for args in exercise.make_cases(seed):
        status, message = try_case(name, exercise, function, args, seconds, record)
        if status:
            return Verdict(name, status, message, exercise.solve)
    return conclude(name, exercise, function, seconds, record)


def try_case(name, exercise, function, args, seconds, record):
    """Call the function once and record it; ("", "") or, where that ends it, the status and the message."""
    if not accepts(function, args):
        return "wrong", f"Your function takes other arguments: it is {exercise.describe_call()}."
    with recording(name_own(exercise)) as own_calls:
        outcome = sandbox.call(function, args, seconds)
    if outcome.todo:
        advice = f'hint("{name}") helps; until then minilm\'s own function is used.'
        return "to do", f"{exercise.task}\n{advice}"
    right = exercise.split_outputs(exercise.solve(*args))
    got, problem = read_outcome(exercise, outcome, right)
    if problem:  # it may come of what was wrong in an earlier case
        problem = explain_trials(exercise, record.trials) or problem
        return "wrong", problem + sandbox.quote_printed(outcome)
    record.trials.append((args, got, right))
    record.prints.append(sandbox.quote_printed(outcome))
    record.warnings.extend(outcome.warnings)
    record.own_calls.extend(own_calls)
    record.lists.append(result.has_lists(exercise, outcome.result))
    return "", ""


def conclude(name, exercise, function, seconds, record):
    """The Verdict on a function that gave arrays of the right form in every case."""
    notes = next(filter(None, record.prints), "")
    problem = explain_trials(exercise, record.trials)
    if problem:
        quoted = explain.quote_warning(problem, record.warnings)
        problem = result.find_lost_imaginary(record.warnings) or problem + quoted
        hints = f'\n(hint("{name}") and hint("{name}", 2) help.)'
        return Verdict(name, "wrong", f"{problem}{notes}{hints}", exercise.solve)
    if record.own_calls:  # in its place, the function would call itself without end
        return Verdict(name, "wrong", CALLS_OWN.format(own=name_own(exercise)), exercise.solve)
    message = praise(exercise, function, record.trials, seconds) + notes
    if any(record.lists):
        return Verdict(name, "passed", message + result.LISTS, exercise.solve)
    return Verdict(name, "passed", message, function)


def name_own(exercise):
    """The name of minilm's own function, as swap takes it: "layers.gelu_backward"."""
    return f"{exercise.solve.__module__}.{exercise.solve.__name__}".removeprefix("minilm.")


def explain_trials(exercise, trials):
    """What is wrong with the trials so far, or ""."""
    with np.errstate(all="ignore"):  # wrong answers may overflow here as they did there
        return explain.explain_answer(exercise, trials)


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
