"""A figure's grid: one short run for every point and seed, collected into tables for JSON."""

from dataclasses import replace

from .. import data, losses, model
from . import processes, tasks

DIGITS = 6  # after the point of a stored number: far below what seeds differ by
QUICK_STEPS = 100


def choose_steps(steps, quick, usual=300):
    """Steps of a run: as asked for, or the figure's own number, fewer for a first look."""
    return steps or (QUICK_STEPS if quick else usual)


def set_steps(task, steps, **changes):
    """A task trained for so many steps and evaluated only at both ends, unless `changes` say else."""
    changes = {"steps": steps, "warmup": min(20, steps), "eval_every": steps, **changes}
    settings = replace(task.settings, **changes)
    return task._replace(settings=settings, prompts=[])


def train_to_end(task, prompt_weight, seed, steps, **changes):
    """Train once; what the evaluation says at the end."""
    _, ends = tasks.train_task(set_steps(task, steps, **changes), seed, [prompt_weight])
    return ends[prompt_weight][1][-1]


def measure_nll(params, config, rows, mask_of, batch_size=64):
    """Mean NLL over the targets that mask_of(roles) selects, in nats per token."""
    total = count = 0.0
    for start in range(0, len(rows), batch_size):
        batch = data.collate(rows[start : start + batch_size])
        logits, _ = model.forward(params, batch.ids, config)
        mask = mask_of(batch.roles)
        total -= losses.log_prob(losses.token_nll_forward(logits, batch.targets)[0], mask).sum()
        count += mask.sum()
    return float(total / count)


def run_points(function, points, seeds, steps, workers, report):
    """{(*point, seed): function(*point, seed, steps)} of tuples `points`, all of a seed before the next."""
    jobs = [(*point, seed, steps) for seed in seeds for point in points]
    outcomes = processes.run_all(function, jobs, workers, report)
    return {job[:-1]: outcome for job, outcome in outcomes.items()}


def tabulate(outcomes, line, places, seeds, measure):
    """[[a number for each seed] for each place] of what run_points gave for (*line, place, seed)."""
    return [[round_number(outcomes[(*line, place, seed)][measure]) for seed in seeds] for place in places]


def round_number(number):
    """As stored: JSON stays small, and nothing that is shown changes."""
    return round(float(number), DIGITS)


def describe_run(task, seeds, steps):
    """The head of every result: what was trained, and how."""
    settings = vars(replace(task.settings, steps=steps, warmup=min(20, steps)))
    return {"config": vars(task.config), "settings": dict(settings), "seeds": list(seeds)}
