"""A pass pays: what the learner's own function gives on the course's question."""

import numpy as np
import pytest
from exercises.answers import RIGHT, one_sequence

from minilm import exercises
from minilm.exercises.checker import examples

SHOWN = {
    "shift": r"  predicts  User: What",
    "loss_mask": "  User: What is 2+2? Assistant: [4] [<eos>]",
    "token_nll": "  NLL     2.30  2.70 3.88 1.96 3.27       1.65",
    "log_probs": "log P(x) -14.11  +  log P(y|x) -1.65  =  log P(x, y) -15.75",
    "target_weights": "  weight  0     0    0  0    0          1",
    "last_turn_mask": "  <user> 1+1? <assistant> 2 <eos> <user> 2+2? <assistant> [4] [<eos>]",
}


@pytest.mark.parametrize(("name", "mine"), [(name, mine) for name in SHOWN for mine in RIGHT[name]])
def test_a_pass_shows_your_function_at_work(name, mine):
    verdict = exercises.check(name, mine)
    assert verdict.ok and "\nYours, on " in verdict.message
    assert SHOWN[name] in verdict.message, verdict.message
    assert len(verdict.message.split("\n")) <= 5


def test_it_is_yours_that_is_shown():
    def zeros(roles):
        return np.zeros((len(roles), roles.shape[1] - 1))

    assert examples.show_mask(zeros).endswith("\n  User: What is 2+2? Assistant: 4 <eos>")


def test_nothing_is_shown_where_that_fails(monkeypatch):
    def breaks(function):
        raise RuntimeError

    broken = exercises.find("shift")._replace(show_off=breaks)
    monkeypatch.setitem(exercises.EXERCISES, "shift", broken)
    verdict = exercises.check("shift", one_sequence.shift_by_take)
    assert verdict.ok and verdict.message == "4 random cases agree."


def test_a_wrong_answer_gets_no_show():
    assert "Yours, on" not in exercises.check("shift", lambda tokens: (tokens, tokens)).message
