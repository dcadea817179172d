"""Fine-tuning a model that already knows some text: what each loss does to what it knew."""

import numpy as np

from .. import data, model, train
from . import grid, statistics, tasks, worlds

STEPS = 300
BASE_STEPS = 5 / 3  # times as many
RATE = 1e-3
EVALUATIONS = 6
LINES = ("0", "0.1", "1")
PANELS = {  # measure: (title, unit)
    "exact_match": ("held-out exact match", "share of rows"),
    "prompt_nll": ("prompts: -log P(x)", "nats per token"),
    "base_nll": ("base text: -log P", "nats per token"),
}
ALT = (
    "Three line charts over fine-tuning steps that start at the same base model, one line a loss with a band "
    "over seeds: held-out exact match, negative log-likelihood of the prompts, and of the base text."
)


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Histories of three fine-tunings of each seed's base model."""
    steps = grid.choose_steps(steps, quick, STEPS)
    outcomes = grid.run_points(tune_three, [()], seeds, steps, workers, report)
    base, tuned = worlds.make_fine_tuning_tasks()
    evaluated = [entry["step"] for entry in outcomes[(seeds[0],)]["0"]]

    def collect_seeds(line, i, key):
        return [grid.round_number(outcomes[(seed,)][line][i][key]) for seed in seeds]

    def tabulate(key):
        return {line: [collect_seeds(line, i, key) for i in range(len(evaluated))] for line in LINES}

    return {
        **grid.describe_run(tuned._replace(settings=set_tuning(0.0, 0, steps)), seeds, steps),
        "base_steps": round(BASE_STEPS * steps),
        "names": list(worlds.TUNED_NAMES),
        "rows": {"base": len(base.rows), "tuned": len(tuned.rows), "held_out": len(tuned.held_out)},
        "steps": evaluated,
        **{key: tabulate(key) for key in PANELS},
    }


def set_tuning(weight, seed, steps):
    """How the base model is fine-tuned, with one prompt-loss weight."""
    every = max(1, steps // EVALUATIONS)
    return train.Settings(
        prompt_weight=weight, steps=steps, warmup=min(20, steps), lr=RATE, eval_every=every, seed=seed
    )


def tune_three(seed, steps):
    """{loss: history} of three fine-tunings that start from one base model."""
    base, tuned = worlds.make_fine_tuning_tasks()
    start = grid.set_steps(base, round(BASE_STEPS * steps), seed=seed).settings
    params = model.init(tuned.config, np.random.default_rng(seed))
    params, _ = train.train(params, tuned.config, base.rows, tuned.held_out[:1], start)
    histories = {}

    def add_base_nll(entry, params):
        entry["base_nll"] = grid.measure_nll(params, tuned.config, base.held_out, select_all)

    for line in LINES:
        settings = set_tuning(float(line), seed, steps)
        _, histories[line] = train.train(
            params, tuned.config, tuned.rows, tuned.held_out, settings, add_base_nll
        )
    return histories


def select_all(roles):
    """The mask of every target, prompts too."""
    return data.loss_mask(roles, 1.0)


def caption(result):
    """What happens to the base text, then before and after of every measure and loss."""

    def list_losses(key):
        lines = result[key]
        after = [
            f"{tasks.LOSS_NAMES[line]} {statistics.format_spread(points[-1])}"
            for line, points in lines.items()
        ]
        return f"from {statistics.format_spread(lines['0'][0])} to {', '.join(after)}"

    base = result["base_nll"]
    lead = statistics.describe_lead(base["0"][-1], base["1"][-1], "masked", "full", higher_is_better=False)
    return (
        f"{choose_takeaway(base)} A base model ({result['base_steps']} steps of text) after "
        f"{result['settings']['steps']} steps of fine-tuning on {len(result['names'])} of 16 names, "
        f"{statistics.describe_seeds(result['seeds'])}: exact match {list_losses('exact_match')}; "
        f"-log P(SFT prompts) {list_losses('prompt_nll')}; -log P(base text) {list_losses('base_nll')} nats "
        f"per token. On base text, {lead}. This is one setting: other data or rates can order them otherwise."
    )


def choose_takeaway(base):
    """Which losses make the base text less likely, and whether masked or full does less so."""
    forgetful = [
        tasks.LOSS_NAMES[line]
        for line, points in base.items()
        if statistics.pair_by_seed(points[-1], points[0]).is_clearly_above()
    ]
    if len(forgetful) == len(base):
        which = "every loss"
    elif forgetful:
        which = f"{' and '.join(forgetful)} loss clearly"
    else:
        which = "no loss clearly"
    takeaway = f"In fine-tuning, {which} makes the base text less likely"
    gap = statistics.pair_by_seed(base["0"][-1], base["1"][-1])
    if not gap.is_clear():
        return f"{takeaway}; masked and full do not clearly differ in how much."
    less, more = ("masked", "full") if gap.mean < 0 else ("full", "masked")
    return f"{takeaway}; {less} loss leaves it more likely than {more}."


def draw(result):
    """Three measures over fine-tuning steps; step 0 is the base model."""
    from . import plots  # matplotlib, only where something is drawn

    figure = plots.new_figure(12, 4.4)
    ends = []
    for axes, (key, (title, unit)) in zip(figure.subplots(1, 3), PANELS.items(), strict=True):
        plots.label_panel(axes, title, "fine-tuning step (0: base model)", unit)
        ends.append((axes, plots.draw_lines(axes, result["steps"], result[key])))
        axes.set_ylim(0, 1.04 if key == "exact_match" else None)
    plots.label_all(figure, ends)
    return figure
