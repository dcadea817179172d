"""How the studies draw: plain axes, lines with bands and their names at the right end."""

from . import plots
from .plots import FONT, STYLE

GREY, PURPLE = "0.35", "#CC79A7"


def panel(axes, title, x, y):
    """Titles and labels of one panel, in one size, without a box."""
    axes.set_title(title, fontsize=FONT + 1)
    axes.set_xlabel(x, fontsize=FONT)
    axes.set_ylabel(y, fontsize=FONT)
    axes.tick_params(labelsize=FONT - 1)
    axes.spines[["top", "right"]].set_visible(False)


def lines(axes, x, table, styles=STYLE, marker="o"):
    """Every line of {line: numbers (points, seeds)} with its band; returns their last points."""
    return {
        name: plots.band(axes, x, numbers, {**styles[name], "marker": marker, "markersize": 5})
        for name, numbers in table.items()
    }


def label_all(figure, ends, styles=STYLE):
    """Names at the lines' ends; ends is a list of (axes, {line: last point})."""
    figure.draw_without_rendering()  # settles the layout that the labels are placed in
    for axes, last in ends:
        plots.label_ends(axes, last, styles)


def ticks(axes, places, names):
    """Ticks at the points that were measured, and nowhere else."""
    axes.set_xticks(places, names)
    axes.set_xticks([], minor=True)
