"""`python -m minilm trace`."""

from pathlib import Path

import numpy as np

from .. import data, model
from .. import tokenizer as tokenizers
from .. import trace as tracing
from . import terminal

SUMMARY = "Step through one example, forward and backward, on a small random model."
EXAMPLE = 'python -m minilm trace "User: What is 2+2? Assistant:" "4" --html trace.html'


def add_options(sub):
    """Add the options of this command."""
    sub.add_argument("prompt")
    sub.add_argument("response")
    sub.add_argument("--html", metavar="FILE", help="write a page for the browser instead of printing text")
    sub.add_argument("--level", choices=("word", "char", "byte"), default="word")
    sub.add_argument(
        "--prompt-weight",
        type=float,
        nargs="+",
        default=[0.0, 1.0],
        metavar="W",
        help="the losses to show side by side, from 0 (masked) to 1 (full) (default 0 1)",
    )


def run(options):
    """Print the steps of one example, or write them as a page."""
    terminal.check_page(options.html)
    example = data.Example(options.prompt, options.response)
    tokenizer = tokenizers.build(options.level, example)
    row = data.encode(example, tokenizer)
    config = model.Config(
        len(tokenizer.vocab), n_positions=len(row.tokens) - 1, n_layer=2, n_head=2, n_embd=16
    )
    params = model.init(config, np.random.default_rng(0), std=0.3, dtype=np.float64)
    steps = tracing.trace(params, row, config, tokenizer, options.prompt_weight)
    if options.html is None:
        print(steps, end="")
    else:
        terminal.write_page(options.html, steps.html())
        size = Path(options.html).stat().st_size / 1e6
        print(f"{options.html} holds the step-through, {size:.1f} MB: open it in a browser")
