"""Small traces for the tests of the page."""

import numpy as np

from minilm import data, model, trace
from minilm import tokenizer as tokenizers


def make_trace(prompt="User: What is 2+2? Assistant:", response="4", seed=0):
    """A Trace of a small random model: 2 layers, 2 heads, 16 channels, float64."""
    example = data.Example(prompt, response)
    tokenizer = tokenizers.build("word", example)
    row = data.encode(example, tokenizer)
    config = model.Config(len(tokenizer.vocab), len(row.tokens) - 1, n_layer=2, n_head=2, n_embd=16)
    params = model.init(config, np.random.default_rng(seed), std=0.3, dtype=np.float64)
    return trace.trace(params, row, config, tokenizer)
