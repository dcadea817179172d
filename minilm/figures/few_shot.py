"""When full-sequence loss helps: few rows, and prompts that hold answers to learn from."""

from . import grid, statistics, tasks, worlds

STEPS = 400
SIZES, QUICK_SIZES = (64, 128, 256, 1024, 4096), (64, 256, 4096)
LINES = ("0", "0.1", "1")
ALT = (
    "Two line charts over the number of training rows, one line a loss with a band over seeds: held-out "
    "exact match, and negative log-likelihood of the answers. The prompts hold three solved questions."
)
PANELS = {  # measure: (title, unit)
    "exact_match": ("held-out exact match", "share of rows"),
    "response_nll": ("answers: -log P(y|x)", "nats per token"),
}


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Exact match and answer NLL on held-out rows for every number of rows and loss."""
    steps = grid.choose_steps(steps, quick, STEPS)
    sizes = QUICK_SIZES if quick else SIZES
    points = [(line, size) for size in sizes for line in LINES]
    outcomes = grid.run_points(run_point, points, seeds, steps, workers, report)
    task = worlds.make_few_shot_task(sizes[0])
    result = {**grid.describe_run(task, seeds, steps), "rows": list(sizes), "held_out": len(task.held_out)}
    for key in PANELS:
        result[key] = {line: grid.tabulate(outcomes, (line,), sizes, seeds, key) for line in LINES}
    return result


def run_point(line, size, seed, steps):
    """One run's evaluation at its end."""
    return grid.train_to_end(worlds.make_few_shot_task(size), float(line), seed, steps)


def caption(result):
    """Who is ahead with the fewest and with the most rows, then the three losses there."""
    match = result["exact_match"]

    def describe_size(i):
        spreads = ", ".join(
            f"{tasks.LOSS_NAMES[line]} {statistics.format_spread(match[line][i])}" for line in match
        )
        lead = statistics.describe_lead(match["1"][i], match["0"][i], "full", "masked")
        return f"{result['rows'][i]} rows {spreads} ({lead})"

    return (
        f"{choose_takeaway(result)} Exact match after {result['settings']['steps']} steps, "
        f"{statistics.describe_seeds(result['seeds'])}: with {describe_size(0)}; with {describe_size(-1)}. "
        "The full loss also learns from the answers that stand in its prompts: "
        "this is not the main setting with fewer rows."
    )


def choose_takeaway(result):
    """Which loss is ahead with the fewest rows and with the most, if the seeds tell."""
    fewest, most = result["rows"][0], result["rows"][-1]
    first, last = (name_leader(result["exact_match"], i) for i in (0, -1))
    where = "Where prompts hold solved questions"
    if first == last:
        return f"{where}, {first} with {fewest} rows and with {most}."
    return f"{where}, {first} with {fewest} rows, but {last} with {most}."


def name_leader(match, i):
    """Masked or full, whichever is clearly ahead at one number of rows."""
    gap = statistics.pair_by_seed(match["1"][i], match["0"][i])
    if not gap.is_clear():
        return "neither loss is clearly ahead"
    return "full loss is ahead of masked" if gap.mean > 0 else "masked loss is ahead of full"


def draw(result):
    """Exact match and answer NLL over the number of rows."""
    from . import plots  # matplotlib, only where something is drawn

    figure = plots.new_figure(10.5, 4.4)
    ends = []
    for axes, (key, (title, unit)) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
        plots.label_panel(axes, title, "training rows (log scale)", unit)
        axes.set_xscale("log", base=2)
        plots.set_ticks(axes, result["rows"], result["rows"])
        ends.append((axes, plots.draw_lines(axes, result["rows"], result[key])))
        axes.set_ylim(0, 1.04 if key == "exact_match" else None)
    plots.label_all(figure, ends)
    return figure
