"""A tiny run, and ways to end it, for the tests of runs."""

import dataclasses
import functools
import signal
import tempfile
from pathlib import Path

import numpy as np

import minilm
from minilm import data, files, model, train, tree
from minilm import tokenizer as tokenizers
from minilm.figures import tasks

TOKENIZER = tokenizers.build("char", ["abcdefgh"])
EXAMPLES = [data.Example(p, r) for p, r in (("gb", "c"), ("abc", "defg"), ("h", "ah"), ("dd", "e"))]
ROWS = data.encode_all(EXAMPLES, TOKENIZER)
CONFIG = model.Config(len(TOKENIZER.vocab), 9, 1, 2, 8)
SETTINGS = train.Settings(steps=12, batch_size=3, lr=0.02, warmup=4, eval_every=5)
TASK = tasks.Task("tiny", CONFIG, SETTINGS, TOKENIZER, ROWS, ROWS, [], None)
LONG = TASK._replace(settings=dataclasses.replace(SETTINGS, steps=10**6, eval_every=2))
PAIRS = zip("abcdefg", "bcdefgh", strict=True)
JSONL = "".join(f'{{"prompt": "after {a}?", "completion": "{b}"}}\n' for a, b in PAIRS)


def read_bits(folder):
    """Everything that a run left: the exact bytes of history and arrays, and its notes."""
    stored = files.run.load(folder)
    arrays = {**dict(tree.named(stored.params)), **stored.optimizer}
    bits = {name: (np.asarray(a).dtype, np.asarray(a).tobytes()) for name, a in arrays.items()}
    return bits, stored.run, (folder / files.history.NAME).read_bytes()


@functools.cache
def unstopped_bits():
    """read_bits of a run of TASK that nothing ever stopped."""
    with tempfile.TemporaryDirectory() as folder:
        files.run.start_or_resume(folder, TASK)
        return read_bits(Path(folder))


def run_until(folder, step, end, task=TASK, resume=False):
    """Run a task and call `end` as the step with this number begins."""
    with minilm.swap("train.train_step", call_before_step(step, end)):
        return files.run.start_or_resume(folder, task, resume)


def resume(folder, task=TASK):
    return files.run.start_or_resume(folder, task, resume=True)


def call_before_step(step, end):
    """train_step, but `end` is called as the step with this number begins."""
    original = train.train_step

    def train_step(vector, params, state, *others):
        if state["step"] + 1 == step:
            end()
        return original(vector, params, state, *others)

    return train_step


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def die():
    raise SystemError("as good as killed: nothing of minilm catches this")
