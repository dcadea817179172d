"""The diagnosis game: cases stay sealed, answers are judged with an explanation."""

import re

import numpy as np
import pytest

from minilm import faults
from minilm.exercises import evidence, quiz


def test_cases_are_sealed_and_judged(short_runs):
    first, second = quiz.deal(3, 2)
    assert first.title == "1 of 2" and len(first.options) == 5
    (right,) = (name for name in quiz.list_answers() if quiz.judge(first, name).ok)
    assert right in first.options and quiz.get_sign(right) in quiz.judge(first, right).message
    unknown = quiz.judge(first, "no such")
    assert unknown.status == "wrong" and "Choose one of" in unknown.message
    assert right not in first.text and "fault" not in first.digest
    assert next(quiz.deal(3, 2)) == first != second


def test_a_learners_answer_is_graded_with_an_explanation(short_runs, monkeypatch):
    def unwritten():
        raise NotImplementedError

    def stop():
        raise RuntimeError("It is over.")

    case = quiz.case("A")
    assert quiz.check(case, unwritten).status == "to do"
    assert "returns None" in quiz.check(case, lambda: None).message
    assert quiz.check(case, lambda: 1 / 0).message.endswith(": division by zero.")
    assert quiz.check(case, stop).message.endswith(": It is over.")
    assert "Do you mean 'mean_of_means'?" in quiz.check(case, lambda: "Mean of means").message
    for answer in (np.array([1, 2]), 3):  # 3 stands beside a name: the names to choose from are this case's
        assert quiz.check(case, lambda a=answer: a).message.endswith(
            "Choose one of: healthy, mask_inverted, mask_not_applied, smoothing_ignores_mask."
        )
    wrong = quiz.check(case, lambda: "eos_masked")
    assert wrong.status == "wrong" and "It is not eos_masked" in wrong.message
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError):
        wrong.grade()


def test_a_sign_that_is_not_there_is_told_as_what_one_would_see(short_runs):
    case = quiz.case("B")
    message = quiz.judge(case, "eos_cut").message
    assert "With eos_cut you would see this: there is no <eos> among the targets" in message
    assert message.endswith("What you see here:\n  tall -> <eos> 0.000")
    for name in quiz.list_answers():
        verdict = quiz.judge(case, name)
        sign = quiz.get_sign(name)
        told_as_seen = verdict.message.startswith(f"It is {name}. {sign}")
        told_as_possible = f"you would see this: {sign[0].lower()}{sign[1:]}" in verdict.message
        assert told_as_seen == verdict.ok != told_as_possible


@pytest.mark.parametrize("letter", quiz.LESSON_CASES)
def test_a_lessons_case_offers_its_answer_and_a_sentence_for_each_choice(short_runs, letter):
    case = quiz.case(letter)
    assert quiz.unseal_answer(case) in case.options and quiz.HEALTHY in case.options
    assert set(case.options) <= set(quiz.list_answers())
    sealed = {"A": "mask_not_applied", "B": "eos_masked", "C": "mean_of_means"}  # as lesson 9 solves them
    assert quiz.unseal_answer(case) == sealed[letter]
    shown = " ".join(str(case).split())
    for name in set(case.options) - {quiz.HEALTHY}:
        assert f"{name} {faults.FAULTS[name].sentence}" in shown


SHOWN = {  # the lines that a reader is pointed to, with the fault planted
    "mask_not_applied": ["User: -> how 0.042", "(10 loss weights above 0)"],
    "mask_one_late": ["Assistant: -> tall 0.000"],
    "mask_one_early": ["? -> Assistant: 0.167", "tall -> <eos> 0.000"],
    "answer_start_masked": ["Assistant: -> tall 0.000", "river -> and 0.000", "and -> forest 0.334"],
    "mask_inverted": ["User: -> how 0.055", "Assistant: -> tall 0.000"],
    "eos_masked": ["Assistant: -> tall 0.250", "tall -> <eos> 0.000"],
    "eos_cut": ["tall -> <pad> 0.000"],
    "marker_not_found": ["Assistant: -> tall 0.000", "(0 loss weights above 0)"],
    "pads_in_the_loss": ["<eos> -> <pad> 0.100"],
    "not_shifted": ["User: -> User: 0.000"],
    "shifted_twice": ["User: -> big 0.000"],
    "double_bos": ["<bos> -> <bos> 0.000"],
    "bos_eos_inside": ["Assistant: -> <eos> 0.000"],
    "empty_mask_nan": ["mask of zeros nan"],
    "empty_mask_silent": ["mask of zeros 0.0000"],
    "mask_after_reduction": ["<eos> -> <pad> 0.035"],
    "auxiliary_loss_unmasked": ["User: -> how 0.005", "slope of the loss 1.0000"],
}


@pytest.mark.parametrize("name", quiz.list_answers())
def test_the_lines_that_a_reader_is_pointed_to_show_the_fault(name):
    def point(planted):
        text = f"{evidence.describe_targets(planted)}\n{evidence.describe_measurements(planted)}"
        return quiz.find_lines(quiz.Case("", text, (), ""), name)

    if name == quiz.HEALTHY:
        assert point(None) == ""
        return
    assert point(name).count("\n") == len(quiz.LINES[name]) and point(name) != point(None)
    for line in SHOWN.get(name, []):
        assert re.sub(r"\d$", "", line) in point(name)  # all digits but the last, which may round


def test_all_cases_start_from_one_pre_trained_model(short_runs):
    (_, first), *_ = evidence.train_with("mask_not_applied", seed=1)
    (_, second), *_ = evidence.train_with(None, seed=2)
    base, new = evidence.train_base(evidence.BASE_STEPS), evidence.make_new_model()
    for params in (first, second):
        assert (params["wte"]["weight"] == base["wte"]["weight"]).all()
        assert (params["wte"]["weight"] != new["wte"]["weight"]).any()


def test_the_legend_names_every_column_and_part_of_the_evidence(short_runs):
    text = quiz.case("A").text
    for name in ("train loss", "answers", "prompts", "exact match", "it writes", "Two examples", "Measured"):
        assert name in text and f"\n  {name} " in quiz.LEGEND
    assert max(map(len, quiz.LEGEND.split("\n"))) < 100


def test_answers_are_the_faults_that_rows_show_or_healthy_and_each_has_a_sign():
    unseen = {name for name, fault in faults.FAULTS.items() if fault.shown_by != "rows"}
    assert set(quiz.list_answers()) == {*faults.FAULTS, "healthy"} - unseen and unseen
    assert set(quiz.LINES) == set(quiz.list_answers())
    assert all(quiz.get_sign(name).endswith(".") for name in quiz.list_answers())
