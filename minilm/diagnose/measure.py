"""How often the diagnosis is right: every fault planted in random pipelines, and what it is called."""

from collections import Counter

import numpy as np

from .. import data, faults, model, tokenizer
from . import own, pipeline

HEALTHY = "healthy"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def setup(seed):
    """A random pipeline: (examples, tokenizer, params, config).

    2 to 6 examples with prompts of 2 to 24 letters and answers of 1 to 8, no two of one length;
    models of 1 or 2 layers, 8 to 32 channels, single or double precision, weights of std .02 to .5.
    """
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    longest = int(rng.choice([8, 24]))
    prompts = rng.choice(np.arange(2, longest + 1), n, replace=n > longest - 1)
    answers = rng.choice(np.arange(1, 9), n, replace=False)
    words = tokenizer.build("char", [LETTERS])
    examples = [data.Example(letters(rng, p), letters(rng, a)) for p, a in zip(prompts, answers, strict=True)]
    config = model.Config(
        len(words.vocab),
        40,
        int(rng.integers(1, 3)),
        int(rng.choice([1, 2, 4])),
        int(rng.choice([8, 16, 32])),
    )
    dtype = np.float32 if rng.random() < 0.5 else np.float64
    return examples, words, model.init(config, rng, float(rng.choice([0.02, 0.1, 0.5])), dtype), config


def letters(rng, n):
    """Random text of n letters."""
    return "".join(rng.choice(list(LETTERS), int(n)))


def named(fault, seed, gradient=True):
    """What the diagnosis calls a planted fault (None: nothing planted) in the random pipeline `seed`."""
    examples, words, params, config = setup(seed)
    block = faults.plant(fault) if fault else np.errstate()
    with block:
        make_batch, step, encode = own(words, params, config, gradient=gradient)
        report = pipeline(make_batch, step, examples, encode)
    return report.fault or HEALTHY


def confusion(seeds, gradient=True):
    """{planted: Counter of names given} over every fault of the zoo and a healthy pipeline."""
    planted = [None, *faults.FAULTS]
    return {f or HEALTHY: Counter(named(f, seed, gradient) for seed in seeds) for f in planted}
