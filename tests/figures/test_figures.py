"""Every figure, on tiny runs: JSON holds all of it, its caption and its picture follow the numbers."""

import base64
import functools
import html
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from small_worlds import small_worlds

from minilm import figures
from minilm.figures import anatomy, plots, results

TRAINED = ("from_scratch", "fingerprints", "forgetting", "few_shot", "prompt_weight")
STORED = Path(__file__).parents[2] / "figures"


@functools.cache
def tiny(name):
    """A figure's result after 2 steps with 2 seeds on few rows, as JSON gives it back."""
    with small_worlds():
        result = figures.find_module(name).compute(range(2), steps=2, quick=True)
    text = json.dumps(result)
    assert json.loads(text) == result, "JSON changes it"  # no tuples, no numbers as keys, no NumPy
    return json.loads(text)


def seed_lists(node):
    """Every list of numbers in a result."""
    if isinstance(node, dict):
        return [numbers for value in node.values() for numbers in seed_lists(value)]
    if isinstance(node, list):
        if node and all(isinstance(value, (int, float)) for value in node):
            return [node]
        return [numbers for value in node for numbers in seed_lists(value)]
    return []


@pytest.mark.parametrize("name", TRAINED)
def test_results_are_complete_finite_and_small(name):
    result = tiny(name)
    assert result["seeds"] == [0, 1] and result["settings"]["steps"] == 2
    measured = [numbers for numbers in seed_lists(result) if len(numbers) == 2 and numbers != [0, 1]]
    assert len(measured) > 5
    assert all(math.isfinite(number) for numbers in seed_lists(result) for number in numbers)


@pytest.mark.parametrize("name", TRAINED)
def test_captions_state_means_and_spreads_of_the_stored_numbers(name):
    result = tiny(name)
    stored = {f"{np.mean(x):.3f} ± {np.std(x, ddof=1):.3f}" for x in seed_lists(result) if len(x) == 2}
    shown = re.findall(r"-?\d+\.\d+ ± \d+\.\d+", figures.find_module(name).caption(result))
    assert len(shown) >= 2 and set(shown) <= stored


@pytest.mark.parametrize("name", TRAINED)
def test_figures_are_drawn_from_json_alone(name, tmp_path):
    module = figures.find_module(name)
    plots.save(module.draw(tiny(name)), tmp_path / "figure.png", module.ALT)
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    with small_worlds():
        result = module.compute(range(1), steps=1, quick=True)  # one seed has no spread
    assert "one seed" in module.caption(result) and "nan" not in module.caption(result)
    module.draw(result)


def test_an_unknown_figure_is_answered_with_the_names():
    with pytest.raises(ValueError, match="no figure 'whi'; there are lattice, anatomy, strip, "):
        figures.find_module("whi")


def test_a_notebook_s_picture_has_its_caption_and_alternative_text(capsys):
    picture = figures.show("anatomy", anatomy.compute())
    assert capsys.readouterr().out.startswith("The mask makes the gradient exactly 0")
    image = picture._repr_html_()
    assert f'alt="{html.escape(anatomy.ALT)}"' in image and repr(picture) == anatomy.ALT
    encoded = re.search(r'src="data:image/png;base64,([^"]+)"', image)[1]
    assert base64.b64decode(encoded).startswith(b"\x89PNG")


def test_a_figure_that_is_not_stored_is_computed(monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "FIGURES", tmp_path)
    assert figures.load_result("anatomy") == anatomy.compute(range(2))


@pytest.mark.usefixtures("committed_figures")
@pytest.mark.parametrize("name", figures.NAMES)
def test_a_caption_begins_with_a_short_takeaway(name):
    module = figures.find_module(name)
    for stored in (results.read_json(STORED / f"{name}.json"), *([tiny(name)] if name in TRAINED else [])):
        takeaway = re.split(r"\.\s", module.caption(stored), maxsplit=1)[0]
        assert 8 <= len(takeaway.split()) <= 25


@pytest.mark.slow
@pytest.mark.usefixtures("committed_figures")
@pytest.mark.parametrize("name", figures.NAMES)
def test_the_stored_figures_say_what_their_numbers_say(name):
    path = STORED / f"{name}.json"
    stored, module = results.read_json(path), figures.find_module(name)
    assert stored["caption"] == module.caption(stored) and stored["alt"] == module.ALT
    assert len(stored["seeds"]) == (1 if name in ("lattice", "anatomy", "strip") else 10)
    assert path.with_suffix(".png").stat().st_size < 200_000
