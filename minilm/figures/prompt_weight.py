"""Figure 7: the prompt-loss weight from 0 to 1, for short and for long answers."""

from . import runs, worlds

STEPS = 300
WEIGHTS, QUICK_WEIGHTS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0), (0.0, 0.1, 1.0)
ANSWERS = ("short", "long")
MEASURES = ("exact_match", "response_nll", "prompt_nll")
ALT = (
    "Three line charts over the prompt-loss weight, one line for short and one for long answers, with bands "
    "over seeds: held-out exact match, negative log-likelihood of the answers, and of the prompts."
)
PAPERS = """\
Found with large models on real text, which facts learnt by heart neither confirm nor refute:
short answers: quadratic in the weight, long ones: no relation (arXiv 2401.13586); weights of 0 to 0.5 best
(2507.07817); loss on instructions helps if they are long and outputs short, or examples few (2405.14394)"""


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Exact match, answer NLL and prompt NLL on held-out rows for every weight."""
    steps = runs.how_many(steps, quick, STEPS)
    weights = QUICK_WEIGHTS if quick else WEIGHTS
    cells = [(line, weight) for weight in weights for line in ANSWERS]
    done = runs.run_all(one, cells, seeds, steps, workers, report)
    tables = {
        key: {line: runs.over_points(done, (line,), weights, seeds, key) for line in ANSWERS}
        for key in MEASURES
    }
    short = worlds.zoo()
    return {
        **runs.stored(short, seeds, steps),
        "weights": list(weights),
        "entropy_floor": short.floor,
        **tables,
    }


def one(line, weight, seed, steps):
    """One run's evaluation at its end."""
    return runs.last(worlds.zoo() if line == "short" else worlds.long_answers(), weight, seed, steps)


def caption(result):
    """The best weight for either length, against both ends; what papers found; how far a toy goes."""
    return (
        f"After {result['settings']['steps']} steps, {runs.over_seeds(result['seeds'])}, exact match: "
        f"{best(result, 'short')}; {best(result, 'long')} (picked with hindsight, on these rows). "
        "Huerta-Enochian & Ko (arXiv 2401.13586) found a quadratic relation with the weight for short "
        "completions and none for long ones, WIT (arXiv 2507.07817) weights of 0 to 0.5 best, Shi et al. "
        "(arXiv 2405.14394) a gain from loss on long instructions with short outputs or few examples: large "
        "models on real text, whose findings these facts learnt by heart neither confirm nor refute."
    )


def best(result, line):
    """The best weight by mean exact match, against weights 0 and 1 with the same seeds."""
    points, weights = result["exact_match"][line], result["weights"]
    i = max(range(len(points)), key=lambda i: runs.mean(points[i]))
    rivals = [
        runs.who_is_ahead(points[i], points[k], f"weight {weights[i]:g}", f"{weights[k]:g}")
        for k in (0, len(points) - 1)
        if k != i
    ]
    highest = f"highest mean at weight {weights[i]:g}, {runs.spread(points[i])}"
    return f"{line} answers have the {highest} ({'; '.join(rivals)})"


def draw(result):
    """Three measures over the weights, which stand at equal distances since 0 has no logarithm."""
    from . import (
        drawing,
        plots,  # matplotlib, only where something is drawn
    )

    figure = plots.new_figure(12, 5.4)
    styles = {
        "short": {"color": "black", "linestyle": "-", "label": "short"},
        "long": {"color": drawing.PURPLE, "linestyle": "--", "label": "long"},
    }
    titles = ("held-out exact match", "answers: -log P(y|x)", "prompts: -log P(x)")
    units = ("share of rows", "nats per token", "nats per token (log scale)")
    x, ends = range(len(result["weights"])), []
    for axes, key, title, unit in zip(figure.subplots(1, 3), MEASURES, titles, units, strict=True):
        drawing.panel(axes, title, "prompt-loss weight (not to scale)", unit)
        drawing.ticks(axes, x, [f"{weight:g}" for weight in result["weights"]])
        ends.append((axes, drawing.lines(axes, x, result[key], styles)))
        axes.set_ylim(0, 1.04 if key == "exact_match" else None)
    plots.log_axis(ends[-1][0])
    figure.supxlabel(PAPERS, fontsize=plots.FONT - 1, color=drawing.GREY)
    drawing.label_all(figure, ends, styles)
    return figure
