"""Is the mask used? Steps that take a right mask and do something else with it."""

import diagnose_setups as setups
import numpy as np
import pytest


def ignore_mask(model):
    return lambda ids, targets, weights, *more: model.loss(ids, targets, 1.0 * (targets != setups.PAD), *more)


def use_late(model):
    def step(ids, targets, weights):
        return model.loss(ids, targets, np.concatenate([0 * weights[:, :1], weights[:, :-1]], axis=1))

    return step


MISUSED = {"mask_not_applied": ignore_mask, "mask_one_late": use_late}


@pytest.mark.parametrize("name", MISUSED)
def test_a_misused_mask_is_named(name):
    setups.assert_named(setups.in_rows(), MISUSED[name], name)


def read_mask_from_targets(model):
    """A step that scores the targets that are not -100, and never looks at the mask."""
    return lambda ids, targets, weights: model.loss(ids, targets, 1.0 * (targets >= 0))


def test_a_mask_that_stands_in_the_targets_is_no_fault():
    for seed in range(3):
        for report in setups.diagnose_both(setups.in_rows(ignore=True), read_mask_from_targets, seed):
            assert {finding.fault for finding in report.findings} <= {"empty_mask_nan"}, report
