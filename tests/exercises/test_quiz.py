"""The diagnosis game: cases stay sealed, answers are judged with an explanation."""

import io

import numpy as np
import pytest

from minilm import faults
from minilm.__main__ import main
from minilm.exercises import evidence, quiz


def test_cases_are_sealed_and_judged(monkeypatch):
    monkeypatch.setattr(evidence, "STEPS", 20)
    monkeypatch.setattr(evidence, "EVAL_EVERY", 10)
    first, second = quiz.deal(3, 2)
    assert first.title == "1 of 2" and len(first.options) == 5
    (right,) = (name for name in quiz.list_answers() if quiz.judge(first, name).ok)
    assert right in first.options and quiz.get_sign(right) in quiz.judge(first, right).message
    unknown = quiz.judge(first, "no such")
    assert unknown.status == "wrong" and "Choose one of" in unknown.message
    assert right not in first.text and "fault" not in first.digest
    again, _ = quiz.deal(3, 2)
    assert again == first != second


def test_a_learners_answer_is_graded_with_an_explanation(monkeypatch):
    def unwritten():
        raise NotImplementedError

    case = quiz.case("A")
    assert quiz.check(case, unwritten).status == "to do"
    assert "returns None" in quiz.check(case, lambda: None).message
    assert "raises" in quiz.check(case, lambda: 1 / 0).message
    assert "Do you mean 'mean_of_means'?" in quiz.check(case, lambda: "Mean of means").message
    assert "Choose one of" in quiz.check(case, lambda: np.array([1, 2])).message
    wrong = quiz.check(case, lambda: "eos_masked")
    assert wrong.status == "wrong" and "It is not eos_masked" in wrong.message
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError):
        wrong.grade()


def test_answers_are_the_faults_that_rows_show_or_healthy_and_each_has_a_sign():
    unseen = {name for name, fault in faults.FAULTS.items() if fault.shown_by != "rows"}
    assert set(quiz.list_answers()) == {*faults.FAULTS, "healthy"} - unseen and unseen
    assert all(quiz.get_sign(name).endswith(".") for name in quiz.list_answers())


@pytest.mark.slow
def test_quiz_in_the_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("7\nx\n" + "1\n" * 10))
    assert main(["quiz", "--seed", "5"]) == 0
    out = capsys.readouterr().out
    assert "'7' is none of them" in out and out.count("Which is it?") == 12
    score = int(out.rsplit("You named ", 1)[1].split(" ")[0])
    assert out.count("\nIt is ") + out.count(": It is ") >= 10 and f"{score} of 10" in out
