"""Trained comparisons: the same model, seeds and batches under masked, in-between and full loss.

Everything here returns plain dicts that go to JSON; the figures only read those.
"""

import functools
import math
from dataclasses import asdict, replace
from typing import NamedTuple

import numpy as np

from .. import chat, corpora, data, files, generate, model, tokenizer, train, tree
from ..tokenizer import BOS_ID, EOS_ID
from . import guesses, processes

WEIGHTS = (0.0, 0.1, 1.0)  # prompt-loss weights: masked, in between, full
LOSS_NAMES = {"0": "masked", "0.1": "weight 0.1", "1": "full"}  # the same, as JSON's keys
MODEL_NAMES = {"base": "base", **LOSS_NAMES}
BASE_STEPS, SCRATCH_RATE = 500, 4e-3  # from random weights
TUNING_STEPS, TUNING_RATE, EVAL_EVERY = 200, 2e-3, 25  # see make_zoo_task

PASSES = 6  # over a user's rows


class Task(NamedTuple):
    """Something to train on: rows, model, settings, and prompts to show samples for.

    floor: -log P(x) that no model can go below, nats per token, or None where it is unknown. base: the
    Rows of plain text on which a base model is pre-trained first; without them, weights start at random.
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
    base: list | None = None
    base_steps: int = 0


def make_zoo_task(steps=TUNING_STEPS):
    """The main experiment: a base model of the zoo's plain text is fine-tuned on its questions.

    The rate was chosen by a rule that knows no order of losses: the lowest of those that figures/rates.py
    sweeps at which every loss answers 9 of 10 held-out rows after 200 steps, so that way and end are seen.
    With fewer steps, for a quick look, the base model is trained for fewer, too.
    """
    zoo = corpora.zoo()
    rows, held_out = (data.encode_all(part, zoo.tokenizer) for part in (zoo.train, zoo.held_out))
    base = [encode_text(text, zoo.tokenizer) for text in zoo.texts]
    config = model.Config(len(zoo.tokenizer.vocab), n_positions=24, n_layer=1, n_head=4, n_embd=32)
    settings = train.Settings(steps=steps, lr=TUNING_RATE, warmup=min(20, steps), eval_every=EVAL_EVERY)
    prompts, floor = ["", zoo.held_out[0].prompt], zoo.prompt_entropy
    base_steps = min(BASE_STEPS, 1 + BASE_STEPS * steps // TUNING_STEPS)
    task = Task("zoo", config, settings, zoo.tokenizer, rows, held_out, prompts, floor)
    return task._replace(base=base, base_steps=base_steps)


def make_scratch_task(steps=300):
    """The zoo's questions, learned from random weights."""
    task = make_zoo_task()
    settings = train.Settings(steps=steps, lr=SCRATCH_RATE, warmup=min(20, steps))
    return task._replace(name="zoo from scratch", settings=settings, base=None, base_steps=0)


def encode_text(text, tokenizer):
    """A Row of text without a prompt: <bos>, tokens, <eos>, each a target that counts."""
    ids = tokenizer.encode(text)
    tokens = np.concatenate([[BOS_ID], ids, [EOS_ID]])
    return data.Row(tokens, np.array([data.BOS, *[data.RESPONSE] * len(ids), data.EOS]))


