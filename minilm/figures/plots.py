"""Result dicts -> figures, each with a caption of its numbers and a text for who cannot see it.

The only module that imports matplotlib. Colours and line styles mean the same in every figure:
masked blue solid, weight 0.1 green dash-dotted, full orange dashed.
"""

import io
import itertools

import numpy as np
from matplotlib import image
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .. import files
from . import tasks as experiments

STYLE = {
    "0": {"color": "#0072B2", "linestyle": "-", "label": "masked"},
    "0.1": {"color": "#009E73", "linestyle": "-.", "label": "weight 0.1"},
    "1": {"color": "#D55E00", "linestyle": "--", "label": "full"},
}
FONT = 12
ALT = {
    "anatomy": "Two bar charts, one group of bars a token, one bar a loss. Left, gradient norms at the "
    "logits: the masked bars of the prompt's targets are 0, those at weight 0.1 small, those of full "
    "loss large, and all three are equal at the answer. Right, gradient norms at the embeddings: none is 0.",
    "curves": "Three line charts over training steps, one line a loss with a band over seeds: held-out "
    "exact match, negative log-likelihood of the answers, negative log-likelihood of the prompts.",
}


def anatomy(result):
    """Figure 1: gradient norms at the logits (left) and at the embeddings (right)."""
    figure = new_figure(10, 4.6)
    left, right = figure.subplots(1, 2)
    titles = (
        "at the logits, a row for each target:\nmasked rows are exactly 0",
        "at the embeddings, a row for each input:\nattention still brings gradient",
    )
    panels = zip((left, right), ("dlogits", "dembedding"), ("targets", "inputs"), titles, strict=True)
    for axes, key, tokens, title in panels:
        grouped_bars(axes, result[key])
        axes.set_xticks(range(len(result[tokens])), result[tokens], rotation=20)
        axes.set_title(title, fontsize=FONT)
    left.set_ylabel("norm of dL/dlogits", fontsize=FONT)
    right.set_ylabel("norm of dL/dembedding (log)", fontsize=FONT)
    right.set_yscale("log")
    figure.legend(
        *left.get_legend_handles_labels(), frameon=False, fontsize=FONT, ncols=3, loc="outside lower center"
    )
    return figure


def grouped_bars(axes, norms):
    """One group of bars a position, one bar a loss; a bar of height 0 is marked "0"."""
    for k, (weight, heights) in enumerate(norms.items()):
        style = STYLE[weight]
        x = np.arange(len(heights)) + (k - 1) * 0.27
        axes.bar(x, heights, 0.25, color=style["color"], label=style["label"])
        for place, height in zip(x, heights, strict=True):
            if height == 0:
                axes.text(place, 0, "0", ha="center", va="bottom", color=style["color"], fontsize=FONT)
    axes.spines[["top", "right"]].set_visible(False)


def anatomy_caption(result):
    """Caption of figure 1."""
    logits, embedding = result["dlogits"], result["dembedding"]
    masked = logits["0"][:-1]
    return (
        f"On 'User: What is 2+2? Assistant: 4', masking makes {masked.count(0.0)} of "
        f"{len(masked)} prompt rows of dL/dlogits exactly 0 (full loss: {min(logits['1'][:-1]):.2f} "
        f"to {max(logits['1'][:-1]):.2f}) and leaves the row that predicts '4' at "
        f"{logits['0'][-1]:.2f} under every loss; yet every prompt token's embedding still gets "
        f"gradient from the answer, {min(embedding['0']):.2f} to {max(embedding['0']):.2f} "
        f"(random 2-layer model of {result['config']['n_embd']} channels, float64, summed loss, one seed)."
    )


def curves(result):
    """Figure 2: exact match, response NLL and prompt NLL over steps, mean and +- 1 std of seeds."""
    figure = new_figure(11.5, 4.2)
    panels = figure.subplots(1, 3)
    titles = ("held-out exact match", "answers: -log P(y|x)", "prompts: -log P(x)")
    units = ("share of rows", "nats per token", "nats per token (log scale)")
    ends = []
    for k, axes in enumerate(panels):
        drawn = {w: band(axes, *over_steps(runs, k), style(w)) for w, runs in result["runs"].items()}
        ends.append(drawn)
        axes.set_title(titles[k], fontsize=FONT + 1)
        axes.set_ylabel(units[k], fontsize=FONT)
        axes.set_xlabel("training step", fontsize=FONT)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylim(0, 1.03)
    panels[1].set_ylim(bottom=0)
    reference_lines(panels[2], result)
    log_axis(panels[2])
    figure.draw_without_rendering()  # settles the layout that the labels are placed in
    for axes, last in zip(panels, ends, strict=True):
        label_ends(axes, last, {weight: style(weight) for weight in last})
    return figure


