"""Looking at one thing: a mask, a gradient, a step, its speed."""

from pathlib import Path

import numpy as np

from .. import bench as benchmark
from .. import data, files, gradcases, masks, model, tokenizer
from .. import trace as stepper
from . import terminal


def add_options(command):
    """The options of these commands; `command` is __main__'s."""
    for add in (
        add_mask,
        add_trace,
        add_gradcheck,
        add_bench,
    ):
        add(command)


def add_mask(command):
    sub = command(
        "mask",
        mask,
        "Print which tokens of an example, or of a file's rows, carry loss.",
        'python -m minilm mask "User: What is 2+2? Assistant:" "4"',
    )
    sub.add_argument("prompt", nargs="?")
    sub.add_argument("response", nargs="?")
    sub.add_argument("--data", dest="rows", metavar="JSONL", help="show rows of a file, and sum all up")
    sub.add_argument("--row", type=int, metavar="N", help="which row, from 0 (default: the first ones)")
    sub.add_argument("--policy", choices=masks.POLICIES, help="the mask (default response)")
    sub.add_argument("--max-tokens", type=int, metavar="N", help="cut rows (conversations: default 256)")
    sub.add_argument("--html", metavar="FILE", help="write a page for the browser (default: print text)")
    sub.add_argument(
        "--level", choices=("word", "char", "byte"), help="default word for an example, char for --data"
    )
    sub.add_argument("--prompt-weight", type=float, default=0.0, metavar="W", help="0 masked .. 1 full")
    sub.add_argument("--no-bos", action="store_true", help="the first prompt token is not predicted")
    sub.add_argument("--no-eos", action="store_true", help="nothing teaches the model to stop")


def mask(options):
    """Print the mask table of one example, or preview the rows of a file."""
    if options.rows is not None:
        if options.prompt is not None:
            raise ValueError("give either a PROMPT and a RESPONSE or --data, not both")
        return preview_rows(options)
    if options.response is None:
        raise ValueError("give a PROMPT and a RESPONSE, or rows with --data")
    if (options.row, options.policy, options.max_tokens, options.html) != (None,) * 4:
        raise ValueError("--row, --policy, --max-tokens and --html are about a file: give them with --data")
    example = data.Example(options.prompt, options.response)
    words = tokenizer.build(options.level or "word", example)
    row = data.encode(example, words, bos=not options.no_bos, eos=not options.no_eos)
    print(data.mask_table(row, words, options.prompt_weight))


def preview_rows(options):
    """Print some of a file's rows with their marks, or write them as a page, and sum all rows up."""
    terminal.check_page(options.html)
    for name, value, least in (("row", options.row, 0), ("max-tokens", options.max_tokens, 2)):
        if value is not None and value < least:
            raise ValueError(f"--{name} is {value}: it must be {least} or more")
    first = range(3 if options.html is None else 100)
    seen = files.preview.preview(
        options.rows,
        options.level or "char",
        options.policy or "response",
        first if options.row is None else range(options.row, options.row + 1),
        options.max_tokens,
        options.prompt_weight,
        bos=not options.no_bos,
        eos=not options.no_eos,
    )
    if options.html is None:
        print(files.preview.text(seen, terminal.has_colour()))
    else:
        terminal.write_page(options.html, files.preview.page(seen))
        print(
            "\n".join([*files.preview.summary(seen), f"{options.html} holds the rows: open it in a browser"])
        )


def add_trace(command):
    sub = command(
        "trace",
        trace,
        "Step through one example, forward and backward, on a small random model.",
        'python -m minilm trace "User: What is 2+2? Assistant:" "4" --html trace.html',
    )
    sub.add_argument("prompt")
    sub.add_argument("response")
    sub.add_argument("--html", metavar="FILE", help="write a page for the browser (default: print text)")
    sub.add_argument("--level", choices=("word", "char", "byte"), default="word")
    sub.add_argument(
        "--prompt-weight",
        type=float,
        nargs="+",
        default=[0.0, 1.0],
        metavar="W",
        help="the losses, side by side: 0 masked .. 1 full (default 0 1)",
    )


def trace(options):
    """Print the step-through of one example, or write it as a page."""
    terminal.check_page(options.html)
    example = data.Example(options.prompt, options.response)
    words = tokenizer.build(options.level, example)
    row = data.encode(example, words)
    config = model.Config(len(words.vocab), n_positions=len(row.tokens) - 1, n_layer=2, n_head=2, n_embd=16)
    params = model.init(config, np.random.default_rng(0), std=0.3, dtype=np.float64)
    steps = stepper.trace(params, row, config, words, options.prompt_weight)
    if options.html is None:
        print(steps, end="")
    else:
        terminal.write_page(options.html, steps.html())
        size = Path(options.html).stat().st_size / 1e6
        print(f"{options.html} holds the step-through, {size:.1f} MB: open it in a browser")


def add_gradcheck(command):
    sub = command(
        "gradcheck",
        gradcheck,
        "Compare the hand-written gradients with numeric ones; exit code 1 if any differs.",
        "python -m minilm gradcheck --layer attention",
    )
    sub.add_argument("--layer", choices=gradcases.LAYERS, help="one pair (default: all, and the model)")
    sub.add_argument("--method", choices=("complex", "central"), default="complex")


def gradcheck(options):
    """Print every tensor's relative error; exit code 1 if a gradient differs."""
    bad = 0
    for name in [options.layer] if options.layer else [*gradcases.LAYERS, "model"]:
        print(name)
        for result in gradcases.check_named(name, np.random.default_rng(0), options.method):
            print(f"  {result.name:<26} relative error {result.error:.1e}  {result.problem or 'ok'}")
            bad += bool(result.problem)
    print(f"{bad} problems" if bad else "every gradient agrees")
    return 1 if bad else 0


def add_bench(command):
    sub = command(
        "bench",
        bench,
        "Time a training step against its bare matrix products, and generation.",
        "python -m minilm bench --sizes zoo S",
    )
    sub.add_argument("--sizes", nargs="+", choices=("zoo", "S", "M"), default=["zoo", "S", "M"])
    sub.add_argument("--batching", action="store_true", help="compare padding and packing instead")


def bench(options):
    """Print the benchmark's lines, each as soon as it is measured."""
    if options.batching:
        print(benchmark.batching())
        return
    print(benchmark.HEAD)
    with terminal.Progress("measuring") as progress:
        for done, size in enumerate(options.sizes, start=1):
            line = benchmark.line(size)
            progress.clear()
            print(line, flush=True)
            progress.report(done, len(options.sizes))
