"""Figure 5: fine-tuning a model that already knows some text: what each loss does to what it knew."""

import numpy as np

from .. import data, model, train
from . import report, runs, worlds

STEPS = 300
BASE_STEPS = 5 / 3  # times as many
RATE = 1e-3
EVALUATIONS = 6
LINES = ("0", "0.1", "1")
MEASURES = ("exact_match", "prompt_nll", "base_nll")
ALT = (
    "Three line charts over fine-tuning steps that start at the same base model, one line a loss with a band "
    "over seeds: held-out exact match, negative log-likelihood of the prompts, and of the base text."
)


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Histories of three fine-tunings of each seed's base model."""
    steps = runs.how_many(steps, quick, STEPS)
    done = runs.run_all(one, [()], seeds, steps, workers, report)
    base, tuned = worlds.fine_tuning()
    first = done[(seeds[0],)]["0"]
    tables = {
        key: {
            line: [[runs.rounded(done[(seed,)][line][i][key]) for seed in seeds] for i in range(len(first))]
            for line in LINES
        }
        for key in MEASURES
    }
    return {
        **runs.stored(tuned._replace(settings=tuning(0.0, 0, steps)), seeds, steps),
        "base_steps": round(BASE_STEPS * steps),
        "names": list(worlds.TUNED_NAMES),
        "rows": {"base": len(base.rows), "tuned": len(tuned.rows), "held_out": len(tuned.held_out)},
        "steps": [entry["step"] for entry in first],
        **tables,
    }


def tuning(weight, seed, steps):
    """How the base model is fine-tuned."""
    every = max(1, steps // EVALUATIONS)
    return train.Settings(
        prompt_weight=weight, steps=steps, warmup=min(20, steps), lr=RATE, eval_every=every, seed=seed
    )


def one(seed, steps):
    """{loss: history} of three fine-tunings that start from one base model."""
    base, tuned = worlds.fine_tuning()
    start = runs.with_steps(base, round(BASE_STEPS * steps), seed=seed).settings
    params = model.init(tuned.config, np.random.default_rng(seed))
    params, _ = train.train(params, tuned.config, base.rows, tuned.held_out[:1], start)
    histories = {}

    def add_base(entry, params):
        everything = runs.nll(params, tuned.config, base.held_out, lambda roles: data.loss_mask(roles, 1.0))
        entry["base_nll"] = everything

    for line in LINES:
        settings = tuning(float(line), seed, steps)
        _, histories[line] = train.train(params, tuned.config, tuned.rows, tuned.held_out, settings, add_base)
    return histories


def caption(result):
    """Before and after, for each loss; which forgets more base text, if the seeds tell."""

    def part(key):
        lines = result[key]
        after = ", ".join(f"{report.NAMES[line]} {runs.spread(lines[line][-1])}" for line in lines)
        return f"from {runs.spread(lines['0'][0])} to {after}"

    base = result["base_nll"]
    order = runs.who_is_ahead(base["0"][-1], base["1"][-1], "masked", "full", higher_is_better=False)
    return (
        f"A base model ({result['base_steps']} steps of text) after {result['settings']['steps']} steps "
        f"of fine-tuning on {len(result['names'])} of 16 names, {runs.over_seeds(result['seeds'])}: "
        f"exact match {part('exact_match')}; -log P(SFT prompts) {part('prompt_nll')}; "
        f"-log P(base text) {part('base_nll')} nats per token. On base text, {order}. "
        "This is one setting: other data or rates can order them otherwise."
    )


def draw(result):
    """Three measures over fine-tuning steps; step 0 is the base model."""
    from . import (
        drawing,
        plots,  # matplotlib, only where something is drawn
    )

    figure = plots.new_figure(12, 4.4)
    titles = ("held-out exact match", "prompts: -log P(x)", "base text: -log P")
    units = ("share of rows", "nats per token", "nats per token")
    ends = []
    for axes, key, title, unit in zip(figure.subplots(1, 3), MEASURES, titles, units, strict=True):
        drawing.panel(axes, title, "fine-tuning step (0: base model)", unit)
        ends.append((axes, drawing.lines(axes, result["steps"], result[key])))
        axes.set_ylim(0, 1.04 if key == "exact_match" else None)
    drawing.label_all(figure, ends)
    return figure
