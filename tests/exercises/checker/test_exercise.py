"""The cases of an exercise are fair: no axis, count or precision can be taken for another."""

import numpy as np
import pytest

from minilm import data, exercises

NO_FLOATS = ("shift", "loss_mask", "last_turn_mask")  # integers go in
ONE_PRECISION = ("central_difference", "complex_step")  # checking gradients needs float64
MASKED = (
    *("loss_mask", "log_probs", "weighted_mean_backward", "denominators", "train_step"),
    *("split_gradient", "uses_prompt_targets"),
)


def arrays_in(value):
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        value = tuple(value.values())
    return [a for part in value for a in arrays_in(part)] if isinstance(value, (tuple, list)) else []


def shapes(value):
    return tuple(a.shape for a in arrays_in(value))


@pytest.mark.parametrize("name", exercises.names())
def test_cases_differ_in_shape_and_precision(name):
    exercise = exercises.find(name)
    cases = list(exercise.make_cases())
    assert len({shapes(args) for args in cases}) == len(cases)
    types = [{a.dtype for a in arrays_in(args) if a.dtype.kind == "f"} for args in cases]
    if name in NO_FLOATS:
        assert types == [set()] * 4
    elif name in ONE_PRECISION:
        assert types == [{np.dtype(np.float64)}] * 4
    elif name == "train_step":  # the batch's mask is float64, as data.collate makes it
        assert {a.dtype for args in cases for a in arrays_in(args[0])} == {np.dtype("f4"), np.dtype("f8")}
    else:
        assert set().union(*types) == {np.dtype("f4"), np.dtype("f8")} and all(len(t) == 1 for t in types)


@pytest.mark.parametrize("name", exercises.names())
def test_cases_are_the_same_every_time(name):
    exercise = exercises.find(name)
    for once, again in zip(exercise.make_cases(), exercise.make_cases(), strict=True):
        for a, b in zip(arrays_in(once), arrays_in(again), strict=True):
            np.testing.assert_array_equal(a, b)


def masks_of(name, args):
    """(response, all targets) of a case with a mask."""
    if name == "loss_mask":
        roles = args[0][:, 1:]
    elif name == "denominators":
        return args
    elif name == "split_gradient":
        return args[2], args[1] + args[2]
    elif name == "weighted_mean_backward":
        weights = args[1][0]
        return weights == 1, weights > 0
    else:
        roles = args[1] if name == "log_probs" else args[1].roles
    return (roles == 3) | (roles == 4), roles >= 2


@pytest.mark.parametrize("name", MASKED)
def test_no_count_of_a_mask_can_be_taken_for_another(name):
    for args in exercises.find(name).make_cases():
        response, target = masks_of(name, args)
        B, T = response.shape
        counts = [response.sum(), target.sum(), response.size, B, T]
        assert len(set(map(int, counts))) == 5, counts
        assert (response.sum(axis=1) >= 3).all()  # two tokens and <eos>
        assert len(set(response.sum(axis=1).tolist())) > 1  # answers differ in length
        assert len(set((target - 1.0 * response).sum(axis=1).tolist())) > 1  # and so do prompts
        assert (target.sum(axis=1) < T).any()  # pads


def test_no_axis_can_be_taken_for_another():
    for (tokens,) in exercises.find("shift").make_cases():
        assert len({tokens.shape[0], tokens.shape[1], tokens.shape[1] - 1}) == 3
    for name in (
        "linear_backward",
        "layer_norm_backward",
        "gelu_backward",
        "mlp_block_backward",
        "token_nll",
    ):
        for args in exercises.find(name).make_cases():
            assert len(set(args[0].shape)) == len(args[0].shape), name


def test_some_logits_overflow_and_some_do_not():
    largest = [np.abs(logits).max() for logits, _ in exercises.find("token_nll").make_cases()]
    assert min(largest) < 20 and max(largest) > 710  # exp(710) is infinite in float64


def test_all_nine_roles_stand_in_the_cases_of_the_masks():
    for name, shift in (("loss_mask", 1), ("last_turn_mask", 0)):
        roles = [args[0][:, shift:] for args in exercises.find(name).make_cases()]
        seen = set(np.concatenate([part.ravel() for part in roles]).tolist())
        assert {data.PAD, data.RESPONSE, data.EOS, data.SYSTEM, data.USER, data.TOOL, data.HEADER} <= seen
    assert data.PROMPT in exercises.find("loss_mask").make_case(np.random.default_rng(0), None)[0]


def test_some_targets_carry_no_loss_and_some_a_fraction():
    for dnll, _ in exercises.find("token_nll_backward").make_cases():
        assert (dnll == 0).any() and ((dnll > 0) & (dnll < 1)).any()


def test_an_entry_that_is_not_set_back_spoils_the_others():
    for f, x, h in exercises.find("central_difference").make_cases():
        other = x.copy()
        other[-1, -1] += 1
        slopes = [exercises.find("central_difference").solve(f, at, h)[0, 0] for at in (x, other)]
        assert abs(slopes[0] - slopes[1]) > 1e-3
