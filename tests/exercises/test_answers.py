"""Wrong answers get the sentence that helps, and right ones in other styles pass."""

import re

import numpy as np
import pytest
from exercises.answers import RIGHT, WRONG
from exercises.judging import is_tidy

from minilm import exercises
from minilm.exercises.checker import explain


@pytest.mark.parametrize(
    ("name", "diagnosis"), [(name, diagnosis) for name in WRONG for diagnosis in WRONG[name]]
)
def test_wrong_answer_gets_the_sentence_that_helps(name, diagnosis):
    verdict = exercises.check(name, WRONG[name][diagnosis])
    assert verdict.status == "wrong"
    assert re.search(diagnosis, verdict.message, re.DOTALL), verdict.message
    assert is_tidy(verdict.message), verdict.message
    assert verdict.function is exercises.find(name).solve


@pytest.mark.parametrize(
    ("name", "function"), [(name, function) for name in RIGHT for function in RIGHT[name]]
)
def test_right_answer_in_another_style_passes(name, function):
    verdict = exercises.check(name, function)
    assert verdict.ok, verdict.message
    n_cases = len(list(exercises.find(name).make_cases()))
    assert verdict.message.startswith(f"{n_cases} random cases agree.")
    gave_lists = "a list came out" in verdict.message
    assert verdict.function is (exercises.find(name).solve if gave_lists else function)


@pytest.mark.parametrize("name", exercises.names())
def test_every_exercise_is_tried_on_enough_answers(name):
    assert len(WRONG[name]) >= 4
    assert len(RIGHT[name]) >= 2


@pytest.mark.parametrize("name", exercises.names())
def test_every_known_mistake_is_told_apart(name):
    """Each mistake's value, put in its place, gets a sentence of its own and never passes."""
    exercise = exercises.find(name)
    cases = list(exercise.make_cases())
    solved = [exercise.split_outputs(exercise.solve(*args)) for args in cases]
    assert solved[0][0] is not None or solved[0][1] is not None
    with np.errstate(all="ignore"):
        tables = [exercise.make_mistakes(*args) for args in cases]
    known = {id(args[0]): table for args, table in zip(cases, tables, strict=True)}
    exercise = exercise._replace(make_mistakes=lambda first, *_: known[id(first)])  # computed once
    for label, sentence in ((label, sentence) for label, row in tables[0].items() for sentence in row):
        k = exercise.labels.index(label)
        trials = [
            (args, (*right[:k], np.asarray(table[label][sentence]), *right[k + 1 :]), right)
            for args, table, right in zip(cases, tables, solved, strict=True)
        ]
        with np.errstate(all="ignore"):
            message = explain.explain_answer(exercise, trials)
        assert sentence in message, f"{label}: {sentence!r} is shadowed by {message!r}"
        assert is_tidy(message), message


def zeroed(value):
    if isinstance(value, dict):
        return {key: zeroed(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return tuple(zeroed(part) for part in value)
    return None if value is None else np.zeros_like(value)


@pytest.mark.parametrize("name", exercises.names())
def test_zeros_never_pass(name):
    solve = exercises.find(name).solve
    verdict = exercises.check(name, lambda *args: zeroed(solve(*args)))
    assert verdict.status == "wrong" and is_tidy(verdict.message), verdict.message


@pytest.mark.parametrize("name", exercises.names())
def test_values_of_another_case_never_pass(name):
    exercise = exercises.find(name)
    results = [exercise.solve(*args) for args in exercise.make_cases()]
    for shift in (1, 2, 3):
        rotated = iter(results[shift:] + results[:shift])
        assert exercises.check(name, lambda *args, it=rotated: next(it)).status == "wrong"
