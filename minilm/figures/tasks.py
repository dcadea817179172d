"""Trained comparisons: the same model, seeds and batches under masked, in-between and full loss.

Everything here returns plain dicts that go to JSON; the figures only read those.
"""

import functools
import math
from dataclasses import asdict, replace
from typing import NamedTuple

import numpy as np

from .. import chat, corpora, data, files, generate, model, tokenizer, train, tree
from . import processes

WEIGHTS = (0.0, 0.1, 1.0)  # prompt-loss weights: masked, in between, full
LOSS_NAMES = {"0": "masked", "0.1": "weight 0.1", "1": "full"}  # the same, as JSON's keys


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


def make_zoo_task(steps=300):
    """The main experiment: a 1-layer model of 32 channels on the zoo corpus."""
    zoo = corpora.zoo()
    rows, held_out = (data.encode_all(part, zoo.tokenizer) for part in (zoo.train, zoo.held_out))
    config = model.Config(len(zoo.tokenizer.vocab), n_positions=24, n_layer=1, n_head=4, n_embd=32)
    settings = train.Settings(steps=steps, warmup=min(20, steps))
    prompts = ["", zoo.held_out[0].prompt]
    return Task("zoo", config, settings, zoo.tokenizer, rows, held_out, prompts, zoo.prompt_entropy)


def make_rows_task(path, level="char", steps=300, max_tokens=None, held_out_share=0.15, lr=3e-3):
    """A user's own rows, split by prompt so that repeated ones do not leak.

    A conversation's prompt is what stands before its first answer. files.rows.load says how rows are
    cut or left out; the task's note tells it. Raises ValueError as load does, and for a single prompt.
    """
    tokenizer, encoded, report = files.rows.load(path, level, max_tokens=max_tokens)
    prompts = [chat.find_prompt(example) for example in report.examples]
    is_held_out = choose_held_out(path, prompts, held_out_share)
    rows = [row for row, out in zip(encoded, is_held_out, strict=True) if not out]
    held_out = [row for row, out in zip(encoded, is_held_out, strict=True) if out]
    longest = max(len(row.tokens) for row in encoded)
    config = model.Config(len(tokenizer.vocab), n_positions=longest, n_layer=2, n_head=4, n_embd=64)
    settings = train.Settings(steps=steps, batch_size=16, warmup=min(20, steps), lr=lr)
    sampled = [prompt for prompt, out in zip(prompts, is_held_out, strict=True) if out][:3]
    note = files.rows.describe(report)
    return Task("data", config, settings, tokenizer, rows, held_out, sampled, None, note)


def choose_held_out(path, prompts, share):
    """For every row whether it is held out: about `share` of the different prompts, by their hash, but
    one or more, and not all."""
    if not 0 < share < 1:
        raise ValueError(f"the held-out share is {share}: it must lie between 0 and 1")
    hashes = [data.prompt_hash(chat.write_prompt(prompt)) for prompt in prompts]
    different = sorted(set(hashes))
    if len(different) < 2:
        raise ValueError(
            f"{path} has a single prompt left to train on, so none can be held out: add other rows"
        )
    first_trained = different[min(max(1, round(share * len(different))), len(different) - 1)]
    return [prompt_hash < first_trained for prompt_hash in hashes]


def train_task(task, prompt_weight, seed):
    """Train once. Returns {"history": [...], "samples": [[prompt, greedy answer], ...]}."""
    processes.keep_freed_memory()
    settings = replace(task.settings, prompt_weight=prompt_weight, seed=seed)
    params = model.init(task.config, np.random.default_rng(seed))
    params, history = train.train(params, task.config, task.rows, task.held_out, settings)
    samples = []
    for prompt in task.prompts:
        shown = task.tokenizer.decode(chat.prompt_ids(prompt, task.tokenizer)[1:])
        samples.append([shown, write_answer(params, task.config, task.tokenizer, prompt)])
    return {"history": history, "samples": samples}


def write_answer(params, config, tokenizer, prompt, max_new_tokens=40, **how):
    """What a model writes after <bos> and `prompt`, as text that shows where it stopped.

    `prompt` is a text, or the messages of a conversation, which <assistant> ends. `how` goes to
    generate.generate.
    """
    ids = chat.prompt_ids(prompt, tokenizer)
    return tokenizer.decode(generate.generate(params, config, ids, max_new_tokens, **how))


def compare(task, seeds, workers=0, report=None):
    """Train with every prompt weight of WEIGHTS and every seed; a result dict for JSON.

    With `workers` the runs go side by side in that many fresh processes of one BLAS thread each;
    without, one after the other in this one. The numbers are the same to the bit if this process
    has one BLAS thread, too (OPENBLAS_NUM_THREADS=1), and else differ by rounding, which training
    amplifies. `report(done, total)` is called after each run.
    """
    jobs = [(weight, seed) for seed in seeds for weight in WEIGHTS]
    runs = processes.run_all(functools.partial(train_task, task), jobs, workers, report)
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
        "runs": {f"{weight:g}": [runs[weight, seed]["history"] for seed in seeds] for weight in WEIGHTS},
        "samples": {f"{weight:g}": runs[weight, seeds[0]]["samples"] for weight in WEIGHTS},
    }
