"""Each loss at its own best rate: what is said follows the numbers."""

import numpy as np
import pytest
from small_worlds import small_worlds

from minilm.figures import rates, tasks

RATES = (1e-3, 2e-3)


def make_result(masked, full, halfway=(0.5, 0.4)):
    """Three seeds around the mean -log P(y|x) of masked and full at both rates."""

    def spread(means):
        return [[mean - 0.01, mean, mean + 0.01] for mean in means]

    nll = {"0": spread(masked), "0.1": spread(masked), "1": spread(full)}
    match = {
        line: spread([share] * 2) for line, share in zip(nll, (halfway[0], 0.5, halfway[1]), strict=True)
    }
    measured = {"response_nll": nll, "halfway": match, "exact_match": match, "prompt_nll": nll}
    return {"rates": RATES, "seeds": range(3), "settings": {"steps": 9}, **measured}


@pytest.mark.parametrize(
    ("masked", "full", "sentence"),
    [
        ((0.3, 0.1), (0.2, 0.4), "masked loss leaves the answers more likely than full loss does"),
        ((0.3, 0.2), (0.1, 0.4), "full loss leaves the answers more likely than masked loss does"),
        ((0.3, 0.2), (0.2, 0.4), "masked and full loss are not clearly apart on answers"),
    ],
)
def test_the_takeaway_compares_each_loss_at_its_best(masked, full, sentence):
    takeaway = rates.choose_takeaway(make_result(masked, full))
    assert takeaway == f"Each at its own best rate, {sentence}."


def test_the_line_names_every_loss_with_its_rate():
    line = rates.describe_best(make_result((0.3, 0.1), (0.2, 0.4), (0.75, 0.5)))
    assert "masked 0.100 ± 0.010 (rate 0.002, exact match 0.750)" in line
    assert "full 0.200 ± 0.010 (rate 0.001, exact match 0.500)" in line


def test_the_rates_are_counted_where_the_seeds_tell():
    sentence = rates.count_rates(make_result((0.3, 0.1), (0.2, 0.4)))
    assert "in exact match halfway, masked is clearly ahead at 2 of 2 rates and full at 0" in sentence
    assert "in -log P(y|x) at the end, masked is clearly ahead at 1 of 2 rates and full at 1" in sentence


def test_all_rates_and_losses_start_from_the_base_model_of_the_seed(monkeypatch):
    starts = []
    monkeypatch.setattr(
        tasks, "tune", lambda task, start, seed: starts.append((task.settings.lr, start)) or {}
    )
    with small_worlds():
        rates.sweep_rates(RATES, 0, 4)
    assert [lr for lr, _ in starts] == list(RATES) and starts[0][1] is starts[1][1]


def test_halfway_is_half_of_the_steps():
    with small_worlds():
        measures = rates.sweep_rates(RATES[:1], 0, 4)
    assert set(measures) == {(line, RATES[0]) for line in tasks.LOSS_NAMES}
    assert all(entry["step"] == 4 and np.isfinite(entry["halfway"]) for entry in measures.values())
