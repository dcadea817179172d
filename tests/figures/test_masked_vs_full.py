"""The main figure: its bands, and its takeaway."""

import numpy as np
import pytest

from minilm.figures import masked_vs_full, statistics


def test_bands_are_one_standard_deviation(result):
    panels = masked_vs_full.draw(result).axes
    for k, axes in enumerate(panels):
        for weight, area in zip(("0", "0.1", "1"), axes.collections, strict=True):
            numbers = statistics.collect_entries(result["runs"][weight], -1)[:, k]
            edges = area.get_paths()[0].vertices
            last = edges[edges[:, 0] == 3][:, 1]
            height = 2 * numbers.std(ddof=1)
            assert np.ptp(last) == pytest.approx(height, abs=1e-9)


@pytest.mark.parametrize(
    ("masked", "between", "full", "sentence"),
    [
        (0.8, 0.9, 0.6, "masked loss answers more held-out rows exactly than full loss, and a prompt-loss"),
        (0.8, 0.8, 0.6, "masked loss answers more held-out rows exactly than full loss."),
        (0.6, 0.6, 0.8, "full loss answers more held-out rows exactly than masked loss."),
        (0.8, 0.9, 0.8, "masked and full loss are not clearly apart in the held-out rows"),
    ],
)
def test_the_takeaway_follows_the_numbers(masked, between, full, sentence):
    def runs(*matches):
        return [[{"step": 9, "exact_match": match}] for match in matches]

    result = {
        "base_steps": 5,
        "runs": {
            "0": runs(masked, masked, masked),
            "0.1": runs(between, between + 0.02, between - 0.01),
            "1": runs(full, full + 0.01, full - 0.02),
        },
    }
    assert masked_vs_full.choose_takeaway(result).startswith(f"After 9 steps of fine-tuning, {sentence}")
