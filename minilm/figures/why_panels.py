"""How figure 3 is drawn: exact match under three probes above, the gradient's two parts below."""

import numpy as np

from . import drawing, plots, runs
from .drawing import FONT, GREY, STYLE

FOLLOWS = {  # the loss whose colour an optimiser's point has; the others belong to neither
    "SGD, g_y / N_y": "0",
    "Adam, g_y / N_y": "0",
    "SGD, (g_x + g_y) / N_all": "1",
    "Adam, g_x + g_y": "1",
}
ANGLES = {
    "cos_full": {"color": STYLE["1"]["color"], "label": "cos(g_full, g_y)", "linestyle": "--"},
    "cos_parts": {"color": GREY, "label": "cos(g_x, g_y)", "linestyle": ":"},
}


def draw(result):
    """The whole figure."""
    figure = plots.new_figure(12.5, 8.4)
    above, below = figure.subfigures(2, 1)
    share, rate, optimiser = above.subplots(1, 3, width_ratios=(3, 3, 2.5))
    over_ratio = (result["ratios"], result["angles_by_ratio"], "|x| : |y|, targets")
    along = (result["measured_at"], result["angles_by_step"], "step, main setting")
    panels = below.subplots(1, 4)
    ends = [match_over_ratio(share, result), match_over_rate(rate, result)]
    optimisers(optimiser, result["match_by_optimiser"])
    for axes, letter, what in zip(panels, "defg", (over_ratio, along, over_ratio, along), strict=True):
        (norms if letter in "de" else cosines)(axes, letter, *what)
    one_scale(*panels[:2])
    drawing.label_all(figure, ends)
    return figure


def match_over_ratio(axes, result):
    """Exact match of both losses over the ratio."""
    drawing.panel(axes, "a  Markov story as prompt", "|x| : |y|, targets", "exact match")
    drawing.ticks(axes, result["ratios"], result["ratios"])
    axes.set_ylim(0, 1.04)
    return axes, drawing.lines(axes, result["ratios"], result["match_by_ratio"])


def match_over_rate(axes, result):
    """Exact match of both losses over the learning rate."""
    drawing.panel(axes, "b  main setting", "peak learning rate (log scale)", "exact match")
    axes.set_xscale("log")
    drawing.ticks(axes, result["rates"], [f"{rate:g}"[1:] for rate in result["rates"]])
    axes.set_ylim(0, 1.04)
    return axes, drawing.lines(axes, result["rates"], result["match_by_rate"])


def optimisers(axes, match):
    """A point with its spread for each optimiser, in the colour of the loss it follows."""
    for place, (name, numbers) in enumerate(match.items()):
        colour = STYLE[FOLLOWS[name]]["color"] if name in FOLLOWS else GREY
        spread = np.std(numbers, ddof=1) if len(numbers) > 1 else 0
        axes.errorbar(runs.mean(numbers), place, xerr=spread, fmt="o", color=colour, capsize=3, linewidth=2)
    drawing.panel(axes, "c  main setting", "exact match", "")
    axes.set_yticks(range(len(match)), [name.replace("; ", ";\n") for name in match])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.04)


def norms(axes, letter, x, angles, name):
    """||g_x|| / ||g_y||, with 1 marked."""
    drawing.panel(axes, f"{letter}  ||g_x|| / ||g_y|| (log)", name, "")
    plots.band(axes, x, angles["norm_ratio"], {"color": GREY})
    axes.axhline(1, color=GREY, linewidth=1, linestyle=":")


def one_scale(*panels):
    """The same logarithmic axis in several panels."""
    limits = [axes.dataLim.intervaly for axes in panels]
    for axes in panels:
        axes.update_datalim([(axes.dataLim.x0, y) for pair in limits for y in pair])
        plots.log_axis(axes)


def cosines(axes, letter, x, angles, name):
    """cos(g_full, g_y) and cos(g_x, g_y)."""
    drawing.panel(axes, f"{letter}  cosine", name, "")
    drawing.lines(axes, x, {key: angles[key] for key in ANGLES}, ANGLES, marker="")
    axes.set_ylim(-0.3, 1.04)
    axes.legend(frameon=False, fontsize=FONT - 1, loc="upper right")
