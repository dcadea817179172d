"""Who is ahead follows the numbers."""

import pytest

from minilm.figures import few_shot


@pytest.mark.parametrize(
    ("fewest", "most", "sentence"),
    [
        (0.9, 0.9, "full loss is ahead of masked with 8 rows and with 99."),
        (0.9, 0.2, "full loss is ahead of masked with 8 rows, but masked loss is ahead of full with 99."),
        (0.5, 0.2, "neither loss is clearly ahead with 8 rows, but masked loss is ahead of full with 99."),
    ],
)
def test_the_takeaway_follows_the_numbers(fewest, most, sentence):
    full = [[number, number - 0.02, number + 0.01] for number in (fewest, most)]
    result = {"rows": [8, 99], "exact_match": {"0": [[0.5, 0.5, 0.5]] * 2, "1": full}}
    assert few_shot.choose_takeaway(result) == f"Where prompts hold solved questions, {sentence}"
