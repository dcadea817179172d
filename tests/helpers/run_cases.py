"""A tiny run, and ways to end it, for the tests of runs."""

import dataclasses
import functools
import signal
import tempfile
from pathlib import Path

import numpy as np

import minilm
from minilm import data, files, model, tokenizer, train, tree
from minilm.figures import tasks

WORDS = tokenizer.build("char", ["abcdefgh"])
EXAMPLES = [data.Example(p, r) for p, r in (("gb", "c"), ("abc", "defg"), ("h", "ah"), ("dd", "e"))]
ROWS = data.encode_all(EXAMPLES, WORDS)
CONFIG = model.Config(len(WORDS.vocab), 9, 1, 2, 8)
SETTINGS = train.Settings(steps=12, batch_size=3, lr=0.02, warmup=4, eval_every=5)
TASK = tasks.Task("tiny", CONFIG, SETTINGS, WORDS, ROWS, ROWS, [], None)
LONG = TASK._replace(settings=dataclasses.replace(SETTINGS, steps=10**6, eval_every=2))
PAIRS = zip("abcdefg", "bcdefgh", strict=True)
JSONL = "".join(f'{{"prompt": "after {a}?", "completion": "{b}"}}\n' for a, b in PAIRS)


def content(folder):
    """Everything that a run left: the exact bytes of history and arrays, and the rest."""
    found = files.run.load(folder)
    arrays = {**dict(tree.named(found.params)), **found.optimizer}
    bits = {name: (np.asarray(a).dtype, np.asarray(a).tobytes()) for name, a in arrays.items()}
    return bits, found.run, (folder / files.history.NAME).read_bytes()


def run_until(folder, step, end, task=TASK, resume=False):
    """Run a task and call `end` as the step with this number begins."""
    with minilm.swap("train.train_step", ending(step, end)):
        return files.run.start_or_resume(folder, task, resume)


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


def die():
    raise SystemError("as good as killed: nothing of minilm catches this")


def ending(step, end):
    """train_step, but `end` is called as the step with this number begins."""
    original = train.train_step

    def train_step(vector, params, state, *rest):
        if state["step"] + 1 == step:
            end()
        return original(vector, params, state, *rest)

    return train_step


@functools.cache
def unstopped():
    """What a run of TASK leaves that nothing ever stopped."""
    with tempfile.TemporaryDirectory() as folder:
        files.run.start_or_resume(folder, TASK)
        return content(Path(folder))
