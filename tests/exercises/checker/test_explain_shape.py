"""What is said of a result of the wrong shape holds for it, whatever the exercise."""

import numpy as np
import pytest

from minilm.exercises.checker import explain_shape

RIGHT = np.random.default_rng(0).normal(size=(4, 3, 2))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a: a[..., None], "The numbers are right, but the last axis, of length 1, should go"),
        (lambda a: a[None], "The numbers are right, but the first axis, of length 1, should go"),
        (lambda a: a.ravel(), "The numbers are right: reshape them to (4, 3, 2)."),
        (lambda a: a.swapaxes(1, 2), "It is transposed."),
        (
            lambda a: a.transpose(2, 0, 1),
            "Its axes stand in another order: transpose(1, 2, 0) would put them right.",
        ),
        (lambda a: a[:, :-1], "One is missing along axis 1: the last; all others are right."),
        (lambda a: a[1:], "One is missing along axis 0: the first; all others are right."),
        (
            lambda a: np.pad(a, ((0, 0), (0, 0), (0, 1))),
            "One too many along axis 2: the last; all others are right.",
        ),
        (lambda a: a.sum(1), "It is summed over axis 1, which should stay."),
        (lambda a: a.sum((0, 2)), "It is summed over axes 0 and 2, which should stay."),
        (lambda a: a.mean(), "It is averaged over axes 0, 1 and 2, which should stay."),
        (lambda a: a[0], "Only the first along axis 0 is there: all of them should be."),
        (lambda a: a[:, -1], "Only the last along axis 1 is there: all of them should be."),
        (
            lambda a: np.stack([a, a]) / 2,
            "It is not yet summed over the leading axes: every row that used it adds",
        ),
        (lambda a: np.stack([a, 0 * a], axis=2), "It is not yet summed over axis 2."),
        (lambda a: np.ones(3), "Axes are missing: it has 1, not 3."),
        (lambda a: np.ones((1, 2, 3, 4, 5)), "There are axes too many: it has 5, not 3."),
        (lambda a: np.ones((7, 7, 7)), ""),
    ],
)
def test_a_wrong_shape(change, sentence):
    said = explain_shape.explain_shape(change(RIGHT), RIGHT)
    assert said.startswith(sentence) and (said or not sentence), said


def test_entries_picked_by_a_mask():
    right = np.where(RIGHT > 0, RIGHT, 0)
    said = explain_shape.explain_shape(right[right > 0], right)
    assert said == "Only the entries that are not 0 are there: keep the shape, with 0 at all others."
