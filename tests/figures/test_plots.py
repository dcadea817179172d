"""Labels keep apart; the same numbers give the same bytes."""

import numpy as np

from minilm.figures import masked_vs_full, plots


def test_labels_keep_apart_in_order_and_below_the_top():
    for heights in ([10, 11, 12], [100, 99, 40], [5, 5, 5], [10, 95, 200]):
        moved = plots.space_out(np.array(heights), top=100)
        assert moved.max() <= 100 and np.diff(np.sort(moved)).min() >= 17
        assert list(np.argsort(moved)) == list(np.argsort(heights, kind="stable"))
    assert list(plots.space_out([10, 50, 80], top=100)) == [10, 50, 80]


def test_figures_are_byte_stable(result, tmp_path):
    for name in ("a", "b"):
        plots.save(masked_vs_full.draw(result), tmp_path / name, "same")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
