"""The prompt-loss weight from 0 to 1, for short and for long answers."""

from . import grid, statistics, tasks, worlds

WEIGHTS, QUICK_WEIGHTS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0), (0.0, 0.1, 1.0)
ANSWERS = ("short", "long")
PANELS = {  # measure: (title, unit)
    "exact_match": ("held-out exact match", "share of rows"),
    "response_nll": ("answers: -log P(y|x)", "nats per token"),
    "prompt_nll": ("prompts: -log P(x)", "nats per token (log scale)"),
}
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
    steps = grid.choose_steps(steps, quick, tasks.TUNING_STEPS)
    weights = QUICK_WEIGHTS if quick else WEIGHTS
    points = [(line, weights) for line in ANSWERS]
    outcomes = grid.run_points(sweep_weights, points, seeds, steps, workers, report)
    ends = {(line, w, seed): by[w] for (line, _, seed), by in outcomes.items() for w in weights}
    zoo = worlds.make_zoo_task()
    result = {
        **grid.describe_run(zoo, seeds, steps),
        "base_steps": zoo.base_steps,
        "weights": list(weights),
        "entropy_floor": zoo.floor,
    }
    for key in PANELS:
        result[key] = {line: grid.tabulate(ends, (line,), weights, seeds, key) for line in ANSWERS}
    return result


def sweep_weights(line, weights, seed, steps):
    """{weight: evaluation at its end} of the fine-tunings of one base model."""
    task = worlds.make_zoo_task() if line == "short" else worlds.make_long_answer_task()
    _, ends = tasks.train_task(grid.set_steps(task, steps), seed, weights)
    return {weight: history[-1] for weight, (_, history) in ends.items()}


def caption(result):
    """The best weight for either length, against both ends; what papers found; how far a toy goes."""
    return (
        f"{choose_takeaway(result)} -log P(y|x), nats per token, after {result['settings']['steps']} steps "
        f"from a base model, {statistics.describe_seeds(result['seeds'])}: {describe_best(result, 'short')}; "
        f"{describe_best(result, 'long')} (picked with hindsight, on these rows). "
        "Huerta-Enochian & Ko (arXiv 2401.13586) found a quadratic relation with the weight for short "
        "completions and none for long ones, WIT (arXiv 2507.07817) weights of 0 to 0.5 best, Shi et al. "
        "(arXiv 2405.14394) a gain from loss on long instructions with short outputs or few examples: large "
        "models on real text, whose findings these facts learnt by heart neither confirm nor refute."
    )


def choose_takeaway(result):
    """The best weights, and for which length they are clearly ahead of both 0 and 1."""
    short, long = (f"{result['weights'][find_best(result, line)]:g}" for line in ANSWERS)
    clear = [line for line in ANSWERS if is_clearly_between(result, line)]
    which = f"only that for {clear[0]} ones is" if len(clear) == 1 else "both are" if clear else "neither is"
    return (
        f"Answers are likeliest at prompt-loss weight {short} if short, {long} if long; "
        f"{which} clearly ahead of both 0 and 1."
    )


def find_best(result, line):
    """Where in the weights the mean -log P(y|x) is lowest."""
    points = result["response_nll"][line]
    return min(range(len(points)), key=lambda i: statistics.average(points[i]))


def is_clearly_between(result, line):
    """Whether the best weight is clearly ahead of 0 and of 1."""
    points = result["response_nll"][line]
    best = points[find_best(result, line)]
    return all(statistics.pair_by_seed(best, points[end]).is_clearly_below() for end in (0, -1))


def describe_best(result, line):
    """The weight with the lowest mean, against weights 0 and 1 with the same seeds."""
    points, weights = result["response_nll"][line], result["weights"]
    i = find_best(result, line)
    leads = [
        statistics.describe_lead(points[i], points[k], f"weight {weights[i]:g}", f"{weights[k]:g}", False)
        for k in (0, len(points) - 1)
        if k != i
    ]
    lowest = f"lowest mean at weight {weights[i]:g}, {statistics.format_spread(points[i])}"
    return f"{line} answers have the {lowest} ({'; '.join(leads)})"


def draw(result):
    """Three measures over the weights, which stand at equal distances since 0 has no logarithm."""
    from . import plots  # matplotlib, only where something is drawn

    figure = plots.new_figure(12, 5.4)
    styles = {
        "short": {"color": "black", "linestyle": "-", "label": "short"},
        "long": {"color": plots.PURPLE, "linestyle": "--", "label": "long"},
    }
    x, ends = range(len(result["weights"])), []
    for axes, (key, (title, unit)) in zip(figure.subplots(1, 3), PANELS.items(), strict=True):
        plots.label_panel(axes, title, "prompt-loss weight (not to scale)", unit)
        plots.set_ticks(axes, x, [f"{weight:g}" for weight in result["weights"]])
        ends.append((axes, plots.draw_lines(axes, x, result[key], styles)))
        axes.set_ylim(0, 1.04 if key == "exact_match" else None)
    plots.use_log_axis(ends[-1][0])
    figure.supxlabel(PAPERS, fontsize=plots.FONT - 1, color=plots.GREY)
    plots.label_all(figure, ends, styles)
    return figure
