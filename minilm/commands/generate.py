"""`python -m minilm generate`."""

import sys
from pathlib import Path

import numpy as np

from .. import chat, files, views
from ..figures import tasks
from . import terminal

SUMMARY = "Let a trained model answer a prompt."
EXAMPLE = 'python -m minilm generate run "What is the capital of France?"'


def add_options(sub):
    """Add the options of this command."""
    sub.add_argument("dir", help="the folder that `train --out` wrote")
    sub.add_argument("prompt", help="the question, as the rows ask it")
    sub.add_argument("--max-new-tokens", type=int, default=100, metavar="N", help="(default 100)")
    sub.add_argument(
        "--temperature", type=float, default=0.0, metavar="T", help="0 takes the likeliest token (default)"
    )
    sub.add_argument("--top-k", type=int, metavar="K", help="sample from the K likeliest tokens only")
    sub.add_argument("--seed", type=terminal.seed, help="of the samples (default 0)")


def run(options):
    """Print what a trained model answers."""
    if options.temperature == 0 and (options.top_k, options.seed) != (None, None):
        raise ValueError("--top-k and --seed are about sampling: give them with a --temperature above 0")
    params, config, tokenizer = files.checkpoint.load(Path(options.dir) / files.run.MODEL)
    sampling = {
        "temperature": options.temperature,
        "top_k": options.top_k,
        "rng": np.random.default_rng(options.seed or 0),
    }
    prompt = chat.fit_prompt(options.prompt, tokenizer)
    text = tasks.write_answer(params, config, tokenizer, prompt, options.max_new_tokens, **sampling)
    print(views.escape(text, keep="\n"))
    if not text.endswith("<eos>"):
        print("(cut off: no <eos> came before the limit or the model's last position)", file=sys.stderr)
