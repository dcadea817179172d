"""What the diagnosis is tried on, and how its findings are judged."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from minilm import diagnose, faults
from minilm.diagnose import Finding
from minilm.figures import trials

SEEDS = tuple(range(10))


def judge(planted, expected, *findings):
    report = SimpleNamespace(findings=[Finding(*finding) for finding in findings])
    return trials.judge_trial(trials.Trial(planted, expected, lambda: report))


def test_findings_are_judged_by_what_was_planted():
    cut, sure, possible = {"eos_cut"}, ("eos_cut", ""), ("eos_masked", "", False)
    assert judge("right, rows", set()) == ("right, rows", "right", "nothing")
    assert judge("right, rows", set(), possible) == ("right, rows", "alarm", "possibly eos_masked")
    assert judge("eos_cut", cut) == ("eos_cut", "missed", "nothing")
    assert judge("eos_cut", cut, sure) == ("eos_cut", "named", "eos_cut")
    assert judge("eos_cut", cut, possible, sure) == ("eos_cut", "possibly", "eos_cut and possibly eos_masked")
    assert judge("eos_cut", cut, ("eos_masked", "")) == ("eos_cut", "otherwise", "eos_masked")


def test_a_refusal_of_a_right_set_up_is_an_alarm():
    def refuse():
        raise diagnose.DiagnoseError("this batch is none")

    trial = trials.Trial("right, rows", set(), refuse)
    assert trials.judge_trial(trial) == ("right, rows", "alarm", "refused")


def test_every_fault_and_every_kind_of_right_rows_is_tried_in_each_pipeline():
    own = trials.list_trials(trials.OWN, trials.BOTH, SEEDS)
    assert len(own) == (len(faults.FAULTS) + 3) * 3
    assert own[0].expected == {own[0].planted} == {next(iter(faults.FAULTS))} and own[-1].expected == set()
    assert {trial.diagnose.args[1] for trial in own} == {0, 1, 2}


def test_right_kinds_of_the_corpus_are_tried_with_several_seeds_and_plantings_with_one():
    for view, n_seeds in ((trials.BOTH, 3), (trials.ALONE, 1)):
        others = trials.list_trials(trials.OTHERS, view, SEEDS)
        right = [trial for trial in others if not trial.expected]
        assert len(right) == n_seeds * len({trial.planted for trial in right}) > 100
        assert all(trial.planted in trial.expected for trial in others[len(right) :])
        assert {trial.diagnose.args[1] for trial in others[len(right) :]} == {0}
    assert trials.take_share((7, 8), trials.ALONE) == (7,)


def test_slices_have_each_trial_once(monkeypatch):
    monkeypatch.setattr(trials, "list_trials", lambda *_: "abcdefg")
    monkeypatch.setattr(trials, "judge_trial", str.upper)
    slices = [trials.count_slice(trials.OWN, trials.BOTH, SEEDS, k, 3) for k in range(3)]
    assert slices == [["A", "D", "G"], ["B", "E"], ["C", "F"]]


def test_a_fault_of_the_corpus_is_named_and_a_right_kind_is_not_accused():
    listed = trials.list_trials(trials.OTHERS, trials.BOTH, SEEDS)
    chosen = [listed[0], next(trial for trial in listed if trial.planted == "mask_one_late")]
    assert [trials.judge_trial(trial)[1:] for trial in chosen] == [
        ("right", "nothing"),
        ("named", "mask_one_late"),
    ]


def test_a_gradient_that_is_not_seen_is_missed():
    listed = trials.list_trials(trials.OTHERS, trials.ALONE, SEEDS)
    chosen = next(trial for trial in listed if trial.planted == "gradient_scaled")
    assert trials.judge_trial(chosen) == ("gradient_scaled", "missed", "nothing")


def test_without_dlogits_the_loss_alone_comes_back(rng):
    loss, dlogits = 1.5, np.zeros((1, 2, 3))
    assert trials.hide_dlogits(lambda *batch: (loss, dlogits))(0, 1) == loss
    assert trials.hide_dlogits(lambda batch: loss)({}) == loss


def test_what_is_missing_outside_of_a_checkout_is_said(monkeypatch, tmp_path):
    before = list(sys.path)
    assert trials.import_from("helpers", "setups.counting").judge_names({}, {"eos_cut"}) == "missed"
    assert sys.path == before
    monkeypatch.setattr(trials, "TESTS", tmp_path)
    with pytest.raises(ValueError, match=r"helpers is missing: .* in a checkout of the repository"):
        trials.import_from("helpers", "setups.counting")


def test_versions_are_read_where_all_libraries_are_installed(monkeypatch):
    monkeypatch.setattr(trials, "LIBRARIES", ("numpy", "pytest"))
    assert trials.read_versions() == {"numpy": np.__version__, "pytest": pytest.__version__}
    monkeypatch.setattr(trials, "LIBRARIES", ("numpy", "no_such_library_of_anybody"))
    assert trials.read_versions() == {}


@pytest.mark.slow
def test_real_trainers_are_tried():
    if not trials.read_versions():
        pytest.skip(f"{', '.join(trials.LIBRARIES)} are not all installed: real trainers are not tried")
    listed = trials.list_trainers(trials.BOTH, SEEDS)
    assert sum(not trial.expected for trial in listed) > 60
    assert trials.judge_trial(listed[0])[1] == "right"
