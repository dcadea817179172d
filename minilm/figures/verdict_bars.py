"""How verdicts are drawn: a divided bar a line with its counts, false alarms beside it, a table below."""

from . import plots

COLOURS = ("#0072B2", "#56B4E9", "#009E73", "0.75", "#D55E00")  # of the verdicts, in their order
HATCHES = (None, None, None, None, "//")
FIRST, WIDTH = 108, 14  # where the columns of counts stand, in % of the bars
PLACES = (0, 0.27, 0.36, 0.62, 0.83)  # of the table's columns


def draw(bars, verdicts, table):
    """The figure of bars (label, {verdict: count}, alarms, right), {verdict: words}, and a table of texts."""
    heights = 1.2 + 0.6 * len(bars), 0.4 + 0.24 * len(table)
    figure = plots.new_figure(12.5, sum(heights))
    top, bottom = figure.subfigures(2, 1, height_ratios=heights)
    planted, right = top.subplots(1, 2, sharey=True, width_ratios=(3.4, 1))
    for y, (_, counts, alarms, n_right) in enumerate(bars):
        draw_counts(planted, y, [counts[verdict] for verdict in verdicts])
        draw_alarms(right, y, alarms, n_right)
    label_columns(planted, verdicts.values())
    planted.set_yticks(range(len(bars)), [label for label, *_ in bars])
    planted.set_ylim(len(bars) - 0.5, -1.3)
    draw_table(bottom.subplots(), table)
    finish_axes(planted, right)
    return figure


def draw_counts(axes, y, counts):
    """A bar divided by counts, and each of them in its column."""
    start = 0
    for column, (n, colour, hatch) in enumerate(zip(counts, COLOURS, HATCHES, strict=True)):
        share = 100 * n / max(sum(counts), 1)
        axes.barh(y, share, 0.62, left=start, color=colour, hatch=hatch)
        start += share
        style = {"weight": "bold"} if n else {"color": "0.5"}
        write_centred(axes, FIRST + WIDTH * column, y, n, **style)


def label_columns(axes, words):
    """The verdicts' words over their columns, with their colours."""
    for column, (text, colour, hatch) in enumerate(zip(words, COLOURS, HATCHES, strict=True)):
        x = FIRST + WIDTH * column
        write_centred(axes, x, -0.85, "\n".join(text.rsplit(" ", 1)), fontsize=plots.FONT - 2)
        axes.barh(-0.5, 8, 0.12, left=x - 4, color=colour, hatch=hatch)


def draw_alarms(axes, y, alarms, n_right):
    """A pale bar of right set-ups, filled from the left by false alarms."""
    axes.barh(y, 100, 0.62, color="0.93")
    axes.barh(y, 100 * alarms / max(n_right, 1), 0.62, color=COLOURS[-1], hatch=HATCHES[-1])
    write_centred(axes, 50, y, f"{alarms} of {n_right}", weight="bold")


def write_centred(axes, x, y, text, **style):
    """A text around a place."""
    axes.text(x, y, text, ha="center", va="center", **{"fontsize": plots.FONT, **style})


def draw_table(axes, table):
    """Lines of texts in columns; the first one is the head."""
    for y, line in enumerate(table):
        for x, words in zip(PLACES, line, strict=True):
            axes.text(x, -y, words, va="center", fontsize=plots.FONT - 1, weight=None if y else "bold")
    axes.set_ylim(0.4 - len(table), 0.6)
    axes.set_axis_off()


def finish_axes(planted, right):
    """Titles, and an axis no longer than what it measures."""
    plots.label_panel(planted, "planted faults: what the diagnosis called them", "% of planted faults", "")
    planted.set_xlim(0, FIRST + WIDTH * 4.5)
    planted.set_xticks(range(0, 101, 25))
    planted.spines["bottom"].set_bounds(0, 100)
    planted.xaxis.set_label_coords(50, -0.1, transform=planted.get_xaxis_transform())
    plots.label_panel(right, "false alarms on\nright set-ups", "", "")
    right.set_xlim(0, 100)
    right.set_xticks([])
    right.tick_params(labelleft=False, left=False)
    right.spines[["left", "bottom"]].set_visible(False)