def over_steps(runs, k):
    """Steps, and the k-th of experiments.values at each: (steps,), (steps, seeds)."""
    steps = [entry["step"] for entry in runs[0]]
    return steps, [experiments.values(runs, i)[:, k] for i in range(len(steps))]


def band(axes, x, numbers, style):
    """Draw one line's mean and +- 1 std over seeds; x (points,), numbers (points, seeds).

    Returns its last point, for label_ends.
    """
    numbers = np.array(numbers)
    mean = numbers.mean(axis=1)
    axes.plot(x, mean, linewidth=2, **{"marker": "o" if len(x) == 1 else None, **style})
    if numbers.shape[1] > 1:
        spread = numbers.std(axis=1, ddof=1)
        axes.fill_between(x, mean - spread, mean + spread, color=style["color"], alpha=0.15, lw=0)
    return x[-1], mean[-1]


def log_axis(axes):
    """A logarithmic y axis with few, plainly written ticks and some room around the data."""
    low, high = axes.dataLim.intervaly
    if low <= 0:  # a prompt known by heart, to the last bit
        return
    axes.set_yscale("log")
    axes.set_ylim(low * 0.75, high * 1.3)
    axes.set_yticks([tick for tick in (0.5, 1, 2, 5, 10, 20, 50) if low * 0.75 <= tick <= high * 1.3])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(lambda *_: "")


def reference_lines(axes, result):
    """The two levels that a prompt's NLL is judged by."""
    levels = [(result["uniform"], "uniform, ln V"), (result["entropy_floor"], "entropy floor")]
    for level, name in levels:
        if level is not None:
            axes.axhline(level, color="0.45", linewidth=1, linestyle=":")
            place = (result["settings"]["steps"], level * 0.96)
            text = f"{name} = {level:.3f}"
            axes.text(*place, text, ha="right", va="top", fontsize=FONT - 1, color="0.35")


def label_ends(axes, ends, styles=STYLE):
    """Write each line's name at its right end, moved apart where two would overlap.

    ends: {line: last point} in data coordinates, after the layout is settled.
    """
    places = axes.transData.transform([ends[line] for line in ends])  # pixels
    heights = spaced(places[:, 1], axes.bbox.y1)
    for line, (x, _), y in zip(ends, places, heights, strict=True):
        place = axes.transData.inverted().transform((x + 8, y))
        style = styles[line]
        axes.text(*place, style["label"], color=style["color"], va="center", fontsize=FONT, clip_on=False)


def spaced(heights, top, gap=17):
    """Heights of labels, in pixels: as given, but at least `gap` apart and none above `top`."""
    order = np.argsort(heights, kind="stable")
    moved = np.array(heights, dtype=float)
    for below, above in itertools.pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    for k, i in enumerate(order[::-1]):
        moved[i] = min(moved[i], top - k * gap)
    return moved


def curves_caption(result):
    """Caption of figure 2."""
    rows, gaps = experiments.summary(result)
    last = {weight: numbers for weight, step, *numbers in rows[-len(result["runs"]) :]}
    step, match, _ = gaps[-1]
    seeds = len(result["seeds"])

    def part(k):
        return ", ".join(f"{STYLE[w]['label']} {experiments.plus_minus(*m[k])}" for w, m in last.items())

    floor = result["entropy_floor"]
    return (
        f"After {step} step{'s' * (step > 1)}, "
        + (f"mean +- std over {seeds} seeds" if seeds > 1 else "one seed")
        + f": exact match {part(0)} (masked - full {match.mean:+.3f}, {match.wins()}); "
        f"-log P(y|x) {part(1)}; -log P(x) {part(2)} nats per token"
        + (f", entropy floor {floor:.3f}, uniform {result['uniform']:.2f}." if floor else ".")
        + " The masked model's log P(x) is not held down or fixed, it is un-optimised."
    )


def style(weight):
    """Colour, line and label of a prompt weight given as text; all in-between ones look alike."""
    return STYLE.get(weight) or {**STYLE["0.1"], "label": f"weight {weight}"}


def new_figure(width, height):
    """A figure that needs no display."""
    return Figure(figsize=(width, height), layout="constrained")


def save(figure, path, alt):
    """Write a PNG whose metadata holds the alternative text; whole or not at all.

    Colours are rounded to multiples of 5 of 255, which nobody sees: the file is a quarter smaller.
    """
    figure.set_dpi(110)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.round(np.asarray(canvas.buffer_rgba())[..., :3] / 5) * 5
    buffer = io.BytesIO()
    texts = {"Description": alt, "Software": None}
    image.imsave(buffer, pixels.astype(np.uint8), format="png", dpi=110, metadata=texts)
    with files.atomic.replace_file(path) as file:
        file.write(buffer.getvalue())