def make_rows_task(path, level="char", steps=None, max_tokens=None, held_out_share=0.15, lr=3e-3):
    """A user's own rows, split by prompt so that repeated ones do not leak, from random weights.

    Without `steps`, training makes PASSES over the rows, but at most 300 steps: more of them only learn
    few rows by heart. chat.find_prompt says where a conversation's prompt ends, files.rows.load
    how rows are cut or left out; the task's note tells it. Raises ValueError as load does, and for a
    single prompt.
    """
    tokenizer, encoded, report = files.rows.load(path, level, max_tokens=max_tokens)
    prompts = [chat.find_prompt(example) for example in report.examples]
    is_held_out = choose_held_out(path, prompts, held_out_share)
    rows = [row for row, out in zip(encoded, is_held_out, strict=True) if not out]
    held_out = [row for row, out in zip(encoded, is_held_out, strict=True) if out]
    longest = max(len(row.tokens) for row in encoded)
    config = model.Config(len(tokenizer.vocab), n_positions=longest, n_layer=2, n_head=4, n_embd=64)
    steps = steps or min(300, max(20, PASSES * len(rows) // 16))
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


def make_start(task, seed):
    """The parameters that training starts from: random ones, or those of the seed's base model."""
    params = model.init(task.config, np.random.default_rng(seed))
    if task.base is None:
        return params
    steps = task.base_steps
    settings = train.Settings(
        steps=steps, warmup=min(20, steps), lr=SCRATCH_RATE, eval_every=steps, seed=seed
    )
    return train.train(params, task.config, task.base, task.held_out[:1], settings)[0]


def train_task(task, seed, weights=WEIGHTS):
    """Train from one start with every prompt weight; returns (start, {weight: (params, history)})."""
    processes.keep_freed_memory()
    start = make_start(task, seed)
    return start, tune(task, start, seed, weights)


def tune(task, start, seed, weights=WEIGHTS, report=None):
    """{weight: (params, history)} of trainings that all begin with the parameters `start`."""
    ends = {}
    for weight in weights:
        settings = replace(task.settings, prompt_weight=weight, seed=seed)
        ends[weight] = train.train(start, task.config, task.rows, task.held_out, settings, report)
    return ends


def compare_losses(task, seed):
    """What `compare` stores of a seed: histories, greedy samples, and the first held-out row's course."""
    processes.keep_freed_memory()
    start, ends, course = make_start(task, seed), {}, {}
    for weight in WEIGHTS:
        keep, course[name_weight(weight)] = follow_row(task)
        ends |= tune(task, start, seed, [weight], keep)
    models = {name_weight(weight): params for weight, (params, _) in ends.items()}
    if task.base is not None:
        models = {"base": start, **models}
    shown = [task.tokenizer.decode(chat.prompt_ids(prompt, task.tokenizer)[1:]) for prompt in task.prompts]
    samples = {}
    for name, params in models.items():
        answers = [write_answer(params, task.config, task.tokenizer, prompt) for prompt in task.prompts]
        samples[name] = [list(pair) for pair in zip(shown, answers, strict=True)]
    return {
        "histories": {name_weight(weight): history for weight, (_, history) in ends.items()},
        "samples": samples,
        "course": course,
    }


def make_strip(task, course):
    """The first held-out row as every model expects it at the end, the base model at the beginning."""
    models = {"base": course["0"][0], **{name: readings[-1] for name, readings in course.items()}}
    keys = ("probs", "guesses", "guess_probs")
    return {
        **guesses.name_targets(task.held_out[0], task.tokenizer.show),
        "models": {name: {key: reading[key] for key in keys} for name, reading in models.items()},
        "course": course,
    }


def follow_row(task):
    """A report function for train.train, and the list that it fills: at every evaluation what the model
    expects of the first held-out row, and what it writes after <bos>. With a user's rows it stays empty."""
    course = []

    def keep(entry, params):
        if task.base is not None:
            reading = guesses.read_row(params, task.config, task.held_out[0], task.tokenizer.show)
            sample = write_answer(params, task.config, task.tokenizer, "")
            course.append({"step": entry["step"], "sample": sample, **reading})

    return keep, course


def name_weight(weight):
    """A prompt weight as a key of JSON: "0", "0.1", "1"."""
    return f"{weight:g}"


def write_answer(params, config, tokenizer, prompt, max_new_tokens=40, **how):
    """What a model writes after <bos> and `prompt`, as text that shows where it stopped.

    `prompt` is a text, or the messages of a conversation, which <assistant> ends. `how` goes to
    generate.generate.
    """
    ids = chat.prompt_ids(prompt, tokenizer)
    return tokenizer.decode(generate.generate(params, config, ids, max_new_tokens, **how))


def compare(task, seeds, workers=0, report=None):
    """Train with every prompt weight of WEIGHTS and every seed; a result dict for JSON.

    With `workers` the seeds go side by side in that many fresh processes of one BLAS thread each;
    without, one after the other in this one. The numbers are the same to the bit if this process
    has one BLAS thread, too (OPENBLAS_NUM_THREADS=1), and else differ by rounding, which training
    amplifies. `report(done, total)` is called after each seed.
    """
    jobs = [(seed,) for seed in seeds]
    outcomes = processes.run_all(functools.partial(compare_losses, task), jobs, workers, report)
    first = outcomes[jobs[0]]
    return {
        "task": task.name,
        "config": asdict(task.config),
        "settings": asdict(task.settings),
        "base_steps": None if task.base is None else task.base_steps,
        "rows": {"train": len(task.rows), "held_out": len(task.held_out), "base": len(task.base or [])},
        "targets_per_row": [n / len(task.rows) for n in data.count_targets(task.rows)],
        "parameters": tree.count(model.init(task.config, np.random.default_rng(0))),
        "seeds": list(seeds),
        "entropy_floor": task.floor,
        "uniform": math.log(task.config.vocab_size),
        "runs": {name: [outcomes[job]["histories"][name] for job in jobs] for name in LOSS_NAMES},
        "samples": first["samples"],
        "strip": None if task.base is None else make_strip(task, first["course"]),
    }
