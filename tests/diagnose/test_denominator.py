"""What does the mean divide by, and what if there is nothing to divide by?"""

import diagnose_setups as setups
import numpy as np
import pytest


def divide_by(count):
    """Steps that divide the summed loss by count(ids, targets)."""

    def step_of(model):
        def step(ids, targets, weights):
            total = model.loss(ids, targets, weights, mean=False)
            return setups.scale(total, 1 / count(ids, targets))

        return step

    return step_of


def average_row_means(model):
    def step(ids, targets, weights):
        lit = np.flatnonzero(weights.any(axis=1))
        if not len(lit):
            raise ZeroDivisionError
        losses = [model.loss(ids[[row]], targets[[row]], weights[[row]]) for row in lit]
        gradient = np.zeros((*ids.shape, setups.V))
        gradient[lit] = np.concatenate([grad for _, grad in losses]) / len(lit)
        return sum(loss for loss, _ in losses) / len(lit), gradient

    return step


def triple_gradient(model):
    def step(ids, targets, weights):
        loss, gradient = model.loss(ids, targets, weights)
        return loss, gradient * 3

    return step


def return_zero_if_empty(model):
    def step(ids, targets, weights):
        if weights.any():
            return model.loss(ids, targets, weights)
        return 0.0, np.zeros((*ids.shape, setups.V))

    return step


WRONG = {
    "mean_of_means": average_row_means,
    "denominator_counts_all": divide_by(lambda ids, targets: ids.size),
    "gradient_scaled": triple_gradient,
    "empty_mask_silent": return_zero_if_empty,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_denominator_is_named(name):
    setups.assert_named(setups.in_rows(), WRONG[name], name)


def test_a_count_of_tokens_without_pads_counts_all_too():
    report, _ = setups.diagnose_both(setups.in_rows(), divide_by(lambda ids, t: (t != setups.PAD).sum()))
    assert report.fault == "denominator_counts_all"


def test_a_constant_denominator_has_a_name_of_its_own_that_the_loss_alone_does_not_show():
    seen, black_box = setups.diagnose_both(setups.in_rows(), divide_by(lambda ids, targets: 100))
    assert seen.fault == "denominator_differs" and "divides by 100.0" in seen.findings[0].evidence
    assert black_box.findings == [] and "the denominator: the loss alone does not tell" in str(black_box)
    assert "the denominator" not in black_box.tested


def test_a_count_that_is_handed_over_and_other_units_are_no_faults():
    count = [0]  # of the whole batch, as for accumulation over many

    def with_extra(rng):
        examples, make_batch = setups.in_rows()(rng)

        def make_more(chosen):
            ids, targets, weights = make_batch(chosen)
            count[0] = weights.sum() if len(chosen) > 1 else count[0]
            return ids, targets, weights, 1 * (ids != setups.PAD)

        return examples, make_more

    def use_count(model):
        return lambda ids, targets, weights, seen: setups.scale(
            model.loss(ids, targets, weights, mean=False), 1 / count[0]
        )

    def shrink(model):
        return lambda *batch: setups.scale(model.loss(*batch), 1e-8)

    for seed in range(3):
        for report in (
            *setups.diagnose_both(with_extra, use_count, seed),
            *setups.diagnose_both(setups.in_rows(), shrink, seed),
        ):
            assert {finding.fault for finding in report.findings} <= {"empty_mask_nan"}, report
