"""How why.png is drawn: exact match under three probes above, the gradient's two parts below."""

import numpy as np

from . import plots, statistics

FOLLOWS = {  # the loss whose colour an optimiser's point has; the others belong to neither
    "SGD, g_y / N_y": "0",
    "Adam, g_y / N_y": "0",
    "SGD, (g_x + g_y) / N_all": "1",
    "Adam, g_x + g_y": "1",
}
ANGLES = {
    "cos_full": {"color": plots.STYLE["1"]["color"], "label": "cos(g_full, g_y)", "linestyle": "--"},
    "cos_parts": {"color": plots.GREY, "label": "cos(g_x, g_y)", "linestyle": ":"},
}


def draw(result):
    """The whole figure."""
    figure = plots.new_figure(12.5, 8.4)
    above, below = figure.subfigures(2, 1)
    share, rate, optimiser = above.subplots(1, 3, width_ratios=(3, 3, 2.5))
    over_ratio = (result["ratios"], result["angles_by_ratio"], "|x| : |y|, targets")
    along = (result["measured_at"], result["angles_by_step"], "step, main setting")
    panels = below.subplots(1, 4)
    ends = [draw_match_over_ratio(share, result), draw_match_over_rate(rate, result)]
    draw_optimisers(optimiser, result["match_by_optimiser"])
    draw_norms(panels[0], "d", *over_ratio)
    draw_norms(panels[1], "e", *along)
    draw_cosines(panels[2], "f", *over_ratio)
    draw_cosines(panels[3], "g", *along)
    share_log_axis(*panels[:2])
    plots.label_all(figure, ends)
    return figure


def draw_match_over_ratio(axes, result):
    """Exact match of both losses over the ratio."""
    plots.label_panel(axes, "a  Markov story as prompt", "|x| : |y|, targets", "exact match")
    plots.set_ticks(axes, result["ratios"], result["ratios"])
    axes.set_ylim(0, 1.04)
    return axes, plots.draw_lines(axes, result["ratios"], result["match_by_ratio"])


def draw_match_over_rate(axes, result):
    """Exact match of both losses over the learning rate."""
    plots.label_panel(axes, "b  main setting", "peak learning rate (log scale)", "exact match")
    axes.set_xscale("log")
    plots.set_ticks(axes, result["rates"], [f"{rate:g}"[1:] for rate in result["rates"]])
    axes.set_ylim(0, 1.04)
    return axes, plots.draw_lines(axes, result["rates"], result["match_by_rate"])


def draw_optimisers(axes, match):
    """A point with its spread for each optimiser, in the colour of the loss it follows."""
    for place, (name, numbers) in enumerate(match.items()):
        colour = plots.STYLE[FOLLOWS[name]]["color"] if name in FOLLOWS else plots.GREY
        spread = np.std(numbers, ddof=1) if len(numbers) > 1 else 0
        axes.errorbar(
            statistics.average(numbers), place, xerr=spread, fmt="o", color=colour, capsize=3, linewidth=2
        )
    plots.label_panel(axes, "c  main setting", "exact match", "")
    axes.set_yticks(range(len(match)), [name.replace("; ", ";\n") for name in match])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.04)


def draw_norms(axes, letter, x, angles, name):
    """||g_x|| / ||g_y||, with 1 marked."""
    plots.label_panel(axes, f"{letter}  ||g_x|| / ||g_y|| (log)", name, "")
    plots.draw_band(axes, x, angles["norm_ratio"], {"color": plots.GREY})
    axes.axhline(1, color=plots.GREY, linewidth=1, linestyle=":")


def share_log_axis(*panels):
    """The same logarithmic axis in several panels."""
    limits = [axes.dataLim.intervaly for axes in panels]
    for axes in panels:
        axes.update_datalim([(axes.dataLim.x0, y) for pair in limits for y in pair])
        plots.use_log_axis(axes)


def draw_cosines(axes, letter, x, angles, name):
    """cos(g_full, g_y) and cos(g_x, g_y)."""
    plots.label_panel(axes, f"{letter}  cosine", name, "")
    plots.draw_lines(axes, x, {key: angles[key] for key in ANGLES}, ANGLES, marker="")
    axes.set_ylim(-0.3, 1.04)
    axes.legend(frameon=False, fontsize=plots.FONT - 1, loc="upper right")
