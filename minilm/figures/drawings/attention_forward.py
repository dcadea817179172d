"""Who reads whom: the six positions of the course's question, and one head's attention weights."""

import numpy as np

from ... import model, recording
from .. import identities, plots

ALT = (
    "Left: six positions, <bos>, User:, What, is, 2+2?, Assistant:, at the bottom and again on top. Arrows "
    "go up: each position on top reads itself and every earlier position at the bottom, never a later one. "
    "The six arrows to the last position, whose target is the answer, are dark. Right: the attention "
    "weights of one head as a table of 6 rows by 6 columns. Row i holds what position i reads, each row adds "
    "up to 1, and above the diagonal all entries are 0."
)
DARK, LIGHT = "0.15", "0.75"


def measure_weights():
    """(tokens, attention weights (6, 6)) of the course's question in the random model: block 0, head 0."""
    tokenizer, row, config, params = identities.seed_example()
    ids = np.array([row.tokens[:-1]])
    with recording("layers.causal_softmax_forward") as results:
        model.forward(params, ids, config)
    (weights, _), *_ = results
    return [tokenizer.show(i) for i in ids[0]], weights[0, 0]


def draw():
    """The lines on the left, the table on the right."""
    tokens, weights = measure_weights()
    figure = plots.new_figure(9.6, 4.2)
    left, right = figure.subplots(1, 2)
    T = len(tokens)
    draw_positions(left, tokens, "mix: what it read", "v: what it can read")
    for i in range(T):
        for j in range(i + 1):
            is_last = i == T - 1
            style = {"color": DARK if is_last else LIGHT, "linewidth": 1.6 if is_last else 0.8}
            plots.draw_arrow(left, (j, 0.45), (i, 1.55), zorder=2 if is_last else 1, **style)
    left.set_title("forward: each reads itself and what stands before it", fontsize=plots.FONT)
    draw_table(right, tokens, weights)
    return figure


def draw_positions(axes, tokens, upper, lower):
    """A line of cells at the bottom with their tokens, and a line of cells on top."""
    for t, token in enumerate(tokens):
        for y in (0, 2):
            plots.shade_cell(axes, t, y, "0.5", 0.15)
        axes.text(
            t, -0.6, token, rotation=40, ha="right", va="top", rotation_mode="anchor", fontsize=plots.FONT
        )
    axes.set_yticks([0, 2], [lower, upper], fontsize=plots.FONT)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlim(-0.6, len(tokens) - 0.4)
    axes.set_ylim(-1.6, 2.6)


def draw_table(axes, tokens, weights):
    """The attention weights, row 0 on top."""
    T = len(tokens)
    for i in range(T):
        for j in range(T):
            plots.shade_cell(axes, j, T - 1 - i, plots.BLUE, float(weights[i, j]) * 0.6)
            text = f"{weights[i, j]:.2f}" if weights[i, j] else "0"
            axes.text(j, T - 1 - i, text, ha="center", va="center", fontsize=plots.FONT - 2)
    axes.set_yticks(range(T), tokens[::-1])
    axes.set_xticks(range(T), tokens, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.6, T - 0.4)
    axes.set_ylim(-0.6, T - 0.4)
    plots.label_panel(axes, "", "is read (keys)", "reads (queries)")
    axes.set_title("attention weights of one head", fontsize=plots.FONT)
    axes.tick_params(length=0, labelsize=plots.FONT - 1)
    axes.spines[:].set_visible(False)
