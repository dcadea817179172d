"""Why full-sequence loss is behind where it is: dilution, not conflict?

Four probes: the share of prompt in a row; size and direction of the two parts of the gradient;
optimisers that treat the parts differently; and a learning rate retuned for each loss.
"""

import numpy as np

from .. import train
from . import grid, parts, statistics, worlds

STEPS = 300
RATIOS, QUICK_RATIOS = (4, 6, 8, 12, 20), (4, 8, 20)
FACTORS, QUICK_FACTORS = (0.5, 1, 2, 4, 8), (1, 4)
MEASURE_EVERY = 10
CONFLICT = 0.1  # a mean cosine between g_x and g_y beyond which they are not independent
MASKED, FULL, SEPARATE = "Adam, g_y / N_y", "Adam, g_x + g_y", "Adam, separate moments"
ANGLES = ("norm_ratio", "cos_parts", "cos_full")
SGD_RATE, SGD_STEPS = 0.3, 10 / 3  # plain SGD learns slowly here: so many times the steps
ALT = (
    "Top: held-out exact match of masked and full loss over the ratio of prompt to answer; the same over "
    "multiples of the learning rate; and after training with eight optimisers that treat the two parts of "
    "the gradient differently. Bottom: the ratio of the parts' norms and their cosines, over the ratio of "
    "prompt to answer and along the run."
)


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """All probes over all seeds; every number is held-out exact match or an angle of parts.measure_angles."""
    steps = grid.choose_steps(steps, quick, STEPS)
    ratios, factors = (QUICK_RATIOS, QUICK_FACTORS) if quick else (RATIOS, FACTORS)
    points = [("ratio", line, ratio) for ratio in ratios for line in ("0", "1")]
    points += [("rate", line, factor) for factor in factors for line in ("0", "1")]
    points += [("optimiser", name, 0) for name in parts.OPTIMISERS]
    outcomes = grid.run_points(run_point, points, seeds, steps, workers, report)

    def tabulate(kind, lines, places):
        return {line: grid.tabulate(outcomes, (kind, line), places, seeds, "match") for line in lines}

    zoo = worlds.make_scratch_task()
    by_optimiser = tabulate("optimiser", parts.OPTIMISERS, [0])
    return {
        **grid.describe_run(zoo, seeds, steps),
        "sgd": {"lr": SGD_RATE, "steps": round(SGD_STEPS * steps)},
        "ratios": list(ratios),
        "match_by_ratio": tabulate("ratio", ("0", "1"), ratios),
        "rates": [factor * zoo.settings.lr for factor in factors],
        "match_by_rate": tabulate("rate", ("0", "1"), factors),
        "match_by_optimiser": {name: matches for name, (matches,) in by_optimiser.items()},
        **tabulate_angles(outcomes, ratios, seeds),
    }


def tabulate_angles(outcomes, ratios, seeds):
    """Means over full runs for every ratio, and in the main setting the course along the run."""
    over = [[outcomes["ratio", "1", ratio, seed]["angles"] for seed in seeds] for ratio in ratios]
    along = [outcomes["optimiser", FULL, 0, seed]["angles"] for seed in seeds]
    by_step = list(zip(*along, strict=True))  # for every measured step, an entry of each seed
    by_ratio, course = {}, {}
    for key in ANGLES:
        by_ratio[key] = [[average_angle(run, key) for run in runs] for runs in over]
        course[key] = [[grid.round_number(entry[key]) for entry in entries] for entries in by_step]
    return {
        "angles_by_ratio": by_ratio,
        "measured_at": [entry["step"] for entry in along[0]],
        "angles_by_step": course,
    }


def average_angle(run, key):
    """One run's mean over its measured steps."""
    return grid.round_number(np.mean([entry[key] for entry in run]))


def run_point(kind, line, point, seed, steps):
    """One run: {"match": held-out exact match, "angles": where they are measured}."""
    if kind == "rate":
        zoo = worlds.make_scratch_task()
        return run_usual(zoo, float(line), seed, steps, lr=point * zoo.settings.lr)
    if kind == "optimiser":
        return run_in_parts(worlds.make_scratch_task(), line, seed, steps)
    if line == "0":
        return run_usual(worlds.make_story_task(point), 0.0, seed, steps)
    return run_in_parts(worlds.make_story_task(point), FULL, seed, steps)


def run_usual(task, prompt_weight, seed, steps, **changes):
    """One run of train.train."""
    return {"match": grid.train_to_end(task, prompt_weight, seed, steps, **changes)["exact_match"]}


def run_in_parts(task, optimiser, seed, steps):
    """One run with one of parts.OPTIMISERS; the full loss's angles are measured."""
    is_sgd = optimiser.startswith("SGD")
    task = grid.set_steps(task, round(SGD_STEPS * steps) if is_sgd else steps)
    lr = SGD_RATE if is_sgd else task.settings.lr
    every = MEASURE_EVERY if optimiser == FULL else None
    params, angles = parts.fit_parts(task, parts.OPTIMISERS[optimiser], seed, lr, every)
    return {"match": train.evaluate(params, task.config, task.held_out)["exact_match"], "angles": angles}


