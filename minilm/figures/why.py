"""Figure 3: why full-sequence loss is behind where it is: dilution, not conflict?

Four probes: the share of prompt in a row; size and direction of the two parts of the gradient;
optimisers that treat the parts differently; and a learning rate retuned for each loss.
"""

import numpy as np

from .. import train
from . import parts, report, runs, worlds

STEPS = 300
RATIOS, QUICK_RATIOS = (4, 6, 8, 12, 20), (4, 8, 20)
FACTORS, QUICK_FACTORS = (0.5, 1, 2, 4, 8), (1, 4)
MEASURE_EVERY = 10
CONFLICT = 0.1  # a mean cosine between g_x and g_y beyond which they are not independent
FULL = "Adam, g_x + g_y"
ANGLES = ("norm_ratio", "cos_parts", "cos_full")
SGD_RATE, SGD_STEPS = 0.3, 10 / 3  # plain SGD learns slowly here: so many times the steps
ALT = (
    "Top: held-out exact match of masked and full loss over the ratio of prompt to answer; the same over "
    "multiples of the learning rate; and after training with eight optimisers that treat the two parts of "
    "the gradient differently. Bottom: the ratio of the parts' norms and their cosines, over the ratio of "
    "prompt to answer and along the run."
)


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """All probes over all seeds; every number is held-out exact match or an angle of parts.angles."""
    steps = runs.how_many(steps, quick, STEPS)
    ratios, factors = (QUICK_RATIOS, QUICK_FACTORS) if quick else (RATIOS, FACTORS)
    cells = [("ratio", line, ratio) for ratio in ratios for line in ("0", "1")]
    cells += [("rate", line, factor) for factor in factors for line in ("0", "1")]
    cells += [("optimiser", name, 0) for name in parts.OPTIMISERS]
    done = runs.run_all(probe, cells, seeds, steps, workers, report)

    def table(kind, lines, points):
        return {line: runs.over_points(done, (kind, line), points, seeds, "match") for line in lines}

    by_optimiser = table("optimiser", parts.OPTIMISERS, [0])
    return {
        **runs.stored(worlds.zoo(), seeds, steps),
        "sgd": {"lr": SGD_RATE, "steps": round(SGD_STEPS * steps)},
        "ratios": list(ratios),
        "match_by_ratio": table("ratio", ("0", "1"), ratios),
        "rates": [factor * worlds.zoo().settings.lr for factor in factors],
        "match_by_rate": table("rate", ("0", "1"), factors),
        "match_by_optimiser": {name: point for name, (point,) in by_optimiser.items()},
        **angles(done, ratios, seeds),
    }


def angles(done, ratios, seeds):
    """Means over full runs for every ratio, and in the main setting the course along the run."""
    over = [[done["ratio", "1", ratio, seed]["angles"] for seed in seeds] for ratio in ratios]
    along = [done["optimiser", FULL, 0, seed]["angles"] for seed in seeds]
    by_step = zip(*along, strict=True)  # for every measured step, an entry of each seed
    points = [{k: [runs.rounded(entry[k]) for entry in step] for k in ANGLES} for step in by_step]
    return {
        "angles_by_ratio": {k: [[mean_angle(run, k) for run in point] for point in over] for k in ANGLES},
        "measured_at": [entry["step"] for entry in along[0]],
        "angles_by_step": {k: [point[k] for point in points] for k in ANGLES},
    }


def mean_angle(run, key):
    """One run's mean over its measured steps."""
    return runs.rounded(np.mean([entry[key] for entry in run]))


def probe(kind, line, point, seed, steps):
    """One run: {"match": held-out exact match, "angles": where they are measured}."""
    if kind == "rate":
        task = worlds.zoo()
        last = runs.last(task, float(line), seed, steps, lr=point * task.settings.lr)
        return {"match": last["exact_match"]}
    if kind == "ratio" and line == "0":
        return {"match": runs.last(worlds.story(point), 0.0, seed, steps)["exact_match"]}
    name = line if kind == "optimiser" else FULL
    sgd = name.startswith("SGD")
    task = worlds.story(point) if kind == "ratio" else worlds.zoo()
    task = runs.with_steps(task, round(SGD_STEPS * steps) if sgd else steps)
    lr = SGD_RATE if sgd else task.settings.lr
    every = MEASURE_EVERY if name == FULL else None
    params, angles = parts.fit(task, parts.OPTIMISERS[name], seed, lr, every)
    return {"match": train.evaluate(params, task.config, task.held_out)["exact_match"], "angles": angles}


