"""Faults are planted for training only; the caption follows the table."""

import numpy as np
import pytest

import minilm
from minilm import data, model, tokenizer
from minilm.figures import fingerprints, grid, worlds


@pytest.mark.parametrize("case", ["targets not shifted", "mask inverted", "divided by all places"])
def test_faults_are_gone_before_the_model_is_judged(case, monkeypatch):
    places = [
        (data, "encode"),
        (data, "collate"),
        (data, "loss_mask"),
        (minilm.losses, "weighted_mean_forward"),
    ]
    before = [getattr(*place) for place in places]
    judged = []

    def likelihoods(*args):
        judged.append([getattr(*place) for place in places])
        return {}

    monkeypatch.setattr(fingerprints, "measure_likelihoods", likelihoods)
    monkeypatch.setattr(fingerprints, "measure_behaviour", lambda *args: {})
    result = fingerprints.run_case(case, 0, 1)
    assert judged == [before] and [getattr(*place) for place in places] == before
    healthy = fingerprints.run_case("correct mask", 0, 1)
    assert result["train_loss"] != healthy["train_loss"]  # it was there


def test_the_correct_case_is_the_main_experiment():
    params, loss = fingerprints.train_with_fault(None, 0.0, 1, 3)
    task = worlds.make_scratch_task()
    last = grid.train_to_end(task, 0.0, 1, 3)
    assert loss == pytest.approx(last["train_loss"], rel=1e-5)
    answers = fingerprints.measure_likelihoods(params, task.config, task)
    assert answers["prompt_nll"] == pytest.approx(last["prompt_nll"], rel=1e-4)
    both = (answers["answer_nll"] + answers["eos_nll"]) / 2  # one token each
    assert both == pytest.approx(last["response_nll"], rel=1e-4)


def test_more_positions_change_nothing_before_them():
    task = worlds.make_zoo_task()
    params = model.init(task.config, np.random.default_rng(0), std=0.3)
    more, config = fingerprints.add_positions(params, task.config, 8)
    ids = data.collate(task.rows[:3]).ids
    assert config.n_positions == task.config.n_positions + 8
    model.check_params(more, config)
    assert (model.forward(more, ids, config)[0] == model.forward(params, ids, task.config)[0]).all()


def test_stops_and_lengths_of_models_that_cannot_do_otherwise():
    task = worlds.make_zoo_task()
    params = model.init(task.config, np.random.default_rng(0))
    longer, config = fingerprints.add_positions(params, task.config, fingerprints.CAP)
    for wanted, stops, length in ((tokenizer.EOS_ID, 1.0, 1.0), (5, 0.0, 8.0)):
        bias = np.zeros_like(params["ln_f"]["bias"])
        head = np.zeros_like(params["lm_head"]["weight"])
        bias[0], head[0, wanted] = 1.0, 50.0
        fixed = {**longer, "ln_f": {"weight": bias * 0, "bias": bias}, "lm_head": {"weight": head}}
        found = fingerprints.measure_behaviour(fixed, config, task, 0)
        assert (found["stops"], found["length"], found["valid"]) == (stops, length, 0.0)


def make_case(loss, accuracy, stops=1.0):
    """A case of three seeds."""
    spread = [accuracy, accuracy + 0.01, accuracy]
    return {"train_loss": [loss] * 3, "accuracy": spread, "stops": [stops] * 3}


def write_caption(**cases):
    cases = {"correct mask": make_case(0.4, 0.8), **cases}
    return fingerprints.caption({"settings": {"steps": 9}, "seeds": [0, 1, 2], "cases": cases})


def test_the_caption_follows_the_numbers():
    caption = write_caption(bad=make_case(0.1, 0.1), mute=make_case(0.2, 0.9, 0.0))
    assert "'bad' has the lowest, and answers or stops clearly worse." in caption
    assert "belongs to 'bad'" in caption and ", the lowest (correct mask" in caption
    assert "Of the 2 rows with a lower training loss, 2 answer or stop clearly worse" in caption
    assert caption.endswith("Right more often than with the correct mask, but without an end: 'mute' (0.90).")
    caption = write_caption(good=make_case(0.1, 0.9), bad=make_case(0.9, 0.1))
    assert caption.startswith("'good' has the lowest training loss, and is not clearly worse")
    assert "belongs to 'good'" in caption and ", the lowest" not in caption
    assert "Of the 1 row with a lower training loss, 0 answer" in caption
    assert write_caption(bad=make_case(0.9, 0.1)).startswith("Here the correct mask has the lowest")
