"""An answer that is text: whatever it does, it ends in a verdict that helps."""

import pytest

from minilm import exercises
from minilm.exercises.checker import source

SHIFT = "def shift(tokens):\n    "
SAID = [
    (SHIFT + "return tokens[:, :-1], tokens[:, 1:]", "passed", "4 random cases agree"),
    ("import numpy as np\nA = 1\ndef shift(t):\n    return t[:, :-A], t[:, A:]", "passed", "4 random cases"),
    (SHIFT + "return tokens, tokens", "wrong", "the last token has no successor"),
    (SHIFT + "raise NotImplementedError()", "to do", "from tokens (B, T + 1) return"),
    (SHIFT + "return tokns", "wrong", "raises NameError in line 2, `return tokns`: name 'tokns' is not"),
    (SHIFT + "return tokens[", "wrong", "This is no Python in line 2: '[' was never closed."),
    ("def shift(tokens):\nreturn 1", "wrong", "This is no Python in line 2: expected an indented block"),
    ("a\0b", "wrong", "This is no Python: source code string cannot contain null bytes"),
    (
        "x = 1\ny = x / 0",
        "wrong",
        "Your code raises ZeroDivisionError in line 2, `y = x / 0`: division by zero.",
    ),
    ("exit()", "wrong", "Your code calls exit(): return the result instead."),
    ("while True: pass", "wrong", "Your code is still running after 0.2 s"),
    (SHIFT + "while True: pass", "wrong", "Your function is still running after 0.2 s"),
    ("", "wrong", "Your code defines no shift: begin with `def shift(...):`."),
    ("shift = 3", "wrong", "Hand over the function itself, not an int."),
]


@pytest.mark.parametrize("text, status, said", SAID)
def test_text_ends_in_a_verdict(text, status, said):
    verdict = source.check_source("shift", text, seconds=0.2)
    assert verdict.status == status and said in verdict.message


def test_text_runs_by_itself_and_leaves_nothing():
    source.check_source("shift", "np = 3")
    assert "defines no shift" in source.check_source("shift", "x = 1").message
    assert "name 'np' is not defined" in source.check_source("shift", "y = np").message


def test_an_unknown_exercise_is_said():
    with pytest.raises(ValueError, match="no exercise 'shfit'; there are shift"):
        source.check_source("shfit", "")
    assert exercises.names()[0] == "shift"
