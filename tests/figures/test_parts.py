"""The two parts of the gradient, and optimisers that treat them differently."""

import numpy as np
import pytest

from minilm import data, gradcheck, model, optim, train, tree
from minilm.figures import grid, parts, worlds


def test_parts_add_up_to_the_full_gradient_and_the_response_part_is_the_masked_one(rng):
    task = worlds.make_zoo_task()
    params = gradcheck.draw_params(task.config, rng)
    for weight in (0.0, 1.0):
        batch = data.collate(task.rows[:5], weight)
        g_x, g_y, n_x, n_y = parts.part_gradients(params, batch, task.config)
        assert (n_x, n_y) == data.count_targets(task.rows[:5])
        _, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, task.config)
        expected = (g_x + g_y) / (n_x + n_y) if weight else g_y / n_y
        np.testing.assert_allclose(tree.flatten(grads), expected, rtol=1e-9, atol=1e-13)


def test_angles_by_hand():
    found = parts.measure_angles(np.array([3.0, 0.0]), np.array([0.0, 4.0]))
    assert found == {"norm_ratio": 0.75, "cos_parts": 0.0, "cos_full": 0.8}
    assert parts.measure_angles(np.array([1.0, 1.0]), np.array([-2.0, -2.0]))["cos_parts"] == pytest.approx(
        -1
    )


def steps_of(update, g_x, g_y, n_x=6, n_y=2, n_steps=3, lr=0.5):
    """Where three steps with the same gradient lead from 0."""
    vector = np.zeros_like(g_y)
    state = parts.init_states(vector)
    for _ in range(n_steps):
        update(vector, g_x, g_y, n_x, n_y, state, lr)
    return vector


def test_dividing_by_all_targets_is_a_smaller_step_for_sgd_and_none_for_adam(rng):
    g_x, g_y = rng.normal(size=(2, 7))
    right, all_targets = (steps_of(f, g_x, g_y) for f in (parts.sgd_masked, parts.sgd_masked_all))
    assert (all_targets == right * (2 / 8)).all() and right[0] == -3 * 0.5 * g_y[0] / 2
    right, all_targets = (steps_of(f, g_x, g_y) for f in (parts.adam_masked, parts.adam_masked_all))
    np.testing.assert_allclose(all_targets, right, rtol=1e-5)


def test_separate_moments_are_adam_when_one_part_is_zero_and_two_adams_else(rng):
    g_x, g_y = rng.normal(size=(2, 7))
    nothing = np.zeros(7)
    only_y, only_x = steps_of(parts.adam_separate, nothing, g_y), steps_of(parts.adam_separate, g_x, nothing)
    assert (only_y == steps_of(parts.adam_full, nothing, g_y)).all()
    assert (only_x == steps_of(parts.adam_full, g_x, nothing)).all()
    np.testing.assert_allclose(steps_of(parts.adam_separate, g_x, g_y), only_x + only_y)
    small = steps_of(parts.adam_separate, 1000 * g_x, g_y) - steps_of(
        parts.adam_separate, 1000 * g_x, nothing
    )
    np.testing.assert_allclose(small, only_y)  # however large g_x: it does not scale the answers' step


def test_the_second_moment_alone_by_hand():
    vector = np.zeros(2)
    state = optim.init(vector)
    parts.adam_with_other_moment(vector, np.array([1.0, -1.0]), np.array([4.0, 1.0]), state, lr=0.5)
    np.testing.assert_allclose(vector, [-0.5 / 4, 0.5], rtol=1e-6)  # first step: lr first / |second|


def test_the_second_moment_alone_is_adam_where_both_moments_agree(rng):
    g_x, g_y = rng.normal(size=(2, 7))
    same = steps_of(parts.adam_second_moment_full, np.zeros(7), g_y)
    assert (same == steps_of(parts.adam_full, np.zeros(7), g_y)).all()
    scaled = steps_of(parts.adam_second_moment_full, 9 * g_y, g_y)  # g_full is 10 g_y: a tenth of the step
    np.testing.assert_allclose(scaled, same / 10, rtol=1e-5)
    assert np.abs(steps_of(parts.adam_second_moment_full, g_x, g_y) - same).max() > 0.01


@pytest.mark.parametrize(("name", "weight"), [("Adam, g_y / N_y", 0.0), ("Adam, g_x + g_y", 1.0)])
def test_training_in_parts_is_training(name, weight):
    task = grid.set_steps(worlds.make_zoo_task(), 5)
    params, measured = parts.fit_parts(task, parts.OPTIMISERS[name], 3, task.settings.lr, measure_every=2)
    assert [entry["step"] for entry in measured] == [1, 2, 4]
    last = train.evaluate(params, task.config, task.held_out)
    usual = grid.train_to_end(worlds.make_zoo_task(), weight, 3, 5)
    assert last["response_nll"] == pytest.approx(usual["response_nll"], rel=1e-4)
    assert last["prompt_nll"] == pytest.approx(usual["prompt_nll"], rel=1e-4)
