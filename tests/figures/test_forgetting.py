"""What is forgotten follows the numbers, and is measured on text that the base model has not read."""

import numpy as np
import pytest
from small_worlds import small_worlds

from minilm import data
from minilm.figures import forgetting, grid, tasks, worlds


@pytest.mark.parametrize(
    ("masked", "full", "sentence"),
    [
        (2.0, 2.001, "every loss makes the base text less likely; at the end, masked and full do not"),
        (
            2.0,
            3.0,
            "every loss makes the base text less likely; masked loss leaves it more likely than full.",
        ),
        (3.0, 0.5, "masked loss clearly makes the base text less likely; full loss leaves it more likely"),
        (0.5, 0.501, "no loss clearly makes the base text less likely; at the end, masked and full do"),
    ],
)
def test_the_takeaway_follows_the_numbers(masked, full, sentence):
    before = [1.0, 1.0, 1.0]
    base = {
        "0": [before, [masked, masked + 0.1, masked]],
        "1": [before, [full, full, full + 0.1]],
    }
    assert forgetting.choose_takeaway(base).startswith(f"In fine-tuning, {sentence}")


def test_a_peak_before_the_end_is_told():
    rising, peak = [[1.0, 1.1], [2.0, 2.1], [3.0, 3.1]], [[1.0, 1.1], [4.0, 4.2], [3.0, 3.1]]
    result = {"steps": [0, 5, 9], "base_nll": {"0": peak, "1": rising}}
    assert forgetting.describe_peaks(result) == "; masked was highest at step 5, 4.100 ± 0.141"


def test_every_token_of_held_out_posts_and_facts_counts():
    task = worlds.make_zoo_task()
    rows = forgetting.encode_texts(task.tokenizer)
    posts, read = (
        {text for text in map(task.tokenizer.decode, (row.tokens for row in part)) if "i am" in text}
        for part in (rows, task.base)
    )
    assert len(rows) == len(task.held_out) and 0.4 < len(posts) / len(rows) < 0.6
    assert not posts & read  # their wordings are new
    batch = data.collate(rows)
    np.testing.assert_array_equal(data.response_mask(batch.roles), batch.roles != data.PAD)


def test_the_curves_start_at_the_base_model():
    with small_worlds():
        result = forgetting.compute([0], steps=2, quick=True)
        task = worlds.make_zoo_task()
        start, rows = tasks.make_start(task, 0), forgetting.encode_texts(task.tokenizer)
        expected = grid.measure_nll(start, task.config, rows, data.response_mask)
    assert result["steps"] == [0, 2] and result["base_steps"] == 3
    curves = result["base_nll"]
    assert all(points[0] == [pytest.approx(expected, abs=1e-5)] for points in curves.values())
    assert len({points[1][0] for points in curves.values()}) == 3
