"""What a learner's function returned: its form, its number types."""

import re

import numpy as np
import pytest
from exercises.answers.backward_by_hand import linear_by_einsum, linear_by_loops
from exercises.answers.whole_model import mlp_by_einsum
from exercises.judging import assert_one_clear_message

from minilm import exercises


def returns_a_generator(dy, cache):
    return (x for x in dy)


def yields(dy, cache):
    yield dy


FORMS = [
    (returns_a_generator, r"is a generator: use return, not yield\. Return the tuple \(dx,\)\."),
    (yields, r"is a generator: use return, not yield"),
    (lambda dy, cache: None, r"returns None: is the return missing\? Return the tuple \(dx,\)\."),
    (lambda dy, cache: "dx", r"returns a str, not the tuple \(dx,\)\."),
    (lambda dy, cache: 1, r"returns an int, not the tuple \(dx,\)\."),
    (lambda dy, cache: {"dx": dy}, r"returns a dict, not the tuple \(dx,\)\."),
    (lambda dy, cache: (), r"returns 0 values, not 1: return the tuple \(dx,\)\."),
    (lambda dy, cache: (dy, dy), r"returns 2 values, not 1"),
    (lambda dy, cache: (None,), r"dx is None, but there is a gradient\."),
    (lambda dy, cache: (dy[0],), r"dx has shape \(\d, \d\), not \(\d, \d, \d\)\. Axes are missing"),
    (lambda dy, cache: ([[1, 2], [3]],), r"dx is no array: are its rows of different lengths\?"),
    (lambda dy, cache: (dy.astype(object),), r"dx is an array of dtype object, not an array of numbers\."),
    (lambda dy, cache: (dy.astype(str),), r"dx is an array of dtype <U\d+, not an array of numbers\."),
    (lambda dy, cache: ("abc",), r"dx is a str, not an array of numbers\."),
    (lambda dy, cache: (dy + 0j,), r"dx is complex: is a \.imag or \.real missing\?"),
    (lambda dy, cache: (dy * np.nan,), r"dx is wrong: at \[0, 0, 0\] got nan.*not finite"),
    (lambda dy, cache: (dy / 0,), r"dx is wrong: .*got -?inf.*not finite"),
    (lambda dy, cache: (dy,), r"dx is wrong"),  # a view of what came in
    (lambda dy, cache: (np.full(dy.shape, 1e308) * np.sign(dy),), r"dx is wrong"),
    (lambda dy, cache: (np.full(dy.shape, 1e39),), r"dx is wrong"),  # too large for float32
    (lambda dy, cache: (np.full(dy.shape, 1e-320),), r"dx is wrong"),  # whose inverse is infinite
    (lambda dy: (dy,), r"takes other arguments: it is gelu_backward\(dy, cache\)\."),
    (lambda dy, x, t: (dy,), r"takes other arguments: it is gelu_backward\(dy, cache\)\."),
    (None, r"Hand over the function itself, not a NoneType\."),
    (np.zeros(3), r"Hand over the function itself, not an array\."),
    ("gelu_backward", r"Hand over the function itself, not a str\."),
    (type("Callable", (), {"__init__": lambda self, dy, cache: None}), r"returns a Callable, not the tuple"),
]


@pytest.mark.parametrize(("function", "message"), FORMS)
def test_a_wrong_form_gets_one_clear_message(function, message, capsys):
    assert_one_clear_message(function, message, capsys)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda roles: (roles[:, 1:] * 1.0,), r"returns a tuple of 1, not one array, loss_mask\."),
        (lambda roles: "mask", r"loss_mask is a str, not an array of numbers\."),
        (lambda roles: [[1.0, 2.0], [3.0]], r"loss_mask is no array: are its rows of different lengths\?"),
        (lambda roles: 1.0, r"loss_mask has shape \(\), not"),
        (lambda roles: {}, r"loss_mask is a dict, not an array of numbers\."),
    ],
)
def test_where_one_array_is_asked(function, message):
    verdict = exercises.check("loss_mask", function)
    assert verdict.status == "wrong"
    assert re.search(message, verdict.message), verdict.message


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        (None, r"cannot be read: grads is NoneType, not a dict\. Return the tuple \(dx, grads\)\."),
        ({"ln_2": 1}, r"cannot be read: grads lacks ln_2\.weight"),
        ([1, 2], r"cannot be read: grads is list, not a dict"),
    ],
)
def test_where_a_tree_is_asked(grads, message):
    verdict = exercises.check("mlp_block_backward", lambda dy, cache: (dy, grads))
    assert verdict.status == "wrong"
    assert re.search(message, verdict.message), verdict.message


def test_a_tree_with_a_leaf_too_many_is_name_cases():
    def too_many(dy, cache):
        dx, grads = mlp_by_einsum(dy, cache)
        return dx, {**grads, "x": dy}

    message = exercises.check("mlp_block_backward", too_many).message
    assert "grads has x, which does not belong there" in message


@pytest.mark.parametrize("function", [linear_by_loops, linear_by_einsum])
def test_float64_for_float32_is_only_a_note(function):
    verdict = exercises.check("linear_backward", function)
    assert verdict.ok
    assert ("float32 came in and float64 went out" in verdict.message) == (function is linear_by_loops)


def test_a_boolean_mask_passes_with_a_note():
    verdict = exercises.check("loss_mask", lambda roles: np.isin(roles[:, 1:], (3, 4)))
    assert verdict.ok and "Note: floats were asked for" in verdict.message


@pytest.mark.parametrize("name", ["loss_mask", "gelu_backward", "mlp_block_backward", "train_step"])
def test_lists_pass_and_what_follows_gets_arrays(name):
    def to_lists(value):
        if isinstance(value, dict):
            return {key: to_lists(part) for key, part in value.items()}
        if isinstance(value, tuple):
            return tuple(map(to_lists, value))
        return None if value is None else np.asarray(value).tolist()

    own = exercises.find(name).solve
    verdict = exercises.check(name, lambda *args: to_lists(own(*args)))
    assert verdict.ok and "Note: a list came out" in verdict.message
    assert verdict.function is own


def test_views_of_the_input_pass_where_they_are_right():
    verdict = exercises.check("shift", lambda tokens: (tokens[:, :-1], tokens[:, 1:]))
    assert verdict.ok
