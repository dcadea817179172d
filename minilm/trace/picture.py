"""The still picture of a trace: the forward pass, and the gradient's sizes under masked and full loss."""

import numpy as np

from .. import data
from . import recordings


def draw_still(trace):
    """(PNG bytes, alternative text): masked beside full, for places without scripts."""
    from ..figures import plots  # matplotlib, only where something is drawn

    lattice = measure_lattice(trace)
    alt = describe_lattice(lattice)
    return plots.encode_png(draw_lattice(lattice, ("0", "1")), alt, dpi=64), alt


def list_lines(n_layer):
    """(label, names of arrays) of the lines of the picture and the map, from the bottom up."""
    lines = [("embedding", ["x"])]
    for i in range(n_layer):
        lines.append(("query, key, value", [f"h.{i}.attn.{part}" for part in "qkv"]))
        lines.append(("what attention read", [f"h.{i}.attn.mix"]))
        lines.append(("MLP", [f"h.{i}.mlp.c_fc"]))
        if i + 1 < n_layer:
            lines.append(("residual stream", [f"h.{i}.mlp.x"]))
    return [*lines, ("scores", ["logits"])]


def measure_lattice(trace):
    """The picture's numbers, for JSON: tokens, lines, and for prompt weights 0 and 1 norms and edges.

    norms {name: (T,)} are those of the gradient of the summed loss. edges are [block, i, j, size], the
    norm of what the query at position i sends to the key and the value at j < i.
    """
    numbers = recordings.record_set(trace, trace.batch)
    config = trace.config
    lines = list_lines(config.n_layer)
    names = [name for _, parts in lines for name in parts]
    lattice = {
        "inputs": trace.inputs,
        "targets": trace.targets,
        "is_prompt": (data.prompt_mask(trace.batch.roles)[0] > 0).tolist(),
        "n_layer": config.n_layer,
        "norms": {},
        "edges": {},
    }
    for weight in (0, 1):
        mask = data.loss_mask(trace.batch.roles, float(weight))[0] * trace.batch.weights[0]
        gradients = recordings.sum_recordings(numbers["recordings"], mask)
        norms = {name: np.sqrt((gradients[name] ** 2).sum(axis=1)).tolist() for name in names}
        lattice["norms"][str(weight)] = norms
        lattice["edges"][str(weight)] = measure_edges(numbers["values"], gradients, config)
    return lattice


def measure_edges(values, gradients, config):
    """[block, i, j, size] for every query i and key j < i; the same formula as in sums.js."""
    T = len(values["x"])
    edges = []
    for block in range(config.n_layer):
        # (T, H, ...): dscores and weights by key, the norms of q and dmix
        dscores, dmix = (
            gradients[f"h.{block}.attn.{x}"].reshape(T, config.n_head, -1) for x in ("scores", "mix")
        )
        weights, q = (values[f"h.{block}.attn.{x}"].reshape(T, config.n_head, -1) for x in ("weights", "q"))
        to_key = dscores * np.linalg.norm(q, axis=-1, keepdims=True) / np.sqrt(q.shape[-1])
        to_value = weights * np.linalg.norm(dmix, axis=-1, keepdims=True)
        sizes = np.sqrt((to_key**2 + to_value**2).sum(axis=1))  # (T, T)
        edges += [[block, i, j, float(sizes[i, j])] for i in range(T) for j in range(i)]
    return edges


def describe_lattice(lattice):
    """The picture in words."""
    masked, full = (lattice["norms"][w] for w in "01")
    T = len(lattice["inputs"])
    last = f"h.{lattice['n_layer'] - 1}.attn"
    return (
        f"A grid of {T} positions by the parts of the model, the input at the bottom, the loss on top. "
        "Grey: computed in the forward pass, everywhere. Blue: size of the gradient. Under masked loss it "
        f"is exactly 0 at {masked['logits'].count(0)} of {T} scores and "
        f"{masked[f'{last}.q'].count(0)} of {T} queries of the last block, but at "
        f"{masked[f'{last}.v'].count(0)} of {T} values: attention carries it into the prompt. "
        f"Under full loss it is 0 at {full['logits'].count(0)} scores."
    )


PANELS = {
    "forward": "Forward: all of it is read",
    "0": "Masked loss: the answer is graded",
    "1": "Full loss: all of it is graded",
}


def draw_lattice(lattice, panels=tuple(PANELS)):
    """The figure: one panel each for the forward pass, masked and full loss."""
    from ..figures import plots

    T = len(lattice["inputs"])
    figure = plots.new_figure(1.6 + len(panels) * max(3.1, 0.5 + 0.38 * T), 6.6)
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, panel in zip(all_axes, panels, strict=True):
        draw_panel(axes, lattice, panel)
        axes.set_title(PANELS[panel], fontsize=plots.FONT)
    lines = list_lines(lattice["n_layer"])
    heights = place_lines(lines)
    places = [-1.2, *heights, heights[-1] + 0.72, heights[-1] + 1.8]
    labels = ["reads", *(label for label, _ in lines), "its loss counts", "should say next"]
    all_axes[0].set_yticks(places, labels, fontsize=plots.FONT - 1)
    return figure


