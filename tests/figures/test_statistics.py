"""Sentences are as sure as the seeds."""

import pytest

from minilm.figures import statistics


@pytest.mark.parametrize(
    ("a", "b", "clause"),
    [
        ([0.9, 0.8, 0.7], [0.5, 0.4, 0.3], "a is ahead of b by 0.400, better in 3 of 3"),
        ([0.5, 0.4, 0.3], [0.9, 0.8, 0.7], "b is ahead of a by 0.400, better in 3 of 3"),
        ([0.9, 0.2, 0.7], [0.5, 0.4, 0.3], "a and b are not clearly apart: +0.200, better in 2 of 3"),
        ([0.9, 0.8], [0.5, 0.4], "a - b +0.400, too few seeds to tell"),
    ],
)
def test_the_lead_is_as_sure_as_the_seeds(a, b, clause):
    assert statistics.describe_lead(a, b, "a", "b") == clause


def test_a_lower_nll_is_ahead():
    clause = statistics.describe_lead([0.9, 0.8, 0.7], [0.5, 0.4, 0.3], "a", "b", higher_is_better=False)
    assert clause == "b is ahead of a by 0.400, better in 3 of 3"


def test_summary_by_hand():
    def history(match, response):
        return [
            {"step": 0, "exact_match": 0, "response_nll": 9, "prompt_nll": 9},
            {"step": 100, "exact_match": match, "response_nll": response, "prompt_nll": 2.0},
        ]

    result = {
        "runs": {"0": [history(0.5, 1.0), history(0.7, 1.0)], "1": [history(0.6, 1.5), history(0.3, 2.5)]}
    }
    rows, gaps = statistics.summarise_steps(result)
    assert rows[0][:2] == ("0", 100) and rows[0][2] == pytest.approx((0.6, 0.02**0.5))
    step, match, response = gaps[0]
    assert step == 100 and match[:2] == pytest.approx((0.15, 0.125**0.5)) and match[2:] == (1, 0, 2)
    assert response[:2] == pytest.approx((-1.0, 0.5**0.5)) and response.describe_wins() == "better in 2 of 2"
    same = {"runs": {"0": [history(0.5, 1.0)], "1": [history(0.5, 2.0)]}}
    rows, gaps = statistics.summarise_steps(same)
    assert gaps[0][1].describe_wins() == "better in 0 of 1, tied in 1"
    assert statistics.join_spread(*rows[0][2]) == "0.500"  # one seed has no spread


def test_spreads_are_written_with_plus_minus():
    assert statistics.format_spread([0.7, 0.9]) == "0.800 ± 0.141"
    assert statistics.format_spread([0.7], digits=2) == "0.70"  # one seed has no spread
    assert statistics.describe_seeds([4]) == "one seed"
