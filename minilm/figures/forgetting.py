"""What fine-tuning does to the text that the base model knew, for each loss of the main experiment."""

import numpy as np

from .. import corpora, data
from . import grid, statistics, tasks, worlds

ALT = (
    "A line chart over fine-tuning steps that start at the same base models, one line a loss with a band "
    "over seeds: negative log-likelihood of held-out base text."
)


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Base text's NLL along three fine-tunings of each seed's base model."""
    steps = grid.choose_steps(steps, quick, tasks.TUNING_STEPS)
    outcomes = grid.run_points(tune_losses, [()], seeds, steps, workers, report)
    evaluated = [entry["step"] for entry in outcomes[(seeds[0],)]["0"]]

    def collect_seeds(line, i):
        return [grid.round_number(outcomes[(seed,)][line][i]["base_nll"]) for seed in seeds]

    task = worlds.make_zoo_task()
    return {
        **grid.describe_run(task, seeds, steps),
        "base_steps": task.base_steps,
        "steps": evaluated,
        "base_nll": {
            line: [collect_seeds(line, i) for i in range(len(evaluated))] for line in tasks.LOSS_NAMES
        },
    }


def tune_losses(seed, steps):
    """{loss: history, with base text's NLL} of three fine-tunings of one base model."""
    task = grid.set_steps(worlds.make_zoo_task(), steps, eval_every=tasks.EVAL_EVERY)
    texts = encode_texts(task.tokenizer)

    def add_base_nll(entry, params):
        entry["base_nll"] = grid.measure_nll(params, task.config, texts, data.response_mask)

    ends = tasks.tune(task, tasks.make_start(task, seed), seed, report=add_base_nll)
    return {tasks.name_weight(weight): history for weight, (_, history) in ends.items()}


def encode_texts(tokenizer):
    """Rows of text as the base model read it, of held-out examples: new posts, and facts that it has read."""
    rng = np.random.default_rng(0)
    texts = [corpora.write_text(example, rng) for example in worlds.load_zoo().held_out]
    return [tasks.encode_text(text, tokenizer) for text in texts]


def caption(result):
    """What happens to the base text: before, and after with every loss."""
    base = result["base_nll"]
    after = ", ".join(
        f"{tasks.LOSS_NAMES[line]} {statistics.format_spread(points[-1])}" for line, points in base.items()
    )
    lead = statistics.describe_lead(base["0"][-1], base["1"][-1], "masked", "full", higher_is_better=False)
    return (
        f"{choose_takeaway(base)} -log P of held-out base text, nats per token, "
        f"{statistics.describe_seeds(result['seeds'])}: {statistics.format_spread(base['0'][0])} in the base "
        f"model ({result['base_steps']} steps); after {result['settings']['steps']} steps of fine-tuning at "
        f"rate {result['settings']['lr']:g} {after} ({lead}{describe_peaks(result)}). "
        "This is one setting: other data or rates can order them otherwise."
    )


def describe_peaks(result):
    """A clause of the losses whose highest mean lies before the end; empty if there are none."""
    peaks = ""
    for line, points in result["base_nll"].items():
        i = max(range(len(points)), key=lambda i: statistics.average(points[i]))
        if i < len(points) - 1:
            spread = statistics.format_spread(points[i])
            peaks += f"; {tasks.LOSS_NAMES[line]} was highest at step {result['steps'][i]}, {spread}"
    return peaks


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
        return f"{takeaway}; at the end, masked and full do not clearly differ."
    less, more = ("masked", "full") if gap.mean < 0 else ("full", "masked")
    return f"{takeaway}; {less} loss leaves it more likely than {more}."


def draw(result):
    """Base text's NLL over fine-tuning steps; step 0 is the base model."""
    from . import plots  # matplotlib, only where something is drawn

    figure = plots.new_figure(6.6, 4.4)
    axes = figure.subplots()
    plots.label_panel(axes, "base text: -log P", "fine-tuning step (0: base model)", "nats per token")
    ends = plots.draw_lines(axes, result["steps"], result["base_nll"])
    axes.set_ylim(bottom=0)
    plots.label_all(figure, [(axes, ends)])
    return figure
