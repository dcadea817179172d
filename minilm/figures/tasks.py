"""Trained comparisons: the same model, seeds and batches under masked, in-between and full loss.

Everything here returns plain dicts that go to JSON; the figures only read those.
"""

import functools
import math
from dataclasses import asdict, replace
from typing import NamedTuple

import numpy as np

from .. import chat, corpora, data, files, generate, model, template, tokenizer, train, tree
from . import processes

WEIGHTS = (0.0, 0.1, 1.0)  # prompt-loss weights: masked, in between, full
LOSS_NAMES = {"0": "masked", "0.1": "weight 0.1", "1": "full"}  # the same, as JSON's keys
MAX_TOKENS = 1024  # of a row in --data


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

    A conversation's prompt is what stands before its first answer; without `max_tokens` it is
    cut as template.limit says. In a file with both forms of rows, all are conversations.
    Raises ValueError for rows that cannot be used, or a single prompt.
    """
    tokenizer, prompts, encoded = encode_file(path, level, max_tokens)
    check_lengths(encoded)
    is_held_out = choose_held_out(path, prompts, held_out_share)
    rows = [row for row, out in zip(encoded, is_held_out, strict=True) if not out]
    held_out = [row for row, out in zip(encoded, is_held_out, strict=True) if out]
    longest = max(len(row.tokens) for row in encoded)
    config = model.Config(len(tokenizer.vocab), n_positions=longest, n_layer=2, n_head=4, n_embd=64)
    settings = train.Settings(steps=steps, batch_size=16, warmup=min(20, steps), lr=lr)
    sampled = [prompt for prompt, out in zip(prompts, is_held_out, strict=True) if out][:3]
    return Task("data", config, settings, tokenizer, rows, held_out, sampled, None)


def encode_file(path, level, max_tokens):
    """(tokenizer, prompts, Rows) of a file of rows; a prompt is a text or a conversation's opening."""
    examples = files.rows.read(path)
    tokenizer = template.fit_tokenizer(examples, level)
    examples = [template.fit(example, tokenizer) for example in examples]
    try:
        encoded = data.encode_all(examples, tokenizer, template.limit(tokenizer, max_tokens))
    except ValueError as error:
        raise ValueError(f"{path}, {error}") from None
    return tokenizer, [chat.opening(example) for example in examples], encoded


def choose_held_out(path, prompts, share):
    """For every row whether it is held out: about `share` of the different prompts, by their hash."""
    hashes = [data.prompt_hash(chat.text(prompt)) for prompt in prompts]
    different = sorted(set(hashes))
    if len(different) < 2:
        raise ValueError(f"{path} has a single prompt, so none can be held out: add other rows")
    first_trained = different[max(1, round(share * len(different)))]
    return [prompt_hash < first_trained for prompt_hash in hashes]


def check_lengths(rows):
    """Raise ValueError for a row whose attention would need gigabytes: memory grows with T^2."""
    number = max(range(len(rows)), key=lambda i: len(rows[i].tokens))
    if len(rows[number].tokens) > MAX_TOKENS:
        raise ValueError(
            f"row {number} (from 0) has {len(rows[number].tokens)} tokens, more than the {MAX_TOKENS} that "
            f"fit: cut rows with --max-tokens {MAX_TOKENS}, or split them"
        )


def train_task(task, prompt_weight, seed):
    """Train once. Returns {"history": [...], "samples": [[prompt, greedy answer], ...]}."""
    settings = replace(task.settings, prompt_weight=prompt_weight, seed=seed)
    params = model.init(task.config, np.random.default_rng(seed))
    params, history = train.train(params, task.config, task.rows, task.held_out, settings)
    samples = []
    for prompt in task.prompts:
        shown = task.tokenizer.decode(template.prompt_ids(prompt, task.tokenizer)[1:])
        samples.append([shown, write_answer(params, task.config, task.tokenizer, prompt)])
    return {"history": history, "samples": samples}


def write_answer(params, config, tokenizer, prompt, max_new_tokens=40, **how):
    """What a model writes after <bos> and `prompt`, as text that shows where it stopped.

    `prompt` is a text, or the messages of a conversation, which <assistant> ends. `how` goes to
    generate.generate.
    """
    ids = template.prompt_ids(prompt, tokenizer)
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
