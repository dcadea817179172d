"""Who is ahead, and whether the order turns, follows the numbers."""

import pytest

from minilm.figures import few_shot

HALF = [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("full_match", "full_nll", "sentence"),
    [
        ((0.9, 0.9), (0.1, 0.1), "full loss is ahead with 8 rows; no crossing was seen up to 99."),
        ((0.9, 0.5), (0.1, 0.5), "full loss is ahead with 8 rows; no crossing was seen up to 99."),
        ((0.5, 0.2), (0.5, 0.8), "neither loss is clearly ahead with 8 rows; no crossing was seen up to 99."),
        ((0.9, 0.5), (0.1, 0.8), "full loss is ahead with 8 rows; the order turns at 99 (answers: -log"),
        ((0.1, 0.9), (0.1, 0.2), "masked loss is ahead with 8 rows; the order turns at 99 (held-out exact"),
    ],
)
def test_the_takeaway_follows_the_numbers(full_match, full_nll, sentence):
    def list_runs(numbers):
        means = [numbers[0], 0.5, numbers[1]]  # in between, neither is ahead
        return {"0": [HALF] * 3, "1": [[mean, mean - 0.02, mean + 0.02] for mean in means]}

    result = {"rows": [8, 20, 99]}
    result |= {"exact_match": list_runs(full_match), "response_nll": list_runs(full_nll)}
    takeaway = few_shot.choose_takeaway(result)
    assert takeaway.startswith(f"Where prompts hold solved questions, {sentence}")
    assert len(takeaway.split()) <= 25
