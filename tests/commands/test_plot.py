"""`plot` draws the history of a run, also of an unfinished one, and says which loss it trains on."""

import dataclasses

import numpy as np
import pytest
from run_cases import SETTINGS, TASK, die, press_ctrl_c, run_until

from minilm import files
from minilm.__main__ import main
from minilm.figures import history as history_figure

pytestmark = pytest.mark.usefixtures("ordinary_ctrl_c")


def test_the_figure_of_an_unfinished_run(tmp_path, capsys):
    run_until(tmp_path, 11, press_ctrl_c)
    assert main(["plot", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{tmp_path / 'history.png'}: One run with masked loss")
    assert "after 10 of 12 steps" in out
    last = files.history.read(tmp_path)[-1]
    assert f"exact match {last['exact_match']:.3f}, -log P(y|x) {last['response_nll']:.3f}" in out
    png = (tmp_path / "history.png").read_bytes()
    assert png.startswith(b"\x89PNG") and b"Three line charts of one run" in png


def test_a_run_of_one_step_and_an_exact_match_of_1(tmp_path, capsys):
    task = TASK._replace(settings=dataclasses.replace(SETTINGS, steps=1, warmup=0))
    run_until(tmp_path, 2, die, task)
    path = tmp_path / files.history.NAME
    entries = [{**entry, "exact_match": 1.0} for entry in files.history.read(tmp_path)]
    path.write_bytes(b"".join(map(files.history.format_line, entries)))
    assert main(["plot", str(tmp_path)]) == 0
    assert "after 1 of 1 steps: exact match 1.000" in capsys.readouterr().out
    result = {"settings": dataclasses.asdict(task.settings), "history": entries, "uniform": 2.0}
    axes = history_figure.draw(result).axes[0]
    assert list(axes.get_lines()[0].get_ydata()) == [1, 1] and axes.get_ylim()[1] > 1


@pytest.mark.parametrize(
    ("weight", "name", "label", "colour"),
    [
        (0.0, "masked loss", "masked", "#0072B2"),
        (1.0, "full loss", "full", "#D55E00"),
        (0.3, "prompt-loss weight 0.3", "weight 0.3", "#009E73"),
    ],
)
def test_the_curves_are_the_history_and_have_the_colour_of_the_loss(tmp_path, weight, name, label, colour):
    settings = dataclasses.replace(SETTINGS, prompt_weight=weight)
    run_until(tmp_path, 11, press_ctrl_c, TASK._replace(settings=settings))
    history = files.history.read(tmp_path)
    result = {"settings": dataclasses.asdict(settings), "history": history, "uniform": np.log(11)}
    figure = history_figure.draw(result)
    assert name in figure.get_suptitle() and name in figure.get_supxlabel()
    for axes, key in zip(figure.axes, ("exact_match", "response_nll", "prompt_nll"), strict=True):
        drawn = axes.get_lines()[0]
        assert list(drawn.get_xdata()) == [0, 5, 10] and drawn.get_color() == colour
        np.testing.assert_array_equal(drawn.get_ydata(), [entry[key] for entry in history])
        assert label in [text.get_text() for text in axes.texts]
