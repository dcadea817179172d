"""One sequence, cut twice: what the model reads, what it should say next, and which of it is graded."""

from matplotlib.patches import FancyBboxPatch

from ... import data
from .. import identities, plots

ALT = (
    "Two lines of tokens in five columns, read from the bottom up. Below, what the model reads: 'User:', "
    "'What', 'is', '2+2?', 'Assistant:'. Above, what it should say next: 'What', 'is', '2+2?', "
    "'Assistant:', '4'. Thin dotted lines join the same token in both: the upper line is the lower one, "
    "moved by one. On top the loss weights: 0 in four columns, 1 in the last, which reads 'Assistant:' "
    "and should say '4'."
)
GRADED, QUIET = plots.BLUE, "0.35"
READS, TARGETS, WEIGHTS = 0.0, 1.45, 2.25  # heights


def draw():
    """The figure of the course's question, without <bos> and <eos>."""
    tokenizer, _, _, _ = identities.seed_example()
    example = identities.QUESTION
    batch = data.collate([data.encode(example, tokenizer, bos=False, eos=False)])
    T = batch.ids.shape[1]
    figure = plots.new_figure(8.75, 2.9)
    axes = figure.subplots()
    for y, name in ((READS, "reads"), (TARGETS, "should say next"), (WEIGHTS, "loss weight")):
        axes.text(-0.65, y, name, ha="right", va="center", fontsize=12)
    axes.text(T - 0.35, READS, "ids", va="center", fontsize=11, color=QUIET)
    axes.text(T - 0.35, TARGETS, "targets", va="center", fontsize=11, color=QUIET)
    axes.text(T - 0.35, WEIGHTS, "loss_mask", va="center", fontsize=11, color=QUIET)
    for t in range(T):
        loss_weight = batch.loss_mask[0, t]
        colour = GRADED if loss_weight else "0.7"
        write_token(axes, t, READS, tokenizer.show(batch.ids[0, t]), "0.7")
        write_token(axes, t, TARGETS, tokenizer.show(batch.targets[0, t]), colour)
        arrow_colour = GRADED if loss_weight else "0.5"
        plots.draw_arrow(axes, (t, READS + 0.3), (t, TARGETS - 0.3), color=arrow_colour)
        weight_colour = GRADED if loss_weight else QUIET
        axes.text(t, WEIGHTS, f"{loss_weight:g}", ha="center", va="center", fontsize=13, color=weight_colour)
        if t + 1 < T:
            axes.plot([t + 0.9, t + 0.1], [READS + 0.3, TARGETS - 0.3], ":", color="0.55", lw=1.1)
    axes.set_xlim(-2.3, T + 0.55)
    axes.set_ylim(-0.4, 2.6)
    axes.set_axis_off()
    return figure


def write_token(axes, x, y, text, edgecolor):
    """A token in its box."""
    box = {"boxstyle": "round,pad=0,rounding_size=0.08", "facecolor": "0.95", "edgecolor": edgecolor}
    axes.add_patch(FancyBboxPatch((x - 0.44, y - 0.26), 0.88, 0.52, **box))
    axes.text(x, y, text, ha="center", va="center", fontsize=12)
