"""The whole model on the course's question: tokens at the bottom, loss on top, the mask just below it."""

import numpy as np
from matplotlib.patches import FancyBboxPatch

from ... import data, losses, model
from .. import identities, plots

ALT = (
    "The model on 'User: What is 2+2? Assistant: 4', read from the bottom up, one column for each of six "
    "positions. Bottom: the token that is read, from <bos> to 'Assistant:'. Then embedding, a block of "
    "attention and MLP that is passed twice, where thin lines lead from each position to all later ones, "
    "and scores. Above them each column meets its target, from 'User:' to '4', and has one NLL. Then the "
    "loss mask enters: times 0 in the five columns of the prompt, times 1 in the column whose target is "
    "'4'. On top: one number, the loss. Shapes stand on the right."
)
GRADED, QUIET, FILL = plots.BLUE, "0.35", "0.93"
STEP = 1.22  # from column to column
PARTS = (  # (height, name, shape)
    (0.0, "reads", "ids (B, T)"),
    (1.0, "embedding", "x (B, T, C)"),
    (2.55, "attention", "x (B, T, C)"),
    (3.6, "MLP", "x (B, T, C)"),
    (4.75, "scores", "logits (B, T, V)"),
    (5.75, "should say next", "targets (B, T)"),
    (6.45, "NLL of the target", "nll (B, T)"),
    (7.3, "loss mask", "loss_mask (B, T)"),
    (8.4, "loss", "one number"),
)
HEIGHTS = {name: y for y, name, _ in PARTS}


def draw():
    """The figure. Its numbers are those of the random model of identities.seed_example."""
    tokenizer, row, config, params = identities.seed_example()
    batch = data.collate([row])
    nll, _ = losses.token_nll_forward(model.forward(params, batch.ids, config)[0], batch.targets)
    loss, _ = losses.weighted_mean_forward(nll, batch.loss_mask)
    figure = plots.new_figure(8.75, 7.2)
    axes = figure.subplots()
    write_names(axes, batch.ids.shape[1])
    draw_block(axes, batch.ids.shape[1], config.n_layer)
    for t in range(batch.ids.shape[1]):
        texts = tokenizer.show(batch.ids[0, t]), tokenizer.show(batch.targets[0, t])
        draw_column(axes, t * STEP, *texts, nll[0, t], batch.loss_mask[0, t])
    middle = (batch.ids.shape[1] - 1) * STEP / 2
    text = f"sum of loss weight × NLL / sum of loss weights = {loss:.2f}"
    write_box(axes, middle, HEIGHTS["loss"], text, width=5.6 * STEP, edgecolor=GRADED)
    axes.set_xlim(-2.35, 6 * STEP + 1.25)
    axes.set_ylim(-0.5, 8.9)
    axes.set_axis_off()
    return figure


def write_names(axes, T):
    """What each line is, on the left; its shape, on the right."""
    for y, name, shape in PARTS:
        colour = GRADED if name == "loss mask" else "black"
        axes.text(-0.75, y, name, ha="right", va="center", fontsize=11, color=colour)
        axes.text((T - 1) * STEP + 0.72, y, shape, va="center", fontsize=9.5, color=QUIET)
    axes.text(-0.75, HEIGHTS["loss mask"] - 0.34, "enters here", ha="right", fontsize=9.5, color=GRADED)


def draw_block(axes, T, n_layer):
    """The frame of a block, and who reads whom in it."""
    low, high, right = 1.6, 4.1, (T - 1) * STEP + 0.6
    axes.plot([-0.6, right, right, -0.6, -0.6], [low, low, high, high, low], color="0.6", lw=0.9)
    axes.text(-0.75, 3.08, f"block, {n_layer} times", ha="right", va="center", fontsize=9.5, color=QUIET)
    bottom, top = low + 0.02, HEIGHTS["attention"] - 0.25
    s = np.linspace(0, 1, 30)
    for i in range(T):
        for j in range(i):
            x = (j + (i - j) * (3 * s**2 - 2 * s**3)) * STEP
            axes.plot(x, bottom + (top - bottom) * s, color="0.72", lw=0.8)


def draw_column(axes, x, read, target, nll, loss_weight):
    """One position, from the token that it reads up to what it adds to the loss."""
    colour = GRADED if loss_weight else QUIET
    axes.text(x, HEIGHTS["reads"], read, ha="center", va="center", fontsize=11)
    for name in ("embedding", "attention", "MLP", "scores"):
        write_box(axes, x, HEIGHTS[name])
    axes.text(x, HEIGHTS["should say next"], target, ha="center", va="center", fontsize=11)
    axes.text(x, HEIGHTS["NLL of the target"], f"{nll:.2f}", ha="center", va="center", fontsize=11)
    axes.text(
        x, HEIGHTS["loss mask"], f"× {loss_weight:g}", ha="center", va="center", fontsize=12, color=colour
    )
    ways = [(0.2, 0.75), (1.25, 2.3), (2.8, 3.35), (3.85, 4.5), (5.0, 5.52), (6.68, 7.02), (7.58, 8.12)]
    for low, high in ways:
        is_end = low > 7
        if is_end and not loss_weight:
            continue  # a loss weight of 0: nothing reaches the loss
        style = {"color": GRADED, "lw": 1.6} if is_end else {"color": "0.5", "lw": 0.9}
        plots.draw_arrow(axes, (x, low), (x, high), **style)


def write_box(axes, x, y, text="", width=0.86, edgecolor="0.7"):
    """A box around (x, y), with a text."""
    box = {"boxstyle": "round,pad=0,rounding_size=0.08", "facecolor": FILL, "edgecolor": edgecolor}
    axes.add_patch(FancyBboxPatch((x - width / 2, y - 0.25), width, 0.5, **box))
    axes.text(x, y, text, ha="center", va="center", fontsize=11)
