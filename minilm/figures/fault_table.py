"""How fingerprints.png is drawn: a table, one line a fault."""

from . import plots, statistics

FIRST, WIDTH, TEXT = 24.0, 8.1, 86.5  # first column's middle, column width, where samples begin; of 100
SHADED = ("accuracy", "stops")  # 1 is good


def draw(result, order, columns):
    """The cases of `order` downwards, the measures of `columns` {measure: (heading, digits)} across."""
    figure = plots.new_figure(12.5, 0.9 + 0.4 * len(order))
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(0, 100), ylim=(len(order) - 0.4, -1.75))
    places = {key: FIRST + WIDTH * k for k, key in enumerate(columns)}
    heads = [(0.5, "trained with", "left"), (TEXT, "writes", "left")]
    heads += [(places[key], heading, "center") for key, (heading, _) in columns.items()]
    for x, heading, side in heads:
        axes.text(x, -0.65, heading, ha=side, va="bottom", fontsize=plots.FONT, weight="bold")
    axes.axhline(-0.5, color="black", linewidth=1)
    for y, case in enumerate(order):
        weight = "bold" if case == "correct mask" else "normal"
        axes.text(0.5, y, case, va="center", fontsize=plots.FONT, weight=weight)
        for key, (_, digits) in columns.items():
            draw_cell(axes, places[key], y, result["cases"][case][key], digits, key in SHADED)
        axes.text(TEXT, y, shorten(result["samples"][case]), va="center", fontsize=plots.FONT - 1)
    return figure


def draw_cell(axes, x, y, numbers, digits, is_shaded):
    """Mean and spread over seeds; the further below 1, the darker."""
    if is_shaded:
        poor = 1 - statistics.average(numbers)
        colour = plots.STYLE["1"]["color"]
        axes.barh(y, WIDTH - 1, 0.92, left=x - WIDTH / 2 + 0.5, color=colour, alpha=0.45 * poor, lw=0)
    axes.text(x, y, format_cell(numbers, digits), ha="center", va="center", fontsize=plots.FONT)


def format_cell(numbers, digits):
    """ "0.80±.09", without the spread where there is none."""
    mean, _, std = statistics.format_spread(numbers, digits).partition(" ± ")
    if not std:
        return mean
    return f"{mean}±{std.removeprefix('0')}"


def shorten(text, n_words=2):
    """The first words of a sample."""
    words = text.split(" ")
    beginning = " ".join(words[:n_words])
    return f"{beginning} ..." if len(words) > n_words else beginning
