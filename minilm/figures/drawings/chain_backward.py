"""The same graph on the way down: each arrow multiplies, and two gradients meet at the fork."""

from .. import plots
from .chain_forward import ARROWS, PLACES, draw_arrow, new_graph, run_forward, write_number

ALT = (
    "The same graph of five numbers. The gradient comes down: blue arrows go from the loss to the inputs. "
    "dloss = 1. The arrow to y multiplies by 2 (y - 7) = 2, so dy = 2. The arrow from y to h multiplies by "
    "1, so dh = 2. The arrow from h to w multiplies by x = 2, so dw = 4. Two arrows reach x: one from y, "
    "× 1, brings 2, and one from h, × w = 3, brings 6. They are added: dx = 2 + 6 = 8."
)


def run_backward(x=2.0, w=3.0):
    """({(lower, upper): what its arrow multiplies by}, {name: gradient}) of the graph."""
    y = run_forward(x, w)["y"]
    slopes = {("y", "loss"): 2 * (y - 7), ("x", "y"): 1.0, ("h", "y"): 1.0, ("w", "h"): x, ("x", "h"): w}
    gradients = {"loss": 1.0}
    for name in ("y", "h", "w", "x"):  # from the loss down
        gradients[name] = sum(gradients[high] * slopes[low, high] for low, high in ARROWS if low == name)
    return slopes, gradients


def draw():
    """The graph with its gradients, and what each arrow multiplies by."""
    figure, axes = new_graph()
    slopes, gradients = run_backward()
    for name, number in gradients.items():
        parts = [gradients[high] * slopes[low, high] for low, high in ARROWS if low == name]
        adds = " + ".join(f"{part:g}" for part in parts) + " = " if len(parts) > 1 else ""
        write_number(axes, name, f"d{name} = {adds}{number:g}", plots.BLUE)
    for low, high in ARROWS:
        (x0, y0), (x1, y1) = PLACES[low], PLACES[high]
        draw_arrow(axes, (x1, y1), (x0, y0), plots.BLUE)
        place = (x0 + x1) / 2 + 0.08, (y0 + y1) / 2 - 0.09 * (x1 - x0)  # beside the arrow, not on it
        axes.text(*place, f"× {slopes[low, high]:g}", va="center", fontsize=plots.FONT, color=plots.BLUE)
    axes.text(-0.28, 1, "two gradients meet:\nthey are added", ha="right", va="center", fontsize=plots.FONT)
    return figure
