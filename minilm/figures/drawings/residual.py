"""The residual stream at one MLP block: x forks on the way up, two gradients meet on the way down."""

from .. import plots

ALT = (
    "One MLP block, the input x at the bottom, the output y on top. Going up, x forks: one branch passes x "
    "on unchanged, the other goes through ln_2, c_fc, gelu and c_proj; on top the two are added: y. "
    "Coming down, dy takes both branches: unchanged on the left, through the four backwards on the right. "
    "At the fork the two gradients meet, and become dx."
)
STEPS = ("ln_2", "c_fc", "gelu", "c_proj")
UP, DOWN = "0.35", plots.BLUE
LEFT, RIGHT, FORK, SUM = 1.0, 3.4, 0.9, 6.1  # places of the two branches, heights of fork and sum


def draw():
    """The figure: the forward in grey arrows that go up, the gradient in blue dashed ones that come down."""
    figure = plots.new_figure(6.4, 5.2)
    axes = figure.subplots()
    axes.set(xlim=(-1.9, 6.3), ylim=(-0.3, 7.5))
    axes.set_axis_off()
    for number, name in enumerate(STEPS):
        draw_box(axes, RIGHT, 1.8 + number, name)
    axes.text(LEFT, SUM, "+", ha="center", va="center", fontsize=15, bbox=make_frame("circle", UP))
    draw_way(axes, UP, "-", -0.13)
    draw_way(axes, DOWN, "--", 0.13, is_down=True)
    for text, x, y, colour, side in (
        ("x", LEFT - 0.45, 0.1, UP, "right"),
        ("y = x + h", LEFT - 0.45, 7.1, UP, "right"),
        ("x, passed on", LEFT - 0.35, 3.3, UP, "right"),
        ("h", 2.2, SUM - 0.42, UP, "center"),
        ("dy", LEFT + 0.45, 7.1, DOWN, "left"),
        ("dy, unchanged", LEFT + 0.3, 3.3, DOWN, "left"),
        ("dy", 2.2, SUM + 0.42, DOWN, "center"),
        ("four backwards,\nfrom c_proj to ln_2", RIGHT + 0.75, 3.3, DOWN, "left"),
        ("what came through\nthe MLP", RIGHT + 0.4, FORK - 0.1, DOWN, "left"),
        ("dx = ?", LEFT + 0.45, 0.1, DOWN, "left"),
    ):
        axes.text(x, y, text, color=colour, ha=side, va="center", fontsize=plots.FONT)
    return figure


def draw_box(axes, x, y, name):
    """One step of the MLP."""
    axes.text(x, y, name, ha="center", va="center", fontsize=plots.FONT, bbox=make_frame("round", "0.6"))


def make_frame(shape, colour):
    """The style of a frame around a text."""
    return {"boxstyle": f"{shape},pad=0.35", "facecolor": "white", "edgecolor": colour}


def draw_way(axes, colour, line, shift, is_down=False):
    """All arrows of one direction, moved aside by `shift`, so that the two ways stand side by side."""
    low = [1.4 + number for number in range(4)]
    stations = [(FORK + shift, low[0]), *((y + 0.8, y + 1.0) for y in low[:3])]
    ways = [
        ((LEFT + shift, -0.2), (LEFT + shift, FORK)),
        ((LEFT + shift, FORK), (LEFT + shift, SUM - 0.4)),
        ((LEFT + shift, SUM + 0.4), (LEFT + shift, 7.4)),
        ((LEFT + shift, FORK + shift), (RIGHT + shift, FORK + shift)),
        *(((RIGHT + shift, a), (RIGHT + shift, b)) for a, b in stations),
        ((RIGHT + shift, 5.2), (RIGHT + shift, SUM + shift)),
        ((RIGHT + shift, SUM + shift), (LEFT + 0.4, SUM + shift)),
    ]
    for start, end in ways:
        start, end = (end, start) if is_down else (start, end)
        plots.draw_arrow(axes, start, end, color=colour, linestyle=line, linewidth=1.6)
