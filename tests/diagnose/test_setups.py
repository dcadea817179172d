"""Does the diagnosis cry wolf, and does it name what is planted? On a corpus that shares no code with minilm.

The first half judges the corpus itself by its oracle, which knows nothing of minilm; the second half
judges the diagnosis by the corpus.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from setups import counting, faulty, oracle, right, steps

from minilm import diagnose

SEEDS = range(6)
NOT_IN_WEIGHTS = {"double_bos"}  # only the tokens show it


def name_of(value):
    return getattr(value, "__name__", None) or str(value)


def choose_one_of_each(cases, end, turn=0):
    """One case of all whose names are the same up to `end`, another one each turn."""
    alike = {}
    for case in cases:
        alike.setdefault(case[0].split(end)[0], []).append(case)
    return [group[turn % len(group)] for group in alike.values()]


def gives_gradient(set_up):
    batch = oracle.copy_batch(set_up.make_batch(set_up.examples))
    return oracle.call_step(set_up, batch)[1] is not None


def shows_in_weights(set_up):
    """Whether the oracle sees that other targets carry loss, or that other tokens stand in the rows."""
    try:
        return bool(oracle.judge(set_up))
    except AssertionError:
        return True


# ---------------------------------------------------------------- the corpus


def test_there_are_over_200_right_set_ups_of_36_kinds_and_more():
    assert len({set_up.__name__ for set_up in right.RIGHT}) == len(right.RIGHT) > 36
    assert len(right.RIGHT) * len(SEEDS) > 200


def test_every_fault_is_planted_in_several_kinds():
    kinds = {}
    for name, expected, _ in faulty.FAULTY:
        assert name.split(",")[0] in expected
        kinds.setdefault(name.split(",")[0], set()).add(name.split(" in ")[1])
    assert not {fault for fault, plans in kinds.items() if len(plans) < 2}


def find_wrong(set_ups, seed):
    wrong = {set_up.__name__: oracle.judge(set_up(seed)) for set_up in set_ups}
    return {name: found for name, found in wrong.items() if found}


def test_right_set_ups_are_right():
    assert not find_wrong(right.RIGHT[::2], seed=0)


def list_planted(cases, seeds):
    """The set-ups with a fault that shows in the weights: those that give a gradient."""
    chosen = [(name, set_up(seed)) for name, _, set_up in cases for seed in seeds]
    return [
        (name, set_up)
        for name, set_up in chosen
        if gives_gradient(set_up) and name.split(",")[0] not in NOT_IN_WEIGHTS
    ]


def test_planted_faults_show_in_the_weights():
    planted = list_planted(choose_one_of_each(faulty.MASKS + faulty.DIVISORS, " in "), seeds=[1])
    assert not [name for name, set_up in planted if not shows_in_weights(set_up)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_all_right_set_ups_are_right(seed):
    assert not find_wrong(right.RIGHT, seed)


@pytest.mark.slow
def test_all_planted_faults_show_in_the_weights():
    planted = list_planted(faulty.MASKS + faulty.DIVISORS, seeds=[0])
    assert not [name for name, set_up in planted if not shows_in_weights(set_up)]


def find_slope(value_of, x, step=1e-6):
    slope = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += step
        down[place] -= step
        slope[place] = (value_of(up) - value_of(down)) / (2 * step)
    return slope


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradient_of_the_loss_is_its_slope(rng, smoothing):
    logits, targets = rng.normal(size=(2, 3, 5)), np.array([[0, 1, -100], [2, 4, 3]])
    seen = steps.Seen(targets, targets, rng.uniform(size=(2, 3)))
    _, gradient = steps.find_loss(logits, seen, 1.7, smoothing)
    slope = find_slope(lambda x: steps.find_loss(x, seen, 1.7, smoothing)[0], logits)
    np.testing.assert_allclose(gradient, slope, atol=1e-8)


def test_gradient_of_the_normalizer_is_its_slope(rng):
    logits, weights = rng.normal(size=(1, 3, 5)), np.array([[0.0, 1.0, 2.0]])
    _, gradient = steps.shrink_normalizer(None, logits, weights)
    slope = find_slope(lambda x: steps.shrink_normalizer(None, x, weights)[0], logits)
    np.testing.assert_allclose(gradient, slope, atol=1e-8)


def test_gradient_of_the_distance_is_its_slope(rng):
    """The base model is frozen: only the first of both distributions moves."""
    logits, weights = rng.normal(size=(1, 3, 5)), np.array([[0.0, 1.0, 2.0]])
    base = steps.find_log_probs(0.6 * logits)

    def find_distance(x):
        mine = steps.find_log_probs(x)
        return (0.05 * weights / weights.sum() * (np.exp(mine) * (mine - base)).sum(axis=-1)).sum()

    loss, gradient = steps.stay_near_base(logits, weights)
    assert loss == pytest.approx(find_distance(logits))
    np.testing.assert_allclose(gradient, find_slope(find_distance, logits), atol=1e-8)


@pytest.mark.parametrize(
    "names, verdict",
    [
        ({}, "missed"),
        ({"eos_cut": True}, "named"),
        ({"eos_cut": False}, "named"),
        ({"eos_cut": True, "mask_differs": True}, "differs"),
        ({"mask_differs": True}, "differs"),
        ({"eos_cut": False, "eos_masked": False}, "possibly"),
        ({"eos_cut": True, "eos_masked": True}, "otherwise"),
        ({"eos_masked": False}, "otherwise"),
        ({"refused": True}, "otherwise"),
    ],
)
def test_judge_names(names, verdict):
    assert counting.judge_names(names, {"eos_cut"}) == verdict


def test_count_sums_up_over_seeds_and_kinds():
    """A diagnosis that finds nothing raises no alarm and misses every fault."""

    def find_nothing(*set_up, **meant):
        return SimpleNamespace(findings=[])

    chosen = [case for case in faulty.FAULTY if case[0].startswith("mask_inverted")]
    counts = counting.count(find_nothing, {"packs": right.GROUPS["packs"]}, chosen, seeds=(0, 1))
    assert counts["right"]["packs"] == {"right": 2 * len(right.GROUPS["packs"])}
    assert counts["faulty"] == {"mask_inverted": {"missed": 2 * len(chosen)}}


# ---------------------------------------------------------------- the diagnosis


def find_names(set_up):
    """{name: whether it is certain}"""
    return counting.find_names(diagnose.pipeline, set_up)


def find_alarms(set_ups, seed):
    alarms = {set_up.__name__: find_names(set_up(seed)) for set_up in set_ups}
    return {name: names for name, names in alarms.items() if names}


@pytest.mark.parametrize("set_up", right.RIGHT[::6], ids=name_of)
def test_no_alarm(set_up):
    assert not find_names(set_up(0))


@pytest.mark.parametrize("name, expected, set_up", choose_one_of_each(faulty.FAULTY, ",")[::2], ids=name_of)
def test_fault_is_named(name, expected, set_up):
    assert counting.judge_names(find_names(set_up(0)), expected) in ("named", "possibly")


@pytest.mark.slow
@pytest.mark.parametrize("group", right.GROUPS)
def test_no_alarm_in_any_kind(group):
    """Seed 1 alone; setups.counting counts all seeds."""
    assert not find_alarms(right.GROUPS[group], seed=1)


@pytest.mark.slow
def test_planting_elsewhere_gives_no_wrong_name():
    """A difference that is shown without a name will do; another name, or none at all, will not."""
    cases = choose_one_of_each(faulty.FAULTY, " in ", turn=1)[1::2]
    found = {name: (find_names(set_up(1)), expected) for name, expected, set_up in cases}
    verdicts = {name: counting.judge_names(*case) for name, case in found.items()}
    assert not {name: found[name][0] for name, v in verdicts.items() if v in ("otherwise", "missed")}
