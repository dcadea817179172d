"""What is said of wrong numbers holds for them, whatever the exercise."""

import numpy as np
import pytest

from minilm import exercises
from minilm.exercises.checker import explain_factor, explain_values, inputs

PLAIN = exercises.find("linear_backward")
RIGHTS = [np.random.default_rng(seed).normal(size=(4 + seed, 3 + seed, 5)) for seed in range(3)]


def explain(change, rights=RIGHTS):
    """What is said of change(right) in three cases; the arguments have other shapes."""
    args = np.zeros((1, 1, 1)), (np.zeros((1, 1, 1)), np.zeros((1, 1)), True)
    return explain_values.explain_values(PLAIN, [(args, change(right), right) for right in rights])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a: 0 * a, "It is 0 everywhere."),
        (lambda a: -a, "The sign is wrong."),
        (lambda a: 1.001 * a, explain_factor.NEARLY),
        (lambda a: a + 1e-4, explain_factor.NEARLY),
        (lambda a: a * len(a), "It is exactly 4 times too large: divide by the length of axis 0 (4)."),
        (
            lambda a: a / len(a) ** 2,
            "It is exactly 16 times too small: that is the length of axis 0 (4) squared.",
        ),
        (
            lambda a: a * len(a) ** 0.5,
            "It is exactly 2 times too large: that is the square root of the length of axis 0",
        ),
        (
            lambda a: a / len(a) ** 3,
            "It is exactly 64 times too small: that is the cube of the length of axis 0 (4).",
        ),
        (lambda a: 7 * a, "It is exactly 7 times too large in every case"),
        (lambda a: a * a.max(), "It is"),
        (np.abs, "These are the absolute values of the right values."),
        (np.square, "These are the squares of the right values."),
        (np.exp, "These are the exponentials of the right values."),
        (lambda a: 1 / a, "These are the inverses, 1 / x, of the right values."),
        (lambda a: a[::-1], "The numbers are right, but they stand in another order"),
        (lambda a: np.cumsum(a).reshape(a.shape), "Each entry holds the sum of all before it"),
        (lambda a: a[:, -1:] + 0 * a, "Along axis 1, all have the value of the last: is an index missing?"),
        (lambda a: 1e-17 * (a > 0), "It is 0 everywhere, but for rounding."),
        (lambda a: a + 2, "It is +2 off everywhere: one number is added that should not be."),
        (
            lambda a: a - a.max(-1, keepdims=True),
            "All entries of a row (along the last axis) are off by one number",
        ),
        (
            lambda a: a * (2 + np.abs(a[..., :1])),
            "Every row (along the last axis) is right up to a factor of its own",
        ),
        (
            lambda a: a * np.arange(1, 6),
            "Every channel (along the last axis) is right up to a factor of its own",
        ),
        (lambda a: np.round(a).astype(int), "It is an array of int64, which holds no fractions"),
        (lambda a: a**3 - a, "No entry is right: go through the formula term by term."),
    ],
)
def test_wrong_numbers(change, sentence):
    said = explain(change)
    assert said.startswith(sentence), said


def spoil(where, value=9.0):
    def change(right):
        got = right.copy()
        got[where] = value
        return got

    return change


def keep(where):
    def change(right):
        got = np.zeros(right.shape)
        got[where] = right[where]
        return got

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            spoil(np.s_[:, -1]),
            "20 of 60 entries differ, the first at [0, 2, 0]; the others are right. All of them are the last",
        ),
        (spoil(np.s_[0]), "the others are right. All of them are the first along axis 0."),
        (keep(np.s_[:1]), "Only the first along axis 0 is there, the others are 0: does a loop end early?"),
        (spoil(np.s_[1:3, 1], 0), "the others are right. The wrong ones are all 0."),
    ],
)
def test_the_place_of_wrong_numbers(change, sentence):
    assert sentence in explain(change)


def test_entries_that_should_be_0():
    rights = [np.where(right > 0, right, 0) for right in RIGHTS]
    said = explain(lambda a: np.where((a == 0) & (np.arange(5) % 2 == 0), np.arange(5) - 9.0, a), rights)
    assert said.endswith("They should all be 0.")


def test_a_place_is_named_only_if_it_is_so_in_every_case():
    cases = iter((np.s_[:, -1], np.s_[0], np.s_[0]))
    assert "All of them" not in explain(lambda a: spoil(next(cases))(a))


def test_a_trivial_row_is_no_loop_that_ends_early():
    rights = [np.where(np.arange(5) > 3, 0, right) for right in RIGHTS]  # the last channel is 0 anyway
    assert "loop" not in explain(lambda a: np.where(a > 0, 0, a), rights)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda dy, x: dy, "This is dy, and no more."),
        (lambda dy, x: -dy, "This is -dy, and no more."),
        (lambda dy, x: dy * x, "This is dy * x, and no more."),
        (lambda dy, x: x * x, "This is x * x, and no more."),
        (lambda dy, x: 7 * x + dy**3, "It is the right result plus a multiple of x: what adds that?"),
        (
            lambda dy, x: x - 0.1 * dy**3,
            "It is x plus a multiple of the right result: return the result alone.",
        ),
        (lambda dy, x: dy + x, ""),
    ],
)
def test_an_input_handed_back(change, sentence):
    rng = np.random.default_rng(0)
    wrong = []
    for n in (3, 4):
        dy, x = rng.normal(size=(2, n, 5))
        wrong.append(((dy, (x, 0)), change(dy, x), dy**3))
    exercise = PLAIN._replace(task="f(dy, cache): x, n = cache, return y.")
    assert inputs.find_input(exercise, wrong) == sentence


@pytest.mark.parametrize("name", exercises.names())
def test_inputs_have_the_names_that_the_task_gives(name):
    exercise = exercises.find(name)
    for args in exercise.make_cases():
        for word in inputs.name_inputs(exercise, args):
            assert word.isidentifier() and word in exercise.task


def test_a_factor_for_each_channel_of_each_example_is_no_factor_of_a_channel():
    said = explain(lambda a: a * (1 + np.abs(a[:, :1])))
    assert "Every channel" not in said and "Every row" not in said
