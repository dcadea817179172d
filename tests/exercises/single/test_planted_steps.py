"""The steps that the exchange test is graded on do what their sentences say."""

import numpy as np
import pytest

from minilm import data, exercises
from minilm.exercises.single import exchange, planted_steps

CASES = {args[0].func: args for args in exercises.find("uses_prompt_targets").make_cases()}


def measure_target(case, b, t):
    """The change of the loss, or of its gradient, when one target is another."""
    step, batch, vocab_size = case
    targets = batch.targets.copy()
    targets[b, t] = (targets[b, t] + 1) % vocab_size
    before, after = (step(batch.ids, y, batch.loss_mask) for y in (batch.targets, targets))
    return max(np.abs(b - a).max() for a, b in zip(before, after, strict=True))


def find_lit_roles(step):
    """The roles of targets that have a say in the loss or its gradient, above rounding."""
    case = CASES[step]
    roles = case[1].roles
    places = [tuple(place) for place in np.argwhere(roles != data.PAD)]
    return {int(roles[place]) for place in places if measure_target(case, *place) > 1e-5}


@pytest.mark.parametrize("step", planted_steps.STEPS, ids=lambda step: step.__name__)
def test_a_steps_targets_are_those_that_its_verdict_says(step):
    roles = find_lit_roles(step)
    assert (data.PROMPT in roles) == planted_steps.USES_PROMPT_TARGETS[step]
    assert data.RESPONSE in roles
    assert (data.EOS in roles) == (step is not planted_steps.masked_early)


def test_the_late_mask_loses_the_first_answer_target():
    case = CASES[planted_steps.masked_late]
    roles = case[1].roles
    first = [(b, int((row == data.RESPONSE).argmax())) for b, row in enumerate(roles)]
    assert all(measure_target(case, *place) == 0 for place in first)
    assert all(measure_target(case, b, t + 1) > 0 for b, t in first)


@pytest.mark.parametrize("step", planted_steps.STEPS, ids=lambda step: step.__name__)
def test_the_gradient_reaches_the_prompt_in_every_step(step):
    run, batch, _ = CASES[step]
    _, gradient = run(batch.ids, batch.targets, batch.loss_mask)
    assert gradient.shape == (*batch.ids.shape, exchange.C)
    assert (np.abs(gradient[batch.roles == data.PROMPT]).max(axis=-1) > 0).all()


def test_the_gradient_of_a_healthy_step_is_the_slope_of_its_loss():
    run, batch, _ = CASES[planted_steps.masked]
    (model, roles), h = run.args, 1e-6
    _, gradient = run(batch.ids, batch.targets, batch.loss_mask)
    for token in range(exchange.V):
        for channel in range(exchange.C):
            losses = []
            for sign in (1, -1):
                embedding = model.embedding.copy()
                embedding[token, channel] += sign * h
                moved = model._replace(embedding=embedding)
                losses.append(run.func(moved, roles, batch.ids, batch.targets, batch.loss_mask)[0])
            slope = gradient[batch.ids == token][:, channel].sum()
            assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_results_that_are_rounded_are_never_equal_to_the_bit():
    run, batch, vocab_size = CASES[planted_steps.rounded]
    other = np.where(batch.roles == data.PROMPT, (batch.targets + 1) % vocab_size, batch.targets)
    first, second = (run(batch.ids, targets, batch.loss_mask)[1] for targets in (batch.targets, other))
    assert (first != second).any() and np.allclose(first, second)


def test_an_unmasked_row_is_the_last_one_only():
    case = CASES[planted_steps.masked_but_for_one_row]
    roles = case[1].roles
    lit = [b for b, t in np.argwhere(roles == data.PROMPT) if measure_target(case, b, t) > 0]
    assert set(lit) == {len(roles) - 1}


@pytest.mark.parametrize("seed", range(3))
def test_the_exchange_test_is_right_on_any_seed(seed):
    own = exchange.uses_prompt_targets
    assert exercises.check("uses_prompt_targets", lambda *args: own(*args), seed=seed).ok
