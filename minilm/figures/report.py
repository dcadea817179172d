"""The main job's numbers as plain text."""

from .. import data, figures, views
from . import guesses, identities, rates, statistics, tasks


def describe_mask():
    """The mask table of the course's question, and the identities behind it, measured."""
    tokenizer, row, _, _ = identities.seed_example()
    d = identities.decomposition()
    gap = abs(d["log_p_xy"] - (d["log_p_x"] + d["log_p_y_given_x"]))
    return f"""\
Which of {list(identities.TOKENS)} carries loss?

{data.mask_table(row, tokenizer)}

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


def format_comparison(result):
    """The table of a comparison: mean ± std over seeds, the paired differences, and the verdict."""
    rows, gaps = statistics.summarise_steps(result)
    lines = [*format_head(result), *(format_row(*row) for row in rows), ""]
    for step, match, response in gaps:
        lines.append(
            f"step {step}, masked - full: exact match {match.mean:+.3f} ({match.describe_wins()}), "
            f"-log P(y|x) {response.mean:+.3f} ({response.describe_wins()})"
        )
    lines.append(judge_losses(gaps[-1], result["rows"]["held_out"]))
    if result["entropy_floor"]:
        lines.append(
            f"No model's -log P(x) is below the prompts' entropy on average, which for these held-out "
            f"ones is {result['entropy_floor']:.3f}; a uniform guess has {result['uniform']:.3f}"
        )
    return "\n".join(lines)


def format_head(result):
    """What was trained on, and the table's head."""
    n_seeds, rows = len(result["seeds"]), result["rows"]
    seeds = f"{n_seeds} seeds, mean ± std" if n_seeds > 1 else "1 seed"
    prompt, response = result["targets_per_row"]
    start = "random weights, since there is no base model of this text"
    if result["base_steps"]:
        start = f"a base model of {result['base_steps']} steps on {rows['base']} texts"
    return [
        f"{rows['train']} rows to train on, {rows['held_out']} held out; "
        f"{result['parameters']:,} parameters; from {start}; {seeds}",
        f"a row has on average {prompt:.1f} prompt and {response:.1f} response targets",
        "",
        f"{'loss':<12}{'step':>5}   {'exact match':<16}{'-log P(y|x)':<16}{'-log P(x)':<16}nats per token",
    ]


def format_row(loss, step, *spreads):
    """One line of the table; a spread is (mean, std)."""
    cells = "".join(f"{statistics.join_spread(*spread):<16}" for spread in spreads)
    return f"{tasks.LOSS_NAMES[loss]:<12}{step:>5}   {cells}".rstrip()


def describe_rise(result):
    """From which step on held-out answers became less likely, loss by loss; "" if none did."""
    sentences = []
    for loss, runs in result["runs"].items():
        steps = range(len(runs[0]))
        means = [statistics.average(statistics.collect_entries(runs, i)[:, 1]) for i in steps]
        best = means.index(min(means))
        if best < len(means) - 1:
            rose = f"held-out -log P(y|x) rose from step {runs[0][best]['step']} on: fewer --steps suffice"
            sentences.append(f"{tasks.LOSS_NAMES[loss]}: {rose}")
    return "\n".join(sentences)


def quote_rates():
    """The line of the stored figure `rates`, each loss at its own best rate; without one, how to make it."""
    if not (figures.FIGURES / "rates.json").is_file():
        return "Each loss at its own best rate: `python -m minilm figures rates` sweeps them."
    line = rates.describe_best(figures.load_result("rates"))
    return f"{line} (figures/rates.json, made by `python -m minilm figures rates`)"


def judge_losses(gap, held_out):
    """Which loss left the more likely answers, or that the seeds do not tell.

    They tell when 0 lies outside the 95 % interval of the mean paired difference.
    """
    step, _, response = gap
    place = f"on answers, after {step} steps, on this split of {held_out} held-out rows"
    if response.seeds < 3:
        return f"Fewer than 3 seeds do not tell which loss is ahead {place}."
    if not response.is_clear():
        return f"Neither masked nor full is clearly ahead {place}: the seeds spread more."
    ahead = "Masked is ahead of full" if response.mean < 0 else "Full is ahead of masked"
    return f"{ahead} {place}, by {abs(response.mean):.3f} nats per token."


def describe_rows(task):
    """What of a user's rows is trained on: the supervised share, and the first row's mask."""
    unsupervised, supervised = data.count_targets(task.rows)
    targets = unsupervised + supervised
    head, *lines = data.mask_table(task.rows[0], task.tokenizer).split("\n")
    start = int(data.response_mask(task.rows[0].roles[1:]).argmax())  # the first response target's line
    excerpt = "\n".join([head, *lines[:2], "...", *lines[max(start - 3, 2) : start + 6], "..."])
    note = f"{task.note}\n" if task.note else ""
    return (
        f"masked loss: {supervised:,} of {targets:,} targets carry loss "
        f"({supervised / targets:.0%}); in the first row:\n\n{excerpt}\n{note}"
    )


def format_strip(result):
    """What base, masked and full model think of one held-out row: a line for every token."""
    strip = result["strip"]
    names = [name for name in tasks.MODEL_NAMES if name in strip["models"] and name != "0.1"]
    width = max(map(len, strip["tokens"])) + 2
    head = "".join(f"{tasks.MODEL_NAMES[name]:<24}" for name in names)
    lines = [f"{'':<{width}}{head}".rstrip()]
    for t, (token, is_answer) in enumerate(zip(strip["tokens"], strip["is_answer"], strict=True)):
        cells = "".join(f"{format_cell(strip['models'][name], t):<24}" for name in names)
        lines.append(f"{token:<{width}}{cells}{'<- answer' if is_answer else ''}".rstrip())
    return "\n".join(lines)


def format_cell(reading, t):
    """A bar and the probability of a token; and what was expected instead, where it was not expected."""
    prob, guess = reading["probs"][t], reading["guesses"][t]
    expected = f" {guess}" if prob < guesses.UNEXPECTED else ""
    return f"{'#' * round(5 * prob):.<5} {prob:.2f}{expected}"


def format_samples(result):
    """What the first seed's models write, greedily, after <bos> and some held-out prompts."""
    lines = ["Greedy samples (first seed):"]
    for k, (prompt, _) in enumerate(result["samples"]["0"]):
        lines.append(f"  after <bos> {views.escape(prompt.rstrip())}".rstrip())
        lines += [
            f"    {tasks.MODEL_NAMES[name]:<11} {pairs[k][1]!r}" for name, pairs in result["samples"].items()
        ]
    return "\n".join(lines)
