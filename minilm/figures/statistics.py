"""Numbers over seeds: mean and spread, differences paired by seed, and how sure a sentence may be."""

import math
from typing import NamedTuple

import numpy as np

# 97.5 % quantiles of Student's t for 3, 4, ... 10 seeds: with few of them, twice is not enough.
STUDENT = dict(zip(range(3, 11), (4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26), strict=True))


class Gap(NamedTuple):
    """a - b within each seed: mean and sample standard deviation, and in how many seeds a is better."""

    mean: float
    std: float
    better: int
    tied: int
    seeds: int

    def describe_wins(self):
        """ "better in 9 of 10", with the ties, if there are any."""
        tied = f", tied in {self.tied}" if self.tied else ""
        return f"better in {self.better} of {self.seeds}{tied}"

    def is_clear(self):
        """Whether 0 lies outside the 95 % interval of the mean (Student's t); never below 3 seeds."""
        if self.seeds < 3:
            return False
        return abs(self.mean) > STUDENT[min(self.seeds, 10)] * self.std / math.sqrt(self.seeds)

    def is_clearly_above(self):
        """Whether a is clearly larger than b."""
        return self.mean > 0 and self.is_clear()

    def is_clearly_below(self):
        """Whether a is clearly smaller than b."""
        return self.mean < 0 and self.is_clear()


def pair_by_seed(a, b, higher_is_better=True):
    """The Gap of a - b; both hold one number a seed, in the same order."""
    differences = np.array(a) - np.array(b)
    better = differences > 0 if higher_is_better else differences < 0
    tied = differences == 0
    return Gap(*measure_spread(differences), int(better.sum()), int(tied.sum()), len(differences))


def average(numbers):
    """Mean over seeds."""
    return float(np.mean(numbers))


def measure_spread(numbers):
    """(mean, sample standard deviation); the latter is NaN for a single number, which has none."""
    numbers = np.asarray(numbers)
    return float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else math.nan


def format_spread(numbers, digits=3):
    """ "0.801 ± 0.093" of a list over seeds; the mean alone for a single seed."""
    return join_spread(*measure_spread(numbers), digits)


def join_spread(mean, std, digits=3):
    """ "0.801 ± 0.093", or the mean alone where there is no spread."""
    if math.isnan(std):
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ± {std:.{digits}f}"


def describe_seeds(seeds):
    """How the numbers of a caption are made: "mean ± std over 10 seeds"."""
    return f"mean ± std over {len(seeds)} seeds" if len(seeds) > 1 else "one seed"


def describe_lead(a, b, name_a, name_b, higher_is_better=True):
    """One clause: which of two lists over seeds is better, or that the seeds do not tell.

    They tell when 0 lies outside the 95 % interval of the mean difference, paired by seed.
    """
    gap = pair_by_seed(a, b, higher_is_better)
    if gap.seeds < 3:
        return f"{name_a} - {name_b} {gap.mean:+.3f}, too few seeds to tell"
    if not gap.is_clear():
        return f"{name_a} and {name_b} are not clearly apart: {gap.mean:+.3f}, {gap.describe_wins()}"
    if (gap.mean > 0) == higher_is_better:
        return f"{name_a} is ahead of {name_b} by {abs(gap.mean):.3f}, {gap.describe_wins()}"
    gap = pair_by_seed(b, a, higher_is_better)
    return f"{name_b} is ahead of {name_a} by {abs(gap.mean):.3f}, {gap.describe_wins()}"


def summarise_steps(result):
    """Spreads at every 100 steps and at the end of a tasks.compare result, and paired differences.

    Returns (rows, gaps). A row is loss, step, then (mean, std) of exact match, response NLL and
    prompt NLL; a gap is step, then the Gap masked - full in exact match and that in response NLL.
    """
    steps = [entry["step"] for entry in result["runs"]["0"][0]]
    rows, gaps = [], []
    for i, step in enumerate(steps):
        if step and (step % 100 == 0 or step == steps[-1]):
            tables = {loss: collect_entries(runs, i) for loss, runs in result["runs"].items()}
            for loss, table in tables.items():
                rows.append((loss, step, *(measure_spread(column) for column in table.T)))
            masked, full = tables["0"].T, tables["1"].T
            match = pair_by_seed(masked[0], full[0])
            gaps.append((step, match, pair_by_seed(masked[1], full[1], higher_is_better=False)))
    return rows, gaps


def collect_entries(runs, i):
    """(seeds, 3): exact match, response NLL, prompt NLL of every seed's i-th history entry."""
    keys = ("exact_match", "response_nll", "prompt_nll")
    return np.array([[history[i][key] for key in keys] for history in runs])
