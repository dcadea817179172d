"""Questions with choices: each choice has its reply, one is right, and grading knows it."""

import pytest

from minilm import exercises


@pytest.mark.parametrize("name", exercises.QUESTIONS)
def test_every_choice_has_a_reply_of_its_own_and_one_is_right(name):
    question = exercises.ask(name)
    assert list(question.choices) == list("abcde")[: len(question.choices)] == list(question.replies)
    assert len(set(question.replies.values())) == len(question.choices) >= 2
    for letter in question.choices:
        verdict = exercises.check(name, lambda letter=letter: letter)
        assert verdict.ok == (letter == question.right) and verdict.message == question.replies[letter]
        assert verdict.message.endswith((".", "?"))


@pytest.mark.parametrize("name", exercises.QUESTIONS)
@pytest.mark.parametrize("answer", ["z", "", None, 3, ["a"]])
def test_what_is_no_choice_is_wrong(name, answer):
    verdict = exercises.check(name, lambda: answer)
    assert verdict.status == "wrong" and "is none of the choices" in verdict.message


@pytest.mark.parametrize("name", exercises.QUESTIONS)
def test_a_letter_in_any_form_is_understood(name):
    right = exercises.ask(name).right
    for answer in (right, right.upper(), f"({right})", f" {right}) "):
        assert exercises.check(name, lambda answer=answer: answer).ok
        assert exercises.check(name, answer).ok


@pytest.mark.parametrize("name", exercises.QUESTIONS)
def test_an_open_question_is_to_do_and_shows_its_choices(name):
    def unanswered():
        raise NotImplementedError

    verdict = exercises.check(name, unanswered)
    assert verdict.status == "to do"
    for text in exercises.ask(name).choices.values():
        assert text in verdict.message and text in str(exercises.ask(name))


def test_an_unknown_question_lists_all():
    with pytest.raises(ValueError, match="there is no question 'shift'"):
        exercises.ask("shift")