def caption(result):
    """What each probe shows, in numbers; who is ahead only where the seeds tell."""
    match, ratios = result["match_by_ratio"], result["ratios"]

    def at(i):
        masked, full = match["0"][i], match["1"][i]
        ahead = runs.who_is_ahead(masked, full, "masked", "full")
        return f"at {ratios[i]} masked {runs.spread(masked)} and full {runs.spread(full)} ({ahead})"

    return (
        f"Exact match after {result['settings']['steps']} steps, {runs.over_seeds(result['seeds'])}, (a) "
        f"over |x| : |y|: {at(0)}; {at(-1)}. {angles_sentence(result)} {optimiser_sentence(result)} "
        f"{rate_sentence(result)} {verdict(result)}".rstrip()
    )


def angles_sentence(result):
    """How the parts of the gradient compare, over the ratio."""
    means = {k: [runs.mean(point) for point in points] for k, points in result["angles_by_ratio"].items()}
    norm, cos_full, cos_parts = (means[k] for k in ("norm_ratio", "cos_full", "cos_parts"))
    return (
        f"(d, f) From ratio {result['ratios'][0]} to {result['ratios'][-1]}, ||g_x|| / ||g_y|| goes from "
        f"{norm[0]:.2f} to {norm[-1]:.2f} and cos(g_full, g_y) from {cos_full[0]:.2f} to {cos_full[-1]:.2f}; "
        f"cos(g_x, g_y) lies between {min(cos_parts):+.2f} and {max(cos_parts):+.2f} (means over full runs)."
    )


def optimiser_sentence(result):
    """What dividing, sharing a second moment and separating the moments do in the main setting."""
    match = result["match_by_optimiser"]

    def pair(a, b):
        return f"{a} {runs.spread(match[a])} ({runs.who_is_ahead(match[a], match[b], 'this', b)})"

    pairs = (
        ("SGD, g_y / N_all", "SGD, g_y / N_y"),
        ("Adam, g_y / N_all", "Adam, g_y / N_y"),
        ("Adam, g_y; g_x in 2nd moment", "Adam, g_y / N_y"),
        ("Adam, separate moments", FULL),
    )
    sgd = f"{result['sgd']['steps']} steps with SGD at rate {result['sgd']['lr']:g}"
    return f"(c) Main setting ({sgd}): " + "; ".join(pair(*names) for names in pairs) + "."


def rate_sentence(result):
    """Each loss at its best learning rate."""
    masked, full = best_rates(result)
    rates = [result["rates"][result["match_by_rate"][k].index(v)] for k, v in (("0", masked), ("1", full))]
    return (
        f"(b) Each at the best of {len(result['rates'])} learning rates, masked ({rates[0]:g}) has "
        f"{runs.spread(masked)} and full ({rates[1]:g}) {runs.spread(full)}: "
        f"{runs.who_is_ahead(masked, full, 'masked', 'full')}."
    )


def best_rates(result):
    """Exact match of masked and of full loss, each at the learning rate with its highest mean."""
    return [max(result["match_by_rate"][line], key=runs.mean) for line in ("0", "1")]


def verdict(result):
    """Dilution rather than conflict, said only if all three probes say so."""
    cos_parts = [abs(runs.mean(point)) for point in result["angles_by_ratio"]["cos_parts"]]
    match = result["match_by_optimiser"]
    separate = runs.difference(match["Adam, separate moments"], match[FULL])
    tuned = runs.difference(*best_rates(result))
    masked_ahead = tuned.mean > 0 and report.is_clear(tuned)
    undone = separate.mean > 0 and report.is_clear(separate) and not masked_ahead
    if max(cos_parts) > CONFLICT or tuned.seeds < 3 or not undone:
        return ""
    return (
        "This is consistent with dilution rather than conflict: separate moments bring full loss ahead of "
        "where it was, and at rates of their own no difference between masked and full is shown."
    )


def draw(result):
    """Exact match above, the gradient's two parts below."""
    from . import why_panels  # matplotlib, only where something is drawn

    return why_panels.draw(result)
