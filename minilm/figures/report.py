"""The main job's numbers as plain text."""

import math

from .. import data
from . import identities as anatomy
from . import tasks as experiments

NAMES = {"0": "masked", "0.1": "weight 0.1", "1": "full"}
# 97.5 % quantiles of Student's t for 3, 4, ... 10 seeds: with few of them, twice is not enough.
STUDENT = dict(zip(range(3, 11), (4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26), strict=True))


def mask_and_decomposition():
    """The mask table of the course's question, and the identities behind it, measured."""
    words, row, _, _ = anatomy.seed_example()
    d = anatomy.decomposition()
    gap = abs(d["log_p_xy"] - (d["log_p_x"] + d["log_p_y_given_x"]))
    return f"""\
Which of {list(anatomy.TOKENS)} carries loss?

{data.mask_table(row, words)}

Only the row that reads 'Assistant:' and predicts '4'. (<bos> stands in front so that 'User:' is
predicted, too; in training an <eos> follows the answer, with weight 1: it teaches to stop.)

What the mask leaves, in a random float64 model with {d["parameters"]:,} parameters:

  log P(x, y)                {d["log_p_xy"]:10.6f}
  log P(x) + log P(y|x)      {d["log_p_x"] + d["log_p_y_given_x"]:10.6f}   = {d["log_p_x"]:.6f} + \
({d["log_p_y_given_x"]:.6f}), apart by {gap:.0e}
  g_full against g_x + g_y                                    relative error {d["sum_error"]:.0e}
  masked gradient against finite differences of -log P(y|x)   relative error {d["masked_vs_numeric"]:.0e}
  other targets on the prompt: the masked gradient changes by {d["masked_change"]}, the full one by \
{d["full_change"]:.1f}
"""


def comparison(result):
    """The table of a comparison: mean +- std over seeds, and the paired differences."""
    rows, gaps = experiments.summary(result)
    seeds = len(result["seeds"])
    lines = [
        f"{result['rows']['train']} rows to train on, {result['rows']['held_out']} held out; "
        f"{result['parameters']:,} parameters; " + (f"{seeds} seeds, mean +- std" if seeds > 1 else "1 seed"),
        "a row has on average {:.1f} prompt and {:.1f} response targets".format(*result["targets_per_row"]),
        "",
        f"{'loss':<12}{'step':>5}   {'exact match':<17}{'-log P(y|x)':<17}{'-log P(x)':<17}nats per token",
    ]
    for weight, step, *numbers in rows:
        cells = "".join(f"{experiments.plus_minus(*pair):<17}" for pair in numbers)
        lines.append(f"{NAMES[weight]:<12}{step:>5}   {cells}".rstrip())
    lines.append("")
    for step, match, response in gaps:
        lines.append(
            f"step {step}, masked - full: exact match {match.mean:+.3f} ({match.wins()}), "
            f"-log P(y|x) {response.mean:+.3f} ({response.wins()})"
        )
    lines.append(verdict(gaps[-1], result["rows"]["held_out"]))
    if result["entropy_floor"]:
        lines.append(
            f"No model's -log P(x) is below the prompts' entropy on average, which for these held-out "
            f"ones is {result['entropy_floor']:.3f}; a uniform guess has {result['uniform']:.3f}"
        )
    return "\n".join(lines)


def verdict(gap, held_out):
    """Which loss left the more likely answers, or that the seeds do not tell.

    They tell when 0 lies outside the 95 % interval of the mean paired difference.
    """
    step, _, response = gap
    place = f"on answers, after {step} steps, on this split of {held_out} held-out rows"
    if response.seeds < 3:
        return f"Fewer than 3 seeds do not tell which loss is ahead {place}."
    if not is_clear(response):
        return f"Neither masked nor full is clearly ahead {place}: the seeds spread more."
    ahead = "Masked is ahead of full" if response.mean < 0 else "Full is ahead of masked"
    return f"{ahead} {place}, by {abs(response.mean):.3f} nats per token."


def is_clear(gap):
    """Whether 0 lies outside the 95 % interval of a Gap's mean (Student's t); never below 3 seeds."""
    if gap.seeds < 3:
        return False
    return abs(gap.mean) > STUDENT[min(gap.seeds, 10)] * gap.std / math.sqrt(gap.seeds)


def overview(task):
    """What of a user's rows is trained on: the supervised share, and the first row's mask."""
    unsupervised, supervised = data.count_targets(task.rows)
    targets = unsupervised + supervised
    head, *lines = data.mask_table(task.rows[0], task.tokenizer).split("\n")
    start = int(data.response_mask(task.rows[0].roles[1:]).argmax())  # the first response target's line
    shown = [head, *lines[:2], "...", *lines[max(start - 3, 2) : start + 6], "..."]
    note = f"{task.note}\n" if task.note else ""
    return (
        f"masked loss: {supervised:,} of {targets:,} targets carry loss "
        f"({supervised / targets:.0%}); in the first row:\n\n" + "\n".join(shown) + f"\n{note}"
    )


def samples(result):
    """What the first seed's models write, greedily, after <bos> and some held-out prompts."""
    lines = ["Greedy samples (first seed):"]
    for k, (prompt, _) in enumerate(result["samples"]["0"]):
        lines.append(f"  after <bos> {prompt}".rstrip())
        lines += [f"    {NAMES[w]:<11} {pairs[k][1]!r}" for w, pairs in result["samples"].items()]
    return "\n".join(lines)
