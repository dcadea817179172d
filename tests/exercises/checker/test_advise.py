"""Exceptions that nearly always have the same cause come with what helps."""

import numpy as np
import pytest

from minilm.exercises.checker import advise, sandbox

ARRAY = np.ones((2, 3, 4))


@pytest.mark.parametrize(
    ("function", "advice"),
    [
        (lambda a: a @ a.T, f"a {advise.ALL_AXES}"),
        (lambda a: a - a.mean(-1), advise.LOST_AXIS),
        (lambda a: (a,).reshape(-1), advise.TUPLE),
        (lambda a: np.asarray((a, a[0])), advise.TUPLE),
        (lambda a: 0.1 * {"a": a}, advise.DICT),
    ],
)
def test_advice_stands_at_the_end(function, advice):
    assert sandbox.call(function, (ARRAY,), 1.0).problem.endswith(f". {advice}")


@pytest.mark.parametrize(
    "function",
    [
        lambda a: a[0] @ a[0, :, :2].T,  # two axes: .T is not to blame
        lambda a: a - a[:, :2],  # no axis is lost
        lambda a: {}["a"],
        lambda a: 1 / 0,
    ],
)
def test_no_advice_where_the_cause_is_another(function):
    problem = sandbox.call(function, (ARRAY,), 1.0).problem
    known = (advise.ALL_AXES, advise.LOST_AXIS, advise.TUPLE, advise.DICT)
    assert problem.startswith("raises ") and not any(advice in problem for advice in known), problem
