"""Each loss over the learning rate of fine-tuning, from the same base models."""

import itertools

from . import grid, statistics, tasks, worlds

RATES, QUICK_RATES = tuple(5e-4 * 2**k for k in range(8)), (1e-3, 2e-3, 4e-3)
PANELS = {  # measure: (title, unit)
    "halfway": ("exact match, halfway", "share of held-out rows"),
    "response_nll": ("answers: -log P(y|x), at the end", "nats per token (log scale)"),
    "prompt_nll": ("prompts: -log P(x), at the end", "nats per token (log scale)"),
}
ALT = (
    "Three line charts over the peak learning rate, one line a loss with a band over seeds: held-out exact "
    "match after half of the steps, and negative log-likelihood of the answers and of the prompts at the end."
)


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Every loss at every rate, from each seed's base model."""
    steps, rates = grid.choose_steps(steps, quick, tasks.TUNING_STEPS), QUICK_RATES if quick else RATES
    outcomes = grid.run_points(sweep_rates, [(rates,)], seeds, steps, workers, report)
    runs = {
        (line, rate, seed): outcomes[rates, seed][line, rate] for line, rate, seed in list_runs(rates, seeds)
    }
    task = worlds.make_zoo_task()

    def tabulate(key):
        return {line: grid.tabulate(runs, (line,), rates, seeds, key) for line in tasks.LOSS_NAMES}

    return {
        **grid.describe_run(task, seeds, steps),
        "base_steps": task.base_steps,
        "rates": list(rates),
        **{key: tabulate(key) for key in (*PANELS, "exact_match")},
    }


def list_runs(rates, seeds):
    """(loss, rate, seed) of every run."""
    return itertools.product(tasks.LOSS_NAMES, rates, seeds)


def sweep_rates(rates, seed, steps):
    """{(loss, rate): measures} of the fine-tunings of one base model."""
    start, measures = None, {}
    for rate in rates:
        task = grid.set_steps(worlds.make_zoo_task(), steps, lr=rate, eval_every=max(1, steps // 2))
        start = start or tasks.make_start(task, seed)
        for weight, (_, history) in tasks.tune(task, start, seed).items():
            middle, end = history[len(history) // 2], history[-1]
            measures[tasks.name_weight(weight), rate] = {**end, "halfway": middle["exact_match"]}
    return measures


def caption(result):
    """Who is ahead where each loss has its own best rate, and at how many of the rates."""
    return f"{choose_takeaway(result)} {describe_best(result)} {count_rates(result)}"


def choose_takeaway(result):
    """Whether masked is ahead of full on answers also at rates of their own."""
    masked, full = (find_best(result, line)[1] for line in ("0", "1"))
    gap = statistics.pair_by_seed(masked, full)
    if not gap.is_clear():
        return "Each at its own best rate, masked and full loss are not clearly apart on answers."
    ahead, behind = ("masked", "full") if gap.mean < 0 else ("full", "masked")
    return f"Each at its own best rate, {ahead} loss leaves the answers more likely than {behind} loss does."


def find_best(result, line):
    """(rate, numbers over seeds) where a loss has its lowest mean -log P(y|x) on held-out rows."""
    pairs = zip(result["rates"], result["response_nll"][line], strict=True)
    return min(pairs, key=lambda pair: statistics.average(pair[1]))


def describe_best(result):
    """Each loss at its own best rate, in one line."""
    parts = []
    for line, name in tasks.LOSS_NAMES.items():
        rate, numbers = find_best(result, line)
        match = result["exact_match"][line][result["rates"].index(rate)]
        parts.append(
            f"{name} {statistics.format_spread(numbers)} (rate {rate:g}, "
            f"exact match {statistics.average(match):.3f})"
        )
    return (
        f"Held-out -log P(y|x), each loss at its own best of {len(result['rates'])} rates, after "
        f"{result['settings']['steps']} steps from the base: {', '.join(parts)}; "
        f"{statistics.describe_seeds(result['seeds'])}."
    )


def count_rates(result):
    """At how many of the rates each of masked and full is clearly ahead, halfway and at the end."""
    clauses = []
    for key, what, sign in (
        ("halfway", "in exact match halfway", 1),
        ("response_nll", "in -log P(y|x) at the end", -1),
    ):
        gaps = [
            statistics.pair_by_seed(a, b) for a, b in zip(result[key]["0"], result[key]["1"], strict=True)
        ]
        masked = sum(gap.is_clear() and gap.mean * sign > 0 for gap in gaps)
        full = sum(gap.is_clear() and gap.mean * sign < 0 for gap in gaps)
        clauses.append(f"{what}, masked is clearly ahead at {masked} of {len(gaps)} rates and full at {full}")
    return f"At the same rate: {'; '.join(clauses)}."


def draw(result):
    """Three measures over the rate."""
    from . import plots  # matplotlib, only where something is drawn

    figure, ends = plots.new_figure(12, 4.2), []
    for axes, (key, (title, unit)) in zip(figure.subplots(1, 3), PANELS.items(), strict=True):
        plots.label_panel(axes, title, "peak learning rate, thousandths (log scale)", unit)
        axes.set_xscale("log")
        ends.append((axes, plots.draw_lines(axes, result["rates"], result[key])))
        plots.set_ticks(axes, result["rates"], [f"{1000 * rate:g}" for rate in result["rates"]])
        if key == "halfway":
            axes.set_ylim(0, 1.04)
        else:
            plots.use_log_axis(axes)
    plots.label_all(figure, ends)
    return figure
