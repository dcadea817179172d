"""`python -m minilm trace`."""

from pathlib import Path

import numpy as np

from .. import chat, data, files, model, tree
from .. import tokenizer as tokenizers
from .. import trace as tracing
from . import terminal

SUMMARY = "Step through one example, forward and backward: a page for the browser."
EXAMPLE = 'python -m minilm trace "User: What is 2+2? Assistant:" "4" --html page.html'


def add_options(sub):
    """Add the options of this command."""
    sub.add_argument("prompt", nargs="?", help="(default the course's question)")
    sub.add_argument("response", nargs="?")
    sub.add_argument("--html", metavar="FILE", help="where the page goes (default trace.html)")
    sub.add_argument("--text", action="store_true", help="print every number as text instead")
    sub.add_argument("--params", metavar="RUN", help="the folder of a trained run (default: a random model)")
    sub.add_argument("--level", choices=("word", "char", "byte"), help="of the tokens (default word)")
    sub.add_argument(
        "--prompt-weight",
        type=float,
        nargs="+",
        metavar="W",
        help="with --text, the losses to show side by side, from 0 (masked) to 1 (full) (default 0 1)",
    )


def run(options):
    """Write one example's page, or print its steps."""
    if options.text:
        terminal.refuse_options(options, ("html",), "with --text")
    else:
        terminal.refuse_options(options, ("prompt_weight",), "without --text: the page shows every loss")
    example = terminal.choose_example(options)
    path = options.html or "trace.html"
    terminal.check_page(path)
    params, config, tokenizer, row, source = prepare_model(options, example)
    steps = tracing.trace(params, row, config, tokenizer, options.prompt_weight or (0.0, 1.0))
    if options.text:
        print(steps, end="")
        return
    terminal.write_page(path, steps.html(source))
    print(f"{path} holds the page, {Path(path).stat().st_size / 1e6:.1f} MB: open it in a browser")


def prepare_model(options, example):
    """(params in float64, config, tokenizer, row, where they come from): of a run, or random."""
    if options.params is not None:
        terminal.refuse_options(options, ("level",), "with --params, which has its own tokenizer")
        path = Path(options.params) / files.run.MODEL
        params, config, tokenizer = files.checkpoint.load(path)
        params = tree.map_arrays(lambda array: array.astype(np.float64), params)
        row = data.encode(chat.fit_example(example, tokenizer), tokenizer)
        return params, config, tokenizer, row, f"The model is that of {path}."
    tokenizer = tokenizers.build(options.level or "word", example)
    row = data.encode(example, tokenizer)
    config = model.Config(
        len(tokenizer.vocab), n_positions=len(row.tokens) - 1, n_layer=2, n_head=2, n_embd=16
    )
    params = model.init(config, np.random.default_rng(0), std=0.3, dtype=np.float64)
    return params, config, tokenizer, row, None
