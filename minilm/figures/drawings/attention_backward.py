"""Who hears from whom: the answer's gradient comes down the lines that its position has read."""

from .. import plots
from .attention_forward import LIGHT, draw_positions, measure_weights

ALT = (
    "Six positions at the bottom and again on top. The gradient comes down. On top, only the last position, "
    "whose target is the answer, has a gradient; the other five show 0. From it six blue arrows come down, "
    "one to each position at the bottom, the wider the larger its attention weight: every position that was "
    "read gets a gradient."
)


def draw():
    """Arrows from the answer's position down to all that it has read."""
    tokens, weights = measure_weights()
    figure = plots.new_figure(6.4, 4.0)
    axes = figure.subplots()
    last = len(tokens) - 1
    draw_positions(axes, tokens, "dmix", "dv")
    plots.shade_cell(axes, last, 2, plots.BLUE, 0.8)
    for t in range(last):
        axes.text(t, 2, "0", ha="center", va="center", fontsize=plots.FONT)
        for j in range(t + 1):
            axes.plot([j, t], [0.45, 1.55], color=LIGHT, linewidth=0.6, zorder=1)
    for j, weight in enumerate(weights[last]):
        plots.draw_arrow(axes, (last, 1.55), (j, 0.45), 2, color=plots.BLUE, linewidth=0.8 + 6 * weight)
        plots.shade_cell(axes, j, 0, plots.BLUE, 0.8 * float(weight) ** 0.5)
    axes.set_title("backward: the answer's row reaches all that it has read", fontsize=plots.FONT)
    return figure
