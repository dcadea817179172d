"""Labels keep apart; the same numbers give the same bytes, with all pixels and the text in them."""

import io

import numpy as np
from PIL import Image

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


def test_a_palette_keeps_every_pixel_and_is_left_out_for_more_colours(rng):
    few, many = rng.integers(0, 255, (200, 3)), rng.integers(0, 255, (40_000, 3))
    for colours, mode in ((few, "P"), (many, "RGB")):
        pixels = colours[rng.integers(0, len(colours), (90, 110))].astype(np.uint8)
        image = plots.use_palette(pixels)
        assert image.mode == mode and np.array_equal(np.asarray(image.convert("RGB")), pixels)


def test_a_png_holds_its_alternative_text():
    for alt in ("plain", "log P(y|x) ≥ 0"):
        png = plots.encode_png(plots.new_figure(1, 1), alt)
        assert Image.open(io.BytesIO(png)).info["Description"] == alt
