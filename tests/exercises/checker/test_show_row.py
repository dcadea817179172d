"""A wrong mask is shown as a row: roles, yours, right, and a caret below the first difference."""

import html
import re

import numpy as np
import pytest

from minilm import data, exercises
from minilm.exercises.checker import show_row

ROLES = np.array([[2, 2, 2, 3, 3, 4, 0], [2, 2, 3, 4, 0, 0, 0]])
RIGHT = data.response_mask(ROLES)


def show(got, right=RIGHT, labels=None):
    labels = show_row.name_roles(ROLES) if labels is None else labels
    return show_row.show_row(labels, np.asarray(got), right).split("\n")


def test_the_row_of_the_first_difference():
    assert show(np.pad(RIGHT[:, :-1], ((0, 0), (1, 0)))) == [
        "  target P P P R R E .",
        "  yours  0 0 0 0 1 1 1",
        "  right  0 0 0 1 1 1 0",
        "               ^",
        "  (P prompt, R response, E eos, . pad)",
    ]
    got = RIGHT.copy()
    got[1, 0] = 1
    assert show(got)[:4] == [
        "  target P P R E . . .",
        "  yours  1 0 0 0 0 0 0".replace("1 0 0 0", "1 0 1 1"),
        "  right  0 0 1 1 0 0 0",
        "         ^",
    ]


@pytest.mark.parametrize("value", [-100, 0.25, np.nan, 1 / 3])
def test_wide_numbers_keep_the_columns(value):
    got = np.where(RIGHT > 0, 1, value)
    target, yours, right, caret, _ = show(got)
    assert len(target) == len(yours) == len(right)
    column = caret.index("^") + 1
    assert target[:column].split()[-1] == "P" and yours[:column].split()[-1] == f"{value:.3g}"
    assert right[:column].split()[-1] == "0"


def test_a_long_row_is_cut_so_that_the_difference_is_in_sight():
    right = np.zeros((1, 200))
    labels = np.full((1, 200), "P")
    for t in (0, 3, 100, 199):
        got = right.copy()
        got[0, t] = 1
        target, yours, _, caret, _ = show(got, right, labels)
        assert len(target) <= 80
        assert yours[caret.index("^")] == "1" and yours.count("1") == 1


def test_a_letter_for_every_role():
    assert len(set(show_row.LETTERS)) == len(data.ROLES)
    legend = show_row.explain_letters(list(show_row.LETTERS))[0]
    assert all(role in legend for role in data.ROLES)
    assert show_row.explain_letters(["0.25", "1"]) == []


def test_the_row_in_a_message_as_text_and_as_html():
    verdict = exercises.check("loss_mask", lambda roles: data.response_mask(roles[:, :-1]))
    lines = verdict.message.split("\n")
    assert lines[1].startswith("  target P P P") and lines[4].strip() == "^"
    page = verdict._repr_html_()
    (table,) = re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    assert html.unescape(table).split("\n") == lines[1:6]


def test_a_fraction_of_a_loss_weight_is_labelled_by_the_weight():
    verdict = exercises.check(
        "weighted_mean_backward", lambda d, cache: (d * (cache[0] > 0) / cache[1], None)
    )
    assert re.search(r"\n  weight +0\.25 ", verdict.message), verdict.message
