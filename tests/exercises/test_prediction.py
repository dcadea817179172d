"""Predictions: what a learner wrote is kept, shown, and set beside what was measured."""

import numpy as np
import pytest

from minilm.exercises import predict

CHOICES = {"a": "all six", "b": "the last one"}


@pytest.mark.parametrize(
    ("yours", "options", "measured", "beside"),
    [
        (2, {"of": 5}, 0, "you: 2 of 5; measured: 0 of 5"),
        (0, {"of": 5}, np.int64(5), "you: 0 of 5; measured: 5 of 5"),
        (0.5, {}, np.float64(0.123456), "you: 0.5; measured: 0.1235"),
        ("B", {"choices": CHOICES}, "a", "you: (b) the last one; measured: (a) all six"),
        ("it falls", {}, "it rises", "you: it falls; measured: it rises"),
        (None, {"of": 5}, 3, "you: no prediction; measured: 3 of 5"),
        (None, {"choices": CHOICES}, "a", "you: no prediction; measured: (a) all six"),
    ],
)
def test_the_measured_value_stands_beside_the_prediction(yours, options, measured, beside):
    prediction = predict("How many?", yours, **options)
    note = prediction.compare(measured)
    assert note == repr(note) == beside
    assert beside in note._repr_html_()
    assert repr(prediction).startswith("No prediction." if yours is None else "Your prediction: ")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"of": 5}, "a number from 0 to 5"),
        ({"choices": CHOICES}, '"a" or "b"'),
        ({}, "a number or a line of text"),
    ],
)
def test_without_a_prediction_it_says_what_to_write(options, what):
    assert repr(predict("?", **options)) == f"No prediction. Write {what} over None, and run this cell."


@pytest.mark.parametrize(
    ("yours", "options", "problem"),
    [
        ("two", {"of": 5}, "'two' is no number."),
        ("2", {"of": 5}, "'2' is no number: leave out the quotes."),
        (True, {"of": 5}, "True is no number."),
        (float("nan"), {}, "nan is no number."),
        (6, {"of": 5}, "6 is not from 0 to 5."),
        (-1, {"of": 5}, "-1 is not from 0 to 5."),
        ("c", {"choices": CHOICES}, "'c' is none of a, b."),
        (1, {"choices": CHOICES}, "1 is none of a, b."),
    ],
)
def test_what_cannot_be_taken_is_said_and_nothing_is_raised(yours, options, problem):
    prediction = predict("?", yours, **options)
    assert repr(prediction) == f"No prediction. {problem}"
    assert prediction.compare(1 if "of" in options or not options else "a").startswith("you: no prediction")


def test_html_is_escaped():
    assert "<b>" not in predict("?", "<b>")._repr_html_()