def place_lines(lines):
    """Heights of the lines: more room above queries, keys and values, where the edges are."""
    heights, y = [], 0.0
    for label, _ in lines:
        heights.append(y)
        y += 2.0 if label.startswith("query") else 1.0
    return heights


HOT, CELL, READ = "#0072B2", "0.88", "0.7"


def draw_panel(axes, lattice, panel):
    """Cells, edges, tokens and loss weights of one panel."""
    T, lines = len(lattice["inputs"]), list_lines(lattice["n_layer"])
    heights = place_lines(lines)
    norms = lattice["norms"].get(panel)
    for (_, names), y in zip(lines, heights, strict=True):
        largest = max(max(lattice["norms"]["1"][name]) for name in names)
        shares = None if norms is None else [np.array(norms[name]) / largest for name in names]
        draw_line(axes, T, len(names), y, shares)
    draw_edges(axes, lattice, panel, heights)
    draw_frames(axes, T, heights, lattice["n_layer"], panel == "forward")
    top = heights[-1]
    for t, token in enumerate(lattice["targets"]):
        is_graded = panel == "1" or (panel == "0" and not lattice["is_prompt"][t])
        colour = HOT if is_graded else "0.35"
        if panel != "forward":
            axes.text(t, top + 0.6, "× 1" if is_graded else "× 0", ha="center", fontsize=10, color=colour)
        write_token(axes, t, top + 1.3, token, color=colour, ha="left")
    for t, token in enumerate(lattice["inputs"]):
        write_token(axes, t, -0.7, token, ha="right")
    axes.set_xlim(-0.75, T - 0.1)
    axes.set_ylim(-3.1, top + 3.6)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def write_token(axes, t, y, token, **style):
    """A token, slanted, at its position."""
    short = token if len(token) <= 14 else token[:13] + "…"
    axes.text(
        t, y, short, rotation=60, rotation_mode="anchor", va="center", fontsize=11, parse_math=False, **style
    )


def draw_frames(axes, T, heights, n_layer, is_named):
    """A frame around each block: query, key and value, what attention read, MLP."""
    for block in range(n_layer):
        low, high = heights[4 * block + 1] - 0.5, heights[4 * block + 3] + 0.5
        left, right = -0.58, T - 0.42
        axes.plot([left, right, right, left, left], [low, low, high, high, low], color="0.6", lw=0.8)
        if is_named:
            axes.text(left + 0.1, low + 1.78, f"block {block + 1}", fontsize=9, color="0.35")


def draw_line(axes, T, n_parts, y, shares):
    """One line of grey cells, filled up to the square root of their `shares` (None: not filled).

    An exact 0 is written 0.
    """
    from matplotlib.collections import PolyCollection

    width = 0.86 / n_parts
    cells, fills = [], []
    for k in range(n_parts):
        for t in range(T):
            x = t - 0.43 + k * width
            cells.append(make_rectangle(x, y, width - 0.02, 1))
            if shares is not None and shares[k][t]:
                fills.append(make_rectangle(x, y, width - 0.02, max(0.1, min(1, shares[k][t]) ** 0.5)))
            elif shares is not None:
                axes.text(x + width / 2, y, "0", ha="center", va="center", fontsize=8, color="0.3")
    axes.add_collection(PolyCollection(cells, color=CELL, linewidth=0))
    axes.add_collection(PolyCollection(fills, color=HOT, linewidth=0))


def make_rectangle(x, y, width, share):
    """The corners of a cell whose centre is at height y, filled up to `share`."""
    low, high = y - 0.36, y - 0.36 + 0.72 * share
    return [(x, low), (x + width, low), (x + width, high), (x, high)]


def draw_edges(axes, lattice, panel, heights):
    """Attention: what was read (forward), or the gradient that goes back the same way."""
    edges = lattice["edges"]["1" if panel == "forward" else panel]
    largest = max([size for *_, size in edges], default=0)
    for block, i, j, size in edges:
        if not size:
            continue
        low, high = heights[4 * block + 1] + 0.36, heights[4 * block + 2] - 0.36
        s = np.linspace(0, 1, 25)
        x, y = i + (j - i) * (3 * s**2 - 2 * s**3), high + (low - high) * s
        share = (size / largest) ** 0.5
        style = {"color": READ, "lw": 0.8} if panel == "forward" else {"color": HOT, "lw": 0.3 + 3 * share}
        axes.plot(x, y, alpha=0.35 + 0.6 * share, **style)
