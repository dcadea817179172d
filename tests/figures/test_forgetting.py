"""What is forgotten follows the numbers."""

import pytest

from minilm.figures import forgetting


@pytest.mark.parametrize(
    ("masked", "full", "sentence"),
    [
        (2.0, 2.001, "every loss makes the base text less likely; masked and full do not clearly differ"),
        (
            2.0,
            3.0,
            "every loss makes the base text less likely; masked loss leaves it more likely than full.",
        ),
        (3.0, 0.5, "masked loss clearly makes the base text less likely; full loss leaves it more likely"),
        (0.5, 0.501, "no loss clearly makes the base text less likely; masked and full do not"),
    ],
)
def test_the_takeaway_follows_the_numbers(masked, full, sentence):
    before = [1.0, 1.0, 1.0]
    base = {
        "0": [before, [masked, masked + 0.1, masked]],
        "1": [before, [full, full, full + 0.1]],
    }
    assert forgetting.choose_takeaway(base).startswith(f"In fine-tuning, {sentence}")
