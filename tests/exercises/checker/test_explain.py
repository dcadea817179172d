"""What the checker says of a wrong answer that is no known mistake."""

import re

import numpy as np
import pytest
from exercises.answers.backward_by_hand import linear_by_einsum
from exercises.answers.training_step import step_by_recursion
from exercises.judging import is_tidy

from minilm import exercises
from minilm.exercises.checker import explain


def linear_with(k, change):
    """linear_backward, one output of it changed: (args, right value) -> answer."""

    def function(dy, cache):
        outputs = list(linear_by_einsum(dy, cache))
        outputs[k] = change(outputs[k], dy)
        return tuple(outputs)

    return function


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (linear_with(0, lambda a, dy: 3 * a), r"It is exactly 3 times too large in every case"),
        (linear_with(0, lambda a, dy: a / -3), r"of the wrong sign and exactly 3 times too small in every"),
        (
            linear_with(0, lambda a, dy: a * a.size),
            r"exactly 90 times too large: divide by the number of its entries \(90\)",
        ),
        (linear_with(1, lambda a, dy: a * dy[..., 0].size), r"divide by the number of rows B T \(30\)\."),
        (linear_with(0, lambda a, dy: 0 * a), r"It is 0 everywhere"),
        (
            linear_with(0, lambda a, dy: a.astype(np.float16)),
            r"nearly right: an approximation.*or rounding\?",
        ),
        (linear_with(0, lambda a, dy: a.astype(int)), r"array of int64, which holds no fractions"),
        (linear_with(0, lambda a, dy: a / 0), r"There are numbers that are not finite"),
        (
            linear_with(0, lambda a, dy: a * np.nan),
            r"got nan, expected [-\d.]+\. There are numbers that are not",
        ),
        (linear_with(0, lambda a, dy: np.swapaxes(a, 1, 2)), r"It is transposed"),
        (linear_with(0, lambda a, dy: a + 1), r"It is \+1 off everywhere: one number is added"),
        (linear_with(0, lambda a, dy: a * a + a**3), r"No entry is right: go through the formula"),
        (linear_with(0, lambda a, dy: np.full(a.shape, 1e-25)), r"It is 0 everywhere, but for rounding\."),
        (
            linear_with(0, lambda a, dy: a.sum()),
            r"not \(6, 5, 3\)\. It is summed over axes 0, 1 and 2, which should stay",
        ),
        (
            linear_with(2, lambda a, dy: a[:-1]),
            r"One is missing along axis 0: the last; all others are right",
        ),
        (linear_with(1, lambda a, dy: np.ones((9, 9))), r"Compare the shapes that go in"),
        (linear_with(1, lambda a, dy: np.ones((4, 5, 6))), r"There are axes too many"),
    ],
)
def test_generic_diagnosis(function, sentence):
    verdict = exercises.check("linear_backward", function)
    assert verdict.status == "wrong"
    assert re.search(sentence, verdict.message, re.DOTALL), verdict.message
    assert is_tidy(verdict.message), verdict.message


def test_a_part_that_is_right_is_counted():
    def first_row_only(dy, cache):
        dx = linear_by_einsum(dy, cache)[0]
        dx[1:] = 7
        return (dx, *linear_by_einsum(dy, cache)[1:])

    message = exercises.check("linear_backward", first_row_only).message
    assert "75 of 90 entries differ, the first at [1, 0, 0]; the others are right." in message


def test_a_first_case_that_is_nearly_right_hides_nothing():
    offsets = iter((1e-6, 1.0, 1.0, 1.0))

    def drifts(dy, cache):
        dx, *rest = linear_by_einsum(dy, cache)
        dx[0, 0, 0] += next(offsets)
        return dx, *rest

    assert (
        "1 of 90 entries differ, the first at [0, 0, 0]" in exercises.check("linear_backward", drifts).message
    )


@pytest.mark.parametrize(("dtype", "step"), [(np.float32, 1e-3), (np.float64, 1e-6)])
def test_an_error_in_one_precision_is_seen(dtype, step):
    def drifts(dy, cache):
        dx, *rest = linear_by_einsum(dy, cache)
        return dx * (1 + step * (dx > 0) * (dx.dtype == dtype)), *rest

    assert "nearly right" in exercises.check("linear_backward", drifts).message


def test_a_wrong_number_has_no_entries():
    def loss_and_one(*args):
        loss, new = step_by_recursion(*args)
        return 2 * loss + 1, new

    message = exercises.check("train_step", loss_and_one).message
    assert re.search(r"loss is wrong: got [\d.]+, .*\. Go through the formula term by term\.", message), (
        message
    )


@pytest.mark.parametrize("factors", [(np.nan, 1, 1, 1), (1, np.nan, 1, 1), (1, 1, 1, np.inf), (np.nan,) * 4])
def test_not_finite_is_said_only_beside_a_number_that_is_not(factors):
    calls = iter(factors)

    def function(dy, cache):
        dx, *rest = linear_by_einsum(dy, cache)
        return next(calls) * (dx**3 - dx), *rest

    message = exercises.check("linear_backward", function).message
    shown = re.search(r"got (\S+?),", message)[1]
    assert ("not finite" in message) == (shown in ("nan", "inf", "-inf")) == (1 not in factors), message


def test_outputs_in_another_order_are_told_before_their_shapes():
    def rotate(dy, cache):
        dx, dweight, dbias = linear_by_einsum(dy, cache)
        return dweight, dbias, 2 * dx  # the order is wrong, and a value besides

    message = exercises.check("linear_backward", rotate).message
    assert "The shapes are those of (dweight, dbias, dx): is the order mixed up?" in message


def test_the_table_of_a_case_is_made_once():
    made = []
    exercise = exercises.find("linear_backward")

    def make_mistakes(*args):
        made.append(args)
        return exercise.make_mistakes(*args)

    trials = [
        (args, tuple(a if a is None else 2 * a for a in exercise.solve(*args)), exercise.solve(*args))
        for args in exercise.make_cases()
    ]
    explain.explain_answer(exercise._replace(make_mistakes=make_mistakes), trials)
    assert len(made) == len(trials)
