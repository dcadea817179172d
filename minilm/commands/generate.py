"""`python -m minilm generate`."""

import sys
from pathlib import Path

import numpy as np

from .. import files, template
from ..figures import tasks
from . import terminal

SUMMARY = "Let a trained model answer a prompt."
EXAMPLE = 'python -m minilm generate run "What is the capital of France?"'


def add_options(sub):
    """The options of this command."""
    sub.add_argument("dir", help="what train wrote with --out")
    sub.add_argument("prompt")
    sub.add_argument("--max-new-tokens", type=int, default=100, metavar="N")
    sub.add_argument("--temperature", type=float, default=0.0, metavar="T", help="0 is greedy (default)")
    sub.add_argument("--top-k", type=int, metavar="K", help="draw from the K most likely tokens only")
    sub.add_argument("--seed", type=terminal.seed, default=0)


def run(options):
    """Print what a trained model answers."""
    params, config, words = files.checkpoint.load(Path(options.dir) / "model.npz")
    how = {"temperature": options.temperature, "top_k": options.top_k}
    how["rng"] = np.random.default_rng(options.seed)
    prompt = template.question(options.prompt, words)
    text = tasks.write_answer(params, config, words, prompt, options.max_new_tokens, **how)
    print(text)
    if not text.endswith("<eos>"):
        print("(cut off: no <eos> came before the limit or the model's last position)", file=sys.stderr)
