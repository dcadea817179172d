"""A graph of five numbers, on the way up: each is made of those below it, and x is used twice."""

from .. import plots

ALT = (
    "A graph of five numbers, the input at the bottom, the loss on top. Arrows go up. x = 2 and w = 3 give "
    "h = w x = 6. x and h give y = x + h = 8, so x is used twice: two arrows leave it. y gives the loss "
    "(y - 7)² = 1."
)
PLACES = {"x": (0, 0), "w": (1.5, 0), "h": (1.5, 1), "y": (0, 2), "loss": (0, 3)}
FORMULAS = {"x": "x", "w": "w", "h": "h = w x", "y": "y = x + h", "loss": "loss = (y - 7)²"}
ARROWS = (("x", "y"), ("x", "h"), ("w", "h"), ("h", "y"), ("y", "loss"))  # from the lower to the upper


def run_forward(x=2.0, w=3.0):
    """{name: number} of the graph."""
    h = w * x
    y = x + h
    return {"x": x, "w": w, "h": h, "y": y, "loss": (y - 7) ** 2}


def draw():
    """The graph with its numbers."""
    figure, axes = new_graph()
    for name, number in run_forward().items():
        write_number(axes, name, f"{FORMULAS[name]} = {number:g}")
    for low, high in ARROWS:
        draw_arrow(axes, PLACES[low], PLACES[high], plots.GREY)
    axes.text(-0.28, 1, "x is used twice:\na fork", ha="right", va="center", fontsize=plots.FONT)
    return figure


def new_graph():
    """A figure with room for the graph, and its axes."""
    figure = plots.new_figure(6.4, 4.4)
    axes = figure.subplots()
    axes.set_xlim(-1.6, 2.6)
    axes.set_ylim(-0.4, 3.4)
    axes.set_axis_off()
    return figure, axes


def write_number(axes, name, text, colour="black"):
    """One number of the graph, in a box at its place."""
    box = {"boxstyle": "round,pad=0.4", "facecolor": "0.95", "edgecolor": "0.6"}
    axes.text(*PLACES[name], text, ha="center", va="center", fontsize=plots.FONT, color=colour, bbox=box)


def draw_arrow(axes, start, end, colour):
    """An arrow between two places, a little shorter than their distance, so that it meets no text."""
    plots.draw_arrow(axes, start, end, color=colour, linewidth=1.2, shrinkA=20, shrinkB=20)
