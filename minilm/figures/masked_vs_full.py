"""The main comparison: one base model, fine-tuned with masked, weight 0.1 and full loss, over the steps."""

from . import grid, plots, statistics, tasks

ALT = (
    "Three line charts over training steps, one line a loss with a band over seeds, all beginning at the "
    "same point: held-out exact match, negative log-likelihood of the answers, and of the prompts."
)
TITLES = ("held-out exact match", "answers: -log P(y|x)", "prompts: -log P(x)")
UNITS = ("share of rows", "nats per token (log scale)", "nats per token (log scale)")


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """The main job's comparison on the zoo."""
    steps = grid.choose_steps(steps, quick, tasks.TUNING_STEPS)
    return tasks.compare(tasks.make_zoo_task(steps), seeds, workers, report)


def caption(result):
    """Who answers more rows exactly at the end, then all three measures of every loss."""
    rows, gaps = statistics.summarise_steps(result)
    last_rows = {loss: numbers for loss, _, *numbers in rows[-len(result["runs"]) :]}
    _, match, _ = gaps[-1]

    def list_losses(k):
        spreads = {loss: statistics.join_spread(*numbers[k]) for loss, numbers in last_rows.items()}
        return ", ".join(f"{tasks.LOSS_NAMES[loss]} {spread}" for loss, spread in spreads.items())

    measured = (
        f"Exact match, {statistics.describe_seeds(result['seeds'])}: {list_losses(0)} "
        f"(masked - full {match.mean:+.3f}, {match.describe_wins()}); "
        f"-log P(y|x) {list_losses(1)}; -log P(x) {list_losses(2)} nats per token"
    )
    if result["entropy_floor"]:
        measured += f", entropy floor {result['entropy_floor']:.3f}, uniform {result['uniform']:.2f}"
    return (
        f"{choose_takeaway(result)} {measured}. "
        "The masked model's log P(x) is not held down or fixed, it is un-optimised."
    )


def choose_takeaway(result):
    """Which loss answers more held-out rows exactly at the end of the runs, if the seeds tell."""
    matches = {loss: [run[-1]["exact_match"] for run in runs] for loss, runs in result["runs"].items()}
    gap = statistics.pair_by_seed(matches["0"], matches["1"])
    step = result["runs"]["0"][0][-1]["step"]
    what = " of fine-tuning" if result["base_steps"] else ""
    after = f"After {step} step{'' if step == 1 else 's'}{what}"
    if not gap.is_clear():
        return (
            f"{after}, masked and full loss are not clearly apart in the held-out rows they answer exactly."
        )
    ahead, behind = ("masked", "full") if gap.mean > 0 else ("full", "masked")
    takeaway = f"{after}, {ahead} loss answers more held-out rows exactly than {behind} loss"
    rivals = (matches["0"], matches["1"])
    if all(statistics.pair_by_seed(matches["0.1"], rival).is_clearly_above() for rival in rivals):
        takeaway += ", and a prompt-loss weight of 0.1 more than both"
    return f"{takeaway}."


def draw(result):
    """Exact match, response NLL and prompt NLL over steps, mean and ± 1 std of seeds."""
    figure = plots.new_figure(11.5, 4.2)
    panels = figure.subplots(1, 3)
    ends = []
    for k, axes in enumerate(panels):
        last_points = {}
        for weight, runs in result["runs"].items():
            last_points[weight] = plots.draw_band(axes, *collect_steps(runs, k), plots.choose_style(weight))
        ends.append((axes, last_points))
        axes.set_title(TITLES[k], fontsize=plots.FONT + 1)
        axes.set_ylabel(UNITS[k], fontsize=plots.FONT)
        axes.set_xlabel(name_steps(result), fontsize=plots.FONT)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylim(0, 1.03)
    draw_levels(panels[2], result)
    for axes in panels[1:]:
        plots.use_log_axis(axes)
    plots.label_all(figure, ends, {weight: plots.choose_style(weight) for weight in result["runs"]})
    return figure


def name_steps(result):
    """What the steps count."""
    return (
        "fine-tuning step (0: base model)" if result["base_steps"] else "training step (from random weights)"
    )


def collect_steps(runs, k):
    """Steps, and the k-th of statistics.collect_entries at each: (steps,), (steps, seeds)."""
    steps = [entry["step"] for entry in runs[0]]
    return steps, [statistics.collect_entries(runs, i)[:, k] for i in range(len(steps))]


def draw_levels(axes, result):
    """The levels that a prompt's NLL is judged by."""
    levels = [(result["uniform"], "uniform, ln V"), (result["entropy_floor"], "entropy floor")]
    if result["base_steps"]:
        levels.append(
            (statistics.average([run[0]["prompt_nll"] for run in result["runs"]["0"]]), "base model")
        )
    for level, name in levels:
        if level is not None:
            axes.axhline(level, color="0.45", linewidth=1, linestyle=":")
            place = (result["settings"]["steps"], level * 0.96)
            text = f"{name} = {level:.3f}"
            axes.text(*place, text, ha="right", va="top", fontsize=plots.FONT - 1, color="0.35")
