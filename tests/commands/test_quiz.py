"""`python -m minilm quiz`: a legend, the case again, a polite end."""

import io

import pytest

from minilm.__main__ import main
from minilm.exercises import evidence, quiz

BEGINNING = quiz.LEGEND.split("\n")[0]


@pytest.fixture
def play(monkeypatch, capsys):
    """A function that types `keys` and returns (exit code, stdout, stderr) of a quiz with short runs."""
    for name, steps in (("BASE_STEPS", 2), ("STEPS", 4), ("EVAL_EVERY", 4)):
        monkeypatch.setattr(evidence, name, steps)

    def type_keys(keys):
        monkeypatch.setattr("sys.stdin", io.StringIO(keys))
        code = main(["quiz", "--seed", "5"])
        return code, *capsys.readouterr()

    return type_keys


def test_ten_cases_in_the_terminal(play, monkeypatch):
    monkeypatch.setattr(evidence, "describe_run", lambda fault, seed: "loss of both  1.0000")
    code, out, _ = play("7\nx\n" + "1\n" * 10)
    assert code == 0
    assert "'7' is none of them" in out and out.count("q to stop: ") == 12
    score = int(out.rsplit("You named ", 1)[1].split(" ")[0])
    lines = out.replace("q to stop: ", "\n").split("\n")
    assert max(len(line) for line in lines if line.startswith("It is ")) <= 96
    assert out.count("It is ") - out.count("It is not ") == 10 and f"{score} of 10" in out
    assert out.count("It is not ") == 10 - score
    assert out.index(BEGINNING) < out.index("Case 1 of 10") and out.count(BEGINNING) == 1


def test_a_question_mark_shows_the_case_and_the_legend_again(play):
    _, out, _ = play("?\nq\n")
    assert out.count(BEGINNING) == out.count("\nCase 1 of 10\n") == 2
    first, second = out.split("Case 1 of 10\n")[1:]
    assert first.split("q to stop")[0].split("How to read")[0].strip() in second
    assert "Case 2 of 10" not in out


def test_q_ends_with_the_score_so_far(play):
    code, out, err = play("1\n2\nq\n")
    assert code == 0 and err == ""
    assert "You named " in out and " of 2." in out and "`python -m minilm quiz --seed 5`" in out
    code, out, _ = play("q\n")
    assert code == 0 and "You named 0 of 0." in out


def test_answers_that_end_too_early_are_said_so(play):
    code, _, err = play("1\n")
    assert code == 2 and "the answers ended before the last case: q ends the quiz" in err
