"""From random weights: masked and full loss over the ratio of prompt to answer and over the learning rate.

Along the full runs over the ratio, the gradient is taken apart, g_full = g_x + g_y: g_x and g_y are the
gradients of the summed losses -log P(x) and -log P(y|x).
"""

from dataclasses import replace

import numpy as np

from .. import data, train
from . import grid, identities, statistics, tasks, worlds

STEPS = 200
RATIOS, QUICK_RATIOS = (4, 6, 8, 12, 20), (4, 8, 20)
RATES, QUICK_RATES = (2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2), (2e-3, 4e-3, 1.6e-2)
LOSSES = ("0", "1")  # keys of tasks.LOSS_NAMES: masked and full
COSINES = {"cos_full": "cos(g_full, g_y)", "cos_parts": "cos(g_x, g_y)"}
MEASURE_EVERY, MEASURED_ROWS = 20, 64
CONFLICT = 0.1  # a mean cosine between g_x and g_y beyond which they are not independent
ALT = (
    "Three line charts with bands over seeds: held-out exact match of masked and full loss over the ratio of "
    "prompt to answer; the same over the learning rate; and, over the ratio, the cosines of the answers' "
    "gradient with the full one and with the prompts'."
)


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Exact match of both losses over both axes, and the cosines along the full runs over the ratio."""
    steps = grid.choose_steps(steps, quick, STEPS)
    ratios, rates = (QUICK_RATIOS, QUICK_RATES) if quick else (RATIOS, RATES)
    points = [(kind, place) for kind, places in (("ratio", ratios), ("rate", rates)) for place in places]
    points = [(kind, line, place) for kind, place in points for line in LOSSES]
    outcomes = grid.run_points(run_point, points, seeds, steps, workers, report)

    def tabulate(kind, places):
        return {line: grid.tabulate(outcomes, (kind, line), places, seeds, "exact_match") for line in LOSSES}

    return {
        **grid.describe_run(worlds.make_scratch_task(), seeds, steps),
        "ratios": list(ratios),
        "match_by_ratio": tabulate("ratio", ratios),
        "rates": list(rates),
        "match_by_rate": tabulate("rate", rates),
        **{key: grid.tabulate(outcomes, ("ratio", "1"), ratios, seeds, key) for key in COSINES},
    }


def run_point(kind, line, place, seed, steps):
    """One run: held-out measures at its end, and the mean cosines of a full run over the ratio."""
    if kind == "rate":
        return grid.train_to_end(worlds.make_scratch_task(), float(line), seed, steps, lr=place)
    task = worlds.make_story_task(place)
    return measure_full_run(task, seed, steps) if line == "1" else grid.train_to_end(task, 0.0, seed, steps)


def measure_full_run(task, seed, steps):
    """One full run's measures at its end, and its cosines' means over every MEASURE_EVERY-th step."""
    task, cosines = grid.set_steps(task, steps, eval_every=MEASURE_EVERY), []
    settings = replace(task.settings, prompt_weight=1.0, seed=seed)
    batch = data.collate(task.rows[:MEASURED_ROWS])

    def keep_cosines(entry, params):
        cosines.append(measure_cosines(params, batch, task.config))

    start = tasks.make_start(task, seed)
    _, history = train.train(start, task.config, task.rows, task.held_out, settings, keep_cosines)
    return {**history[-1], **dict(zip(COSINES, np.mean(cosines, axis=0), strict=True))}


def measure_cosines(params, batch, config):
    """(cos(g_full, g_y), cos(g_x, g_y)) of one batch."""
    masks = data.prompt_mask(batch.roles), data.response_mask(batch.roles)
    g_x, g_y = (identities.sum_grads(params, batch, mask, config) for mask in masks)
    return [float(g @ g_y / np.linalg.norm(g) / np.linalg.norm(g_y)) for g in (g_x + g_y, g_x)]


def caption(result):
    """Who is ahead at which rate, then the panels in numbers."""
    match, ratios = result["match_by_ratio"], result["ratios"]
    by_ratio = [
        f"at {ratios[i]} {compare_losses(match['0'][i], match['1'][i], 'masked', 'full')}" for i in (0, -1)
    ]
    return (
        f"{choose_takeaway(result)} Exact match after {result['settings']['steps']} steps, "
        f"{statistics.describe_seeds(result['seeds'])}: over |x| : |y|, {'; '.join(by_ratio)}. "
        f"{describe_rates(result)} {describe_cosines(result)}"
    )


def compare_losses(masked, full, name_masked, name_full):
    """Both spreads, and which loss is ahead."""
    spreads = (
        f"{name_masked} {statistics.format_spread(masked)}, {name_full} {statistics.format_spread(full)}"
    )
    return f"{spreads} ({statistics.describe_lead(masked, full, 'masked', 'full')})"


def choose_takeaway(result):
    """At which rates masked or full loss is ahead, and whether one is with each at its own best rate."""
    masked, full = count_leads(result)
    rates = f"at {masked or full} of {len(result['rates'])} learning rates"
    if masked and full:
        said = "the learning rate decides whether masked or full loss answers more rows"
    elif masked or full:
        said = f"{'masked' if masked else 'full'} loss answers more rows {rates}, the other at none"
    else:
        said = "masked and full loss are not clearly apart at any learning rate"
    best = statistics.pair_by_seed(*(numbers for _, numbers in find_best_rates(result)))
    ahead = "masked is ahead" if best.mean > 0 else "full is ahead"
    return f"From scratch, {said}; each at its best, {ahead if best.is_clear() else 'neither is ahead'}."


def count_leads(result):
    """At how many rates masked loss is clearly ahead, and at how many full loss is."""
    match = result["match_by_rate"]
    gaps = [statistics.pair_by_seed(*pair) for pair in zip(match["0"], match["1"], strict=True)]
    return sum(gap.is_clearly_above() for gap in gaps), sum(gap.is_clearly_below() for gap in gaps)


def find_best_rates(result):
    """(rate, exact match) of masked and of full loss, each where its mean is highest."""
    tables = [zip(result["rates"], result["match_by_rate"][line], strict=True) for line in LOSSES]
    return [max(table, key=lambda pair: statistics.average(pair[1])) for table in tables]


def describe_rates(result):
    """At how many rates each is ahead, and each at its own best."""
    (masked_rate, masked), (full_rate, full) = find_best_rates(result)
    n_masked, n_full = count_leads(result)
    names = f"masked (rate {masked_rate:g})", f"full (rate {full_rate:g})"
    return (
        f"On the zoo, masked is clearly ahead at {n_masked} of {len(result['rates'])} rates and full at "
        f"{n_full}; each at its own best: {compare_losses(masked, full, *names)}."
    )


def describe_cosines(result):
    """How the answers' gradient stands to the full one and to the prompts', means over full runs."""
    cos_full, cos_parts = ([statistics.average(point) for point in result[key]] for key in COSINES)
    ratios = result["ratios"]
    said = (
        f"From ratio {ratios[0]} to {ratios[-1]}, cos(g_full, g_y) goes from {cos_full[0]:.2f} to "
        f"{cos_full[-1]:.2f}; cos(g_x, g_y) lies between {min(cos_parts):+.2f} and {max(cos_parts):+.2f}"
    )
    if max(map(abs, cos_parts)) > CONFLICT:
        return f"{said} (means along full runs)."
    return (
        f"{said} (means along full runs): the prompts' gradient dilutes the answers', and hardly opposes it."
    )


def draw(result):
    """Exact match over the ratio and over the rate; the cosines over the ratio."""
    from . import plots  # matplotlib, only where something is drawn

    figure = plots.new_figure(12, 4.2)
    by_ratio, by_rate, angles = figure.subplots(1, 3)
    ratio, ratios, rates = "|x| : |y|, targets", result["ratios"], result["rates"]
    plots.label_panel(by_ratio, "Markov story as prompt", ratio, "exact match")
    plots.label_panel(by_rate, "zoo", "peak learning rate (log scale)", "exact match")
    by_rate.set_xscale("log")
    plots.set_ticks(by_rate, rates, [f"{rate:g}" for rate in rates])
    ends = [
        (by_ratio, plots.draw_lines(by_ratio, ratios, result["match_by_ratio"])),
        (by_rate, plots.draw_lines(by_rate, rates, result["match_by_rate"])),
    ]
    plots.label_panel(angles, "full loss: cosine of gradients", ratio, "")
    for (key, label), colour in zip(COSINES.items(), (plots.STYLE["1"]["color"], plots.GREY), strict=True):
        plots.draw_band(angles, ratios, result[key], {"color": colour, "label": label, "marker": "o"})
    angles.legend(frameon=False, fontsize=plots.FONT - 1)
    for axes, low in ((by_ratio, 0), (by_rate, 0), (angles, -0.3)):
        axes.set_ylim(low, 1.04)
    for axes in (by_ratio, angles):
        plots.set_ticks(axes, ratios, ratios)
    plots.label_all(figure, ends)
    return figure
