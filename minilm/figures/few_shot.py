"""When full-sequence loss helps: few rows, and prompts that hold answers to learn from."""

import itertools

from . import grid, statistics, tasks, worlds

STEPS = 400
SIZES, QUICK_SIZES = (32, 64, 128, 256, 1024, 4096), (32, 256, 4096)
ALT = (
    "Two line charts over the number of training rows, one line a loss with a band over seeds: held-out "
    "exact match, and negative log-likelihood of the answers. The prompts hold three solved questions."
)
PANELS = {  # measure: (title, unit)
    "exact_match": ("held-out exact match", "share of rows"),
    "response_nll": ("answers: -log P(y|x)", "nats per token (log scale)"),
}


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Exact match and answer NLL on held-out rows for every number of rows and loss."""
    steps = grid.choose_steps(steps, quick, STEPS)
    sizes = QUICK_SIZES if quick else SIZES
    points = [(line, size) for size in sizes for line in tasks.LOSS_NAMES]
    outcomes = grid.run_points(run_point, points, seeds, steps, workers, report)
    task = worlds.make_few_shot_task(sizes[0])
    result = {**grid.describe_run(task, seeds, steps), "rows": list(sizes), "held_out": len(task.held_out)}
    for key in PANELS:
        result[key] = {line: grid.tabulate(outcomes, (line,), sizes, seeds, key) for line in tasks.LOSS_NAMES}
    return result


def run_point(line, size, seed, steps):
    """One run's evaluation at its end."""
    return grid.train_to_end(worlds.make_few_shot_task(size), float(line), seed, steps)


def caption(result):
    """Who is ahead with the fewest rows, and whether the order turns; the three losses there; the theory."""

    def describe_size(key, i):
        table = result[key]
        spreads = ", ".join(f"{name} {statistics.format_spread(table[k][i])}" for k, name in losses)
        lead = statistics.describe_lead(table["1"][i], table["0"][i], "full", "masked", key == "exact_match")
        return f"with {result['rows'][i]} rows {spreads} ({lead})"

    losses = tasks.LOSS_NAMES.items()
    return (
        f"{choose_takeaway(result)} Exact match after {result['settings']['steps']} steps from random "
        f"weights, {statistics.describe_seeds(result['seeds'])}: {describe_size('exact_match', 0)}; "
        f"{describe_size('exact_match', -1)}. -log P(y|x): {describe_size('response_nll', -1)}. Full loss is "
        "generative training and masked loss discriminative, which theory expects ahead with few and with "
        "many examples (Ng & Jordan 2001); a weight between is their blend "
        "(McCallum et al. 2006, Bishop & Lasserre 2007). Here full loss also learns from the answers in its "
        "prompts: this is not the main setting with fewer rows."
    )


def choose_takeaway(result):
    """Which loss is ahead with the fewest rows, and where the order turns, if the seeds tell."""
    fewest, most = result["rows"][0], result["rows"][-1]
    leader = list_leaders(result, "exact_match")[0]
    first = f"{leader} loss is ahead" if leader else "neither loss is clearly ahead"
    turns = [
        f"{rows} ({PANELS[key][0]})" for key in PANELS if (rows := find_crossing(result, key)) is not None
    ]
    crossing = f"the order turns at {' and '.join(turns)}" if turns else f"no crossing was seen up to {most}"
    return f"Where prompts hold solved questions, {first} with {fewest} rows; {crossing}."


def find_crossing(result, key):
    """The fewest rows with which one of masked and full is clearly ahead and was clearly behind, or None."""
    places = zip(result["rows"], list_leaders(result, key), strict=True)
    clear = [(rows, leader) for rows, leader in places if leader]
    return next((rows for (_, old), (rows, new) in itertools.pairwise(clear) if old != new), None)


def list_leaders(result, key):
    """For every number of rows "masked", "full", or None where neither is clearly ahead."""
    better, worse = ("full", "masked") if key == "exact_match" else ("masked", "full")
    pairs = zip(result[key]["1"], result[key]["0"], strict=True)
    gaps = [statistics.pair_by_seed(full, masked) for full, masked in pairs]
    return [(better if gap.mean > 0 else worse) if gap.is_clear() else None for gap in gaps]


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
        if key == "exact_match":
            axes.set_ylim(0, 1.04)
        else:
            axes.set_yscale("log")
            axes.set_ylim(min(mean for _, mean in ends[-1][1].values()) / 3)  # bands may reach below 0
    plots.label_all(figure, ends)
    return figure
