"""Figure 6: when full-sequence loss helps: few rows, and prompts that hold answers to learn from."""

from . import report, runs, worlds

STEPS = 400
SIZES, QUICK_SIZES = (64, 128, 256, 1024, 4096), (64, 256, 4096)
LINES = ("0", "0.1", "1")
ALT = (
    "Two line charts over the number of training rows, one line a loss with a band over seeds: held-out "
    "exact match, and negative log-likelihood of the answers. The prompts hold three solved questions."
)


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Exact match and answer NLL on held-out rows for every number of rows and loss."""
    steps = runs.how_many(steps, quick, STEPS)
    sizes = QUICK_SIZES if quick else SIZES
    cells = [(line, size) for size in sizes for line in LINES]
    done = runs.run_all(one, cells, seeds, steps, workers, report)

    def table(measure):
        return {line: runs.over_points(done, (line,), sizes, seeds, measure) for line in LINES}

    task = worlds.few_shot(sizes[0])
    return {
        **runs.stored(task, seeds, steps),
        "rows": list(sizes),
        "held_out": len(task.held_out),
        "exact_match": table("exact_match"),
        "response_nll": table("response_nll"),
    }


def one(line, size, seed, steps):
    """One run's evaluation at its end."""
    return runs.last(worlds.few_shot(size), float(line), seed, steps)


def caption(result):
    """Fewest and most rows: the three losses, and who is ahead."""
    match = result["exact_match"]

    def at(i):
        numbers = ", ".join(f"{report.NAMES[line]} {runs.spread(match[line][i])}" for line in match)
        ahead = runs.who_is_ahead(match["1"][i], match["0"][i], "full", "masked")
        return f"{result['rows'][i]} rows {numbers} ({ahead})"

    return (
        f"Prompts with three solved questions, exact match after {result['settings']['steps']} steps, "
        f"{runs.over_seeds(result['seeds'])}: with {at(0)}; with {at(-1)}. The full loss also learns from "
        "the answers that stand in its prompts: this is not the main setting with fewer rows."
    )


def draw(result):
    """Exact match and answer NLL over the number of rows."""
    from . import (
        drawing,
        plots,  # matplotlib, only where something is drawn
    )

    figure = plots.new_figure(10.5, 4.4)
    ends = []
    titles = ("held-out exact match", "answers: -log P(y|x)")
    for axes, key, title in zip(figure.subplots(1, 2), ("exact_match", "response_nll"), titles, strict=True):
        unit = "share of rows" if key == "exact_match" else "nats per token"
        drawing.panel(axes, title, "training rows (log scale)", unit)
        axes.set_xscale("log", base=2)
        drawing.ticks(axes, result["rows"], result["rows"])
        ends.append((axes, drawing.lines(axes, result["rows"], result[key])))
        axes.set_ylim(0, 1.04 if key == "exact_match" else None)
    drawing.label_all(figure, ends)
    return figure
