"""How often the diagnosis is right: every fault planted in random pipelines, and what it is called."""

from collections import Counter

import numpy as np

from .. import faults, model, tokenizer
from . import own, pipeline

HEALTHY = "healthy"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def setup(seed, shown_by="rows"):
    """A random pipeline: (examples, tokenizer, params, config).

    2 to 6 examples with prompts of 2 to 24 letters and answers of 1 to 8, no two of one length, or
    conversations of one to three short turns, every third with a tool; models of 1 or 2 layers, 8 to 32
    channels, single or double precision, weights of std .02 to .5.
    """
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    answers = iter([*rng.permutation(np.arange(1, 9)), *rng.integers(1, 9, 40)])
    turns = shown_by == "turns"
    longest = 6 if turns else int(rng.choice([8, 24]))

    def pair():
        return letters(rng, rng.integers(2, longest + 1)), letters(rng, next(answers))

    words = tokenizer.build("char", [LETTERS], markers=turns)
    examples = [conversation(pair, k) if turns else pair() for k in range(n)]
    sizes = int(rng.integers(1, 3)), int(rng.choice([1, 2, 4])), int(rng.choice([8, 16, 32]))
    config = model.Config(len(words.vocab), 160 if turns else 80, *sizes)
    dtype = np.float32 if rng.random() < 0.5 else np.float64
    return examples, words, model.init(config, rng, float(rng.choice([0.02, 0.1, 0.5])), dtype), config


def conversation(pair, number):
    """Messages of a user, here and there of a tool, and an assistant, one to three times."""
    messages = []
    for _ in range(number % 3 + 1):
        asked, told = pair()
        messages.append({"role": "user", "content": asked})
        if number % 3 == 0:
            messages.append({"role": "tool", "content": asked[::-1] + told})
        messages.append({"role": "assistant", "content": told})
    return {"messages": messages}


def letters(rng, n):
    """Random text of n letters."""
    return "".join(rng.choice(list(LETTERS), int(n)))


def named(fault, seed, gradient=True, shown_by="rows"):
    """What the diagnosis calls a planted fault (None: nothing planted) in the random pipeline `seed`."""
    examples, words, params, config = setup(seed, faults.FAULTS[fault].shown_by if fault else shown_by)
    packed = (faults.FAULTS[fault].shown_by if fault else shown_by) == "packing"
    with faults.plant(fault) if fault else np.errstate():
        make_batch, step, encode = own(words, params, config, gradient=gradient, packed=packed)
        report = pipeline(make_batch, step, examples, encode)
    return report.fault or HEALTHY


def confusion(seeds, gradient=True):
    """{planted: Counter of names given} over every fault of the zoo, and healthy pipelines of each kind."""
    counts = {f: Counter(named(f, seed, gradient) for seed in seeds) for f in faults.FAULTS}
    for kind in ("rows", "turns", "packing"):
        counts[f"{HEALTHY}, {kind}"] = Counter(named(None, seed, gradient, kind) for seed in seeds)
    return counts
