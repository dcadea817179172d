"""Trained comparisons: the same model, seeds and batches under masked, in-between and full loss.

Everything here returns plain dicts that go to JSON; plots.py only reads those.
"""

import functools
import json
import math
import platform
from dataclasses import asdict
from typing import NamedTuple

import numpy as np

from .. import chat, corpora, data, files, generate, model, tokenizer, train, tree
from . import processes

WEIGHTS = (0.0, 0.1, 1.0)  # prompt-loss weights: masked, in between, full


class Task(NamedTuple):
    """Something to train on: rows, model, settings, and prompts to show samples for.

    floor: -log P(x) that no model can go below, nats per token, or None where it is unknown.
    """

    name: str
    config: model.Config
    settings: train.Settings
    tokenizer: tokenizer.Tokenizer
    rows: list
    held_out: list
    prompts: list
    floor: float | None
    note: str = ""  # what of a file was cut or left out


def zoo_task(steps=300):
    """The main experiment: a 1-layer model of 32 channels on the zoo corpus."""
    zoo = corpora.zoo()
    rows, held_out = (data.encode_all(part, zoo.tokenizer) for part in (zoo.train, zoo.held_out))
    config = model.Config(len(zoo.tokenizer.vocab), n_positions=24, n_layer=1, n_head=4, n_embd=32)
    settings = train.Settings(steps=steps, warmup=min(20, steps))
    prompts = ["", zoo.held_out[0].prompt]
    return Task("zoo", config, settings, zoo.tokenizer, rows, held_out, prompts, zoo.prompt_entropy)


def jsonl_task(path, level="char", steps=300, max_tokens=None, held_out_share=0.15, lr=3e-3):
    """A user's own rows, split by prompt so that repeated ones do not leak.

    A conversation's prompt is what stands before its first answer. files.rows.load says how rows are
    cut or left out; the task's note tells it. Raises ValueError as load does, and for a single prompt.
    """
    tokenizer, encoded, report = files.rows.load(path, level, max_tokens=max_tokens)
    prompts = [chat.find_prompt(example) for example in report.examples]
    hashes = [data.prompt_hash(chat.write_prompt(prompt)) for prompt in prompts]
    different = sorted(set(hashes))
    if len(different) < 2:
        raise ValueError(
            f"{path} has a single prompt left to train on, so none can be held out: add other rows"
        )
    first_kept = different[max(1, round(held_out_share * len(different)))]
    rows = [row for row, h in zip(encoded, hashes, strict=True) if h >= first_kept]
    held_out = [row for row, h in zip(encoded, hashes, strict=True) if h < first_kept]
    longest = max(len(row.tokens) for row in encoded)
    config = model.Config(len(tokenizer.vocab), n_positions=longest, n_layer=2, n_head=4, n_embd=64)
    settings = train.Settings(steps=steps, batch_size=16, warmup=min(20, steps), lr=lr)
    shown = [p for p, h in zip(prompts, hashes, strict=True) if h < first_kept][:3]
    note = files.rows.describe(report)
    return Task("data", config, settings, tokenizer, rows, held_out, shown, None, note)


def run(task, prompt_weight, seed):
    """Train once. Returns {"history": [...], "samples": [[prompt, greedy answer], ...]}."""
    settings = train.Settings(**{**asdict(task.settings), "prompt_weight": prompt_weight, "seed": seed})
    params = model.init(task.config, np.random.default_rng(seed))
    params, history = train.train(params, task.config, task.rows, task.held_out, settings)
    samples = [
        [
            task.tokenizer.decode(chat.prompt_ids(p, task.tokenizer)[1:]),
            answer(params, task.config, task.tokenizer, p),
        ]
        for p in task.prompts
    ]
    return {"history": history, "samples": samples}


def answer(params, config, words, prompt, max_new_tokens=40, **how):
    """What a model writes after <bos> and `prompt`, a text or the messages of a conversation, which
    <assistant> ends; as text that shows where it stopped."""
    ids = chat.prompt_ids(prompt, words)
    return words.decode(generate.generate(params, config, ids, max_new_tokens, **how))


