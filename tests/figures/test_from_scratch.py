"""What is said of training from scratch: its takeaway follows the numbers, its cosines are right."""

import re

import numpy as np
import pytest

from minilm import data, gradcheck, model, train, tree
from minilm.figures import from_scratch, grid, tasks, worlds


def spread(*means):
    """Three seeds for each point."""
    return [[mean, mean + 0.01, mean - 0.01] for mean in means]


def make_result(masked, full):
    return {"rates": [1, 2, 4], "match_by_rate": {"0": spread(*masked), "1": spread(*full)}}


@pytest.mark.parametrize(
    ("masked", "full", "said"),
    [
        (
            (0.5, 0.8, 0.7),
            (0.2, 0.7, 0.8),
            "the learning rate decides .*; each at its best, neither is ahead",
        ),
        ((0.5, 0.8, 0.7), (0.2, 0.7, 0.9), "the learning rate decides .*; each at its best, full is ahead"),
        ((0.5, 0.8, 0.7), (0.2, 0.7, 0.7), "masked loss answers .* at 2 of 3 .*; each .*, masked is ahead"),
        ((0.2, 0.7, 0.7), (0.2, 0.7, 0.9), "full loss answers .* at 1 of 3 .*; each .*, full is ahead"),
        ((0.2, 0.7, 0.7), (0.2, 0.7, 0.7), "masked and full loss are not clearly .*, neither is ahead"),
    ],
)
def test_the_takeaway_follows_the_numbers(masked, full, said):
    takeaway = from_scratch.choose_takeaway(make_result(masked, full))
    assert re.fullmatch(rf"From scratch, {said}\.", takeaway) and len(takeaway.split()) <= 25


def test_each_loss_is_compared_at_its_own_best_rate():
    said = from_scratch.describe_rates(make_result((0.5, 0.8, 0.7), (0.2, 0.7, 0.8)))
    assert "clearly ahead at 2 of 3 rates and full at 1; each at its own best: masked (rate 2) 0.800" in said
    assert "full (rate 4) 0.800 ± 0.010 (masked and full are not clearly apart" in said


@pytest.mark.parametrize(("cosine", "is_dilution"), [(0.05, True), (-0.4, False)])
def test_dilution_is_named_only_without_conflict(cosine, is_dilution):
    result = {"ratios": [4, 20], "cos_full": spread(0.7, 0.1), "cos_parts": spread(0.0, cosine)}
    said = from_scratch.describe_cosines(result)
    assert ("dilutes" in said) == is_dilution and f"lies between {min(cosine, 0):+.2f}" in said


def test_the_gradient_s_parts_by_hand(monkeypatch):
    parts = [np.array([3.0, 0.0]), np.array([0.0, 4.0])]
    monkeypatch.setattr(from_scratch.identities, "sum_grads", lambda *_: parts.pop(0))
    batch = data.collate(
        [data.Row(np.array([1, 4, 5, 2]), np.array([data.BOS, data.PROMPT, data.RESPONSE, data.EOS]))]
    )
    assert from_scratch.measure_cosines(None, batch, None) == [0.8, 0.0]


def test_the_cosines_are_those_of_the_losses_that_are_trained(rng):
    task = worlds.make_zoo_task()
    params = gradcheck.draw_params(task.config, rng)
    g_full, g_y = (train_gradient(params, task, weight) for weight in (1.0, 0.0))
    expected = g_full @ g_y / np.linalg.norm(g_full) / np.linalg.norm(g_y)
    found, _ = from_scratch.measure_cosines(params, data.collate(task.rows[:5]), task.config)
    assert found == pytest.approx(expected, rel=1e-9)


def train_gradient(params, task, prompt_weight):
    batch = train.make_batch(task.rows[:5], train.Settings(prompt_weight=prompt_weight))
    _, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, task.config)
    return tree.flatten(grads)


def test_measuring_changes_no_run():
    task = tasks.make_scratch_task()
    task = task._replace(rows=task.rows[:64], held_out=task.held_out[:16])
    measured = from_scratch.measure_full_run(task, 3, 4)
    assert {key: measured.pop(key) for key in from_scratch.COSINES}.keys() == set(from_scratch.COSINES)
    usual = grid.train_to_end(task, 1.0, 3, 4)
    assert measured == usual
