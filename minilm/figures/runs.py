"""What the studies share: one short run, tables over seeds, and sentences as sure as the seeds."""

from dataclasses import replace

import numpy as np

from .. import data, losses, model
from . import processes, report
from . import tasks as experiments

DIGITS = 6  # after the point of a stored number: far below what seeds differ by
QUICK_STEPS = 100


def how_many(steps, quick, usual=300):
    """Steps of a run: as asked for, or the figure's own number, fewer for a first look."""
    return steps or (QUICK_STEPS if quick else usual)


def with_steps(task, steps, **changes):
    """A task trained for so many steps and evaluated only at both ends, without samples."""
    settings = replace(task.settings, steps=steps, warmup=min(20, steps), eval_every=steps, **changes)
    return task._replace(settings=settings, prompts=[])


def last(task, weight, seed, steps, **changes):
    """Train once; what the evaluation says at the end."""
    return experiments.run(with_steps(task, steps, **changes), weight, seed)["history"][-1]


def nll(params, config, rows, mask_of, batch_size=64):
    """Mean NLL over the targets that mask_of(roles) selects, in nats per token."""
    total = count = 0.0
    for start in range(0, len(rows), batch_size):
        batch = data.collate(rows[start : start + batch_size])
        logits, _ = model.forward(params, batch.ids, config)
        mask = mask_of(batch.roles)
        total -= losses.log_prob(losses.token_nll_forward(logits, batch.targets)[0], mask).sum()
        count += mask.sum()
    return float(total / count)


def run_all(function, cells, seeds, steps, workers, report):
    """{(*cell, seed): function(*cell, seed, steps)} of tuples `cells`, all of a seed before the next."""
    jobs = [(*cell, seed, steps) for seed in seeds for cell in cells]
    done = processes.run_all(function, jobs, workers, report)
    return {job[:-1]: outcome for job, outcome in done.items()}


def over_points(done, line, points, seeds, measure):
    """[[a number for each seed] for each point] of what run_all gave for (*line, point, seed)."""
    return [[rounded(done[(*line, point, seed)][measure]) for seed in seeds] for point in points]


def rounded(number):
    """As stored: JSON stays small, and nothing that is shown changes."""
    return round(float(number), DIGITS)


def mean(numbers):
    """Mean over seeds."""
    return float(np.mean(numbers))


def spread(numbers, digits=3):
    """ "0.801 +- 0.093" of a list over seeds."""
    return experiments.plus_minus(*experiments.mean_std(np.array(numbers)), digits)


def difference(a, b, higher_is_better=True):
    """The experiments.Gap of a - b, paired by seed."""
    gaps = np.array(a) - np.array(b)
    return experiments.gap(gaps, gaps > 0 if higher_is_better else gaps < 0)


def who_is_ahead(a, b, name_a, name_b, higher_is_better=True):
    """One clause: which of two lists over seeds is better, or that the seeds do not tell.

    They tell when 0 lies outside the 95 % interval of the mean difference, paired by seed.
    """
    gap = difference(a, b, higher_is_better)
    if gap.seeds < 3:
        return f"{name_a} - {name_b} {gap.mean:+.3f}, too few seeds to tell"
    if not report.is_clear(gap):
        return f"{name_a} and {name_b} are not clearly apart: {gap.mean:+.3f}, {gap.wins()}"
    if (gap.mean > 0) == higher_is_better:
        return f"{name_a} is ahead of {name_b} by {abs(gap.mean):.3f}, {gap.wins()}"
    gap = difference(b, a, higher_is_better)
    return f"{name_b} is ahead of {name_a} by {abs(gap.mean):.3f}, {gap.wins()}"


def over_seeds(seeds):
    """How the numbers of a caption are made."""
    return f"mean +- std over {len(seeds)} seeds" if len(seeds) > 1 else "one seed"


def stored(task, seeds, steps, **rest):
    """The head of every result: what was trained, and how."""
    settings = vars(replace(task.settings, steps=steps, warmup=min(20, steps)))
    return {"config": vars(task.config), "settings": dict(settings), "seeds": list(seeds), **rest}