def compare(task, seeds, workers=0, report=None):
    """Train with every prompt weight of WEIGHTS and every seed; a result dict for JSON.

    With `workers` the runs go side by side in that many fresh processes of one BLAS thread each;
    without, one after the other in this one. The numbers are the same to the bit if this process
    has one BLAS thread, too (OPENBLAS_NUM_THREADS=1), and else differ by rounding, which training
    amplifies. `report(done, total)` is called after each run.
    """
    jobs = [(weight, seed) for seed in seeds for weight in WEIGHTS]
    done = processes.run_all(functools.partial(run, task), jobs, workers, report)
    return {
        "task": task.name,
        "config": asdict(task.config),
        "settings": asdict(task.settings),
        "rows": {"train": len(task.rows), "held_out": len(task.held_out)},
        "targets_per_row": [n / len(task.rows) for n in data.count_targets(task.rows)],
        "parameters": tree.count(model.init(task.config, np.random.default_rng(0))),
        "seeds": list(seeds),
        "entropy_floor": task.floor,
        "uniform": math.log(task.config.vocab_size),
        "runs": {f"{w:g}": [done[w, seed]["history"] for seed in seeds] for w in WEIGHTS},
        "samples": {f"{w:g}": done[w, seeds[0]]["samples"] for w in WEIGHTS},
    }


class Gap(NamedTuple):
    """Masked - full within each seed: mean and sample standard deviation, and who was better."""

    mean: float
    std: float
    better: int
    tied: int
    seeds: int

    def wins(self):
        """In how many seeds masked is better, as text."""
        tied = f", tied in {self.tied}" if self.tied else ""
        return f"better in {self.better} of {self.seeds}{tied}"


def summary(result):
    """Mean and standard deviation (ddof 1) over seeds at every 100 steps, and paired differences.

    Returns (rows, gaps). A row is weight, step, then (mean, std) of exact match, response NLL and
    prompt NLL; a gap is step, then the Gap in exact match and that in response NLL.
    """
    steps = [entry["step"] for entry in result["runs"]["0"][0]]
    rows, gaps = [], []
    for i, step in enumerate(steps):
        if step and (step % 100 == 0 or step == steps[-1]):
            table = {weight: values(runs, i) for weight, runs in result["runs"].items()}
            for weight, numbers in table.items():
                rows.append((weight, step, *(mean_std(column) for column in numbers.T)))
            match, response = (table["0"] - table["1"]).T[:2]
            gaps.append((step, gap(match, match > 0), gap(response, response < 0)))
    return rows, gaps


def gap(differences, better):
    """The Gap of one number's paired differences."""
    return Gap(*mean_std(differences), int(better.sum()), int((differences == 0).sum()), len(differences))


def mean_std(numbers):
    """Mean and sample standard deviation, NaN for a single number, which has none."""
    return float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else math.nan


def plus_minus(mean, std, digits=3):
    """ "0.801 +- 0.093", or the mean alone where there is no spread."""
    return f"{mean:.{digits}f}" if math.isnan(std) else f"{mean:.{digits}f} +- {std:.{digits}f}"


def values(runs, i):
    """(seeds, 3): exact match, response NLL, prompt NLL of every seed's i-th history entry."""
    keys = ("exact_match", "response_nll", "prompt_nll")
    return np.array([[history[i][key] for key in keys] for history in runs])


def versions():
    """What the numbers were made with."""
    return {"python": platform.python_version(), "numpy": np.__version__}


def write_json(path, result):
    """Write a result dict with its versions; the file changes only when all of it is written."""
    text = json.dumps({**result, "versions": versions()}, indent=1) + "\n"
    with files.atomic.replace_file(path) as file:
        file.write(text.encode("utf-8"))


def read_json(path):
    """Read a result dict back. Raises ValueError naming the file if it holds other things."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}): make it anew, or restore a copy") from None