def caption(result):
    """What the probes say together, then each in numbers; who is ahead only where the seeds tell."""
    match, ratios = result["match_by_ratio"], result["ratios"]

    def describe_ratio(i):
        masked, full = match["0"][i], match["1"][i]
        spreads = f"masked {statistics.format_spread(masked)} and full {statistics.format_spread(full)}"
        return f"at {ratios[i]} {spreads} ({statistics.describe_lead(masked, full, 'masked', 'full')})"

    return (
        f"{choose_takeaway(result)} Exact match after {result['settings']['steps']} steps, "
        f"{statistics.describe_seeds(result['seeds'])}, (a) over |x| : |y|: {describe_ratio(0)}; "
        f"{describe_ratio(-1)}. {describe_angles(result)} {describe_optimisers(result)} "
        f"{describe_rates(result)}{explain_takeaway(result)}"
    )


def choose_takeaway(result):
    """Dilution rather than conflict, said only if all three probes say so."""
    if not is_dilution(result):
        return "These probes do not agree on why full and masked loss differ."
    return (
        "Full loss's lag in the main setting is consistent with dilution of the answers' gradient "
        "by the prompts', rather than conflict between them."
    )


def explain_takeaway(result):
    """What dilution is concluded from; "" if it is not."""
    if not is_dilution(result):
        return ""
    return (
        " Separate moments bring full loss ahead of where it was, and at rates of their own no difference "
        "between masked and full is shown."
    )


def is_dilution(result):
    """Whether full loss is behind, its two parts do not conflict, and what it lacks can be made up for.

    Separate moments bring full loss clearly ahead of where it was, and at rates of their own masked
    is not clearly ahead of full.
    """
    cos_parts = [abs(statistics.average(point)) for point in result["angles_by_ratio"]["cos_parts"]]
    match = result["match_by_optimiser"]
    is_behind = statistics.pair_by_seed(match[FULL], match[MASKED]).is_clearly_below()
    separate = statistics.pair_by_seed(match[SEPARATE], match[FULL]).is_clearly_above()
    tuned = statistics.pair_by_seed(*find_best_rates(result)).is_clearly_above()
    return is_behind and max(cos_parts) <= CONFLICT and separate and not tuned


def describe_angles(result):
    """How the parts of the gradient compare, over the ratio."""
    means = {}
    for key, points in result["angles_by_ratio"].items():
        means[key] = [statistics.average(point) for point in points]
    norm, cos_full, cos_parts = (means[key] for key in ("norm_ratio", "cos_full", "cos_parts"))
    return (
        f"(d, f) From ratio {result['ratios'][0]} to {result['ratios'][-1]}, ||g_x|| / ||g_y|| goes from "
        f"{norm[0]:.2f} to {norm[-1]:.2f} and cos(g_full, g_y) from {cos_full[0]:.2f} to {cos_full[-1]:.2f}; "
        f"cos(g_x, g_y) lies between {min(cos_parts):+.2f} and {max(cos_parts):+.2f} (means over full runs)."
    )


def describe_optimisers(result):
    """What dividing, sharing a second moment and separating the moments do in the main setting."""
    match = result["match_by_optimiser"]

    def describe_pair(a, b):
        lead = statistics.describe_lead(match[a], match[b], "this", b)
        return f"{a} {statistics.format_spread(match[a])} ({lead})"

    pairs = (
        ("SGD, g_y / N_all", "SGD, g_y / N_y"),
        ("Adam, g_y / N_all", MASKED),
        ("Adam, g_y; g_x in 2nd moment", MASKED),
        (SEPARATE, FULL),
    )
    sgd = f"{result['sgd']['steps']} steps with SGD at rate {result['sgd']['lr']:g}"
    return f"(c) Main setting ({sgd}): " + "; ".join(describe_pair(*names) for names in pairs) + "."


def describe_rates(result):
    """Each loss at its best learning rate."""
    masked, full = find_best_rates(result)
    by_rate, rates = result["match_by_rate"], result["rates"]
    masked_rate, full_rate = rates[by_rate["0"].index(masked)], rates[by_rate["1"].index(full)]
    return (
        f"(b) Each at the best of {len(rates)} learning rates, masked ({masked_rate:g}) has "
        f"{statistics.format_spread(masked)} and full ({full_rate:g}) {statistics.format_spread(full)}: "
        f"{statistics.describe_lead(masked, full, 'masked', 'full')}."
    )


def find_best_rates(result):
    """Exact match of masked and of full loss, each at the learning rate with its highest mean."""
    return [max(result["match_by_rate"][line], key=statistics.average) for line in ("0", "1")]


def draw(result):
    """Exact match above, the gradient's two parts below."""
    from . import why_panels  # matplotlib, only where something is drawn

    return why_panels.draw(result)
