"""How fast is a training step, and how much of its time does arithmetic take that nobody can avoid?

Every line is measured in a fresh process with one BLAS thread; what a line compares takes turns in it.
"""

import time

import numpy as np

from .. import bench, fast, generate, gradcheck, model, optim, parallel, train, tree
from ..figures import processes
from . import terminal

SUMMARY = "Time a training step against its bare matrix products, and generation."
EXAMPLE = "python -m minilm bench --sizes zoo S"

STEP_HEAD = """
A step as the text has it, the fast one that training runs, and only the matrix products of the fast one.
Fast has fewer GFLOP: it leaves out what no loss reaches, and most of what the causal mask forbids.
size   masked   GFLOP text   fast   ms text      fast  products   GFLOP/s   fast/products   us/token"""


def measure_step(name, size, seconds=2):
    """One line of the table under STEP_HEAD."""
    functions = [bench.make_step(size, ()), bench.make_step(size), bench.make_floor(size)]
    text, step, products = bench.time_in_turn(functions, seconds)
    full, lean = bench.count_flop(size, lean=False) / 1e9, bench.count_flop(size) / 1e9
    n_tokens = size.batch_size * size.config.n_positions
    return (
        f"{name:<7}{size.prompt_share:6.0%}{full:13.3f}{lean:7.3f}"
        f"{text * 1e3:10.2f}{step * 1e3:10.2f}{products * 1e3:10.2f}"
        f"{lean / products:10.1f}{step / products:16.2f}{step / n_tokens * 1e6:11.2f}"
    )


KERNELS_HEAD = """
A step with one of the fast functions left out, and the text's (none of them): time / time with all.
size    all, ms""" + "".join(f"{'no ' + name:>14}" for name in fast.KERNELS) + "          text"  # fmt: skip


def measure_kernels(name, size, seconds=3):
    """One line of the table under KERNELS_HEAD."""
    without = [tuple(other for other in fast.KERNELS if other != left_out) for left_out in fast.KERNELS]
    steps = [bench.make_step(size, kernels) for kernels in (tuple(fast.KERNELS), *without, ())]
    first, *others = bench.time_in_turn(steps, seconds)
    return f"{name:<7}{first * 1e3:8.2f}" + "".join(f"{other / first:14.2f}" for other in others)


TWO_HEAD = """
The same step in one process and in two, which share the rows (`train --processes 2`).
size    one, ms   two, ms   two/one"""


def measure_two(name, size, seconds=3):
    """One line of the table under TWO_HEAD."""
    params = model.init(size.config, np.random.default_rng(0))
    with parallel.share_batches(2, params) as share:
        one, two = bench.time_in_turn(
            [bench.make_step(size), bench.make_step(size, loss_and_grads=share)], seconds
        )
    return f"{name:<7}{one * 1e3:8.2f}{two * 1e3:10.2f}{two / one:10.2f}"


USE_HEAD = "\nsize   generated tokens/s   peak memory of a step"


def measure_use(name, size):
    """One line of the table under USE_HEAD."""
    peak = bench.measure_peak(bench.make_step(size))
    return f"{name:<7}{measure_generation(size.config):18,.0f}{peak:21.1f} MB"


def time_gradient_check():
    """A line: how long it takes to check every gradient of the zoo's model, on two rows."""
    size, rng = bench.SIZES["zoo"]._replace(batch_size=2), np.random.default_rng(0)
    params, start = gradcheck.draw_params(size.config, rng), time.perf_counter()
    gradcheck.require(gradcheck.check_model(params, bench.draw_batch(size, rng), size.config))
    return f"gradient check of zoo, {tree.count(params):,} numbers: {time.perf_counter() - start:.1f} s"


def measure_generation(config, seconds=0.5):
    """Greedy tokens per second, with the KV cache, one sequence at a time."""
    params = model.init(config, np.random.default_rng(0), std=0.1)
    tokens, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        tokens += len(generate.generate(params, config, [0], config.n_positions))
    return tokens / (time.perf_counter() - start)


def compare_batching(seconds=5):
    """The table of three ways to batch: how many tokens, without pads, they train on in a second."""
    rng = np.random.default_rng(0)
    ways = bench.batch_in_three_ways(bench.draw_mixed_rows(rng), rng)
    settings = train.Settings(steps=10**6, lr=1e-4)
    vector, params = tree.flat_view(model.init(bench.MIXED, rng))
    state = optim.init(vector)

    def make_round(parts):
        return lambda: [train.train_step(vector, params, state, b, bench.MIXED, settings) for b in parts]

    with fast.kernels():
        times = bench.time_in_turn([make_round(parts) for parts in ways.values()], seconds)
    lines = ["batches          steps   places filled   tokens of content/s   to random"]
    for (name, parts), time_taken in zip(ways.items(), times, strict=True):
        n_tokens = bench.count_content(parts)
        rate = n_tokens / time_taken
        if name == "random padding":
            random_rate = rate
        filled = n_tokens / sum(batch.ids.size for batch in parts)
        lines.append(f"{name:<17}{len(parts):5}{filled:16.0%}{rate:22,.0f}{rate / random_rate:12.2f}")
    return "\n".join(lines)


def add_options(sub):
    """The options of this command."""
    sub.add_argument("--sizes", nargs="+", choices=tuple(bench.SIZES), help="default: zoo S M")
    tables = sub.add_mutually_exclusive_group()
    tables.add_argument("--growth", action="store_true", help="along T and along B instead")
    tables.add_argument("--kernels", action="store_true", help="what each fast function saves instead")
    tables.add_argument("--batching", action="store_true", help="compare padding and packing instead")


def list_tables(options):
    """What to print: (heading, function that measures a line, its jobs) of each table."""
    if options.growth or options.batching:
        terminal.refuse_options(options, ("sizes",), "with --growth or --batching")
    sizes = [(name, bench.SIZES[name]) for name in options.sizes or ("zoo", "S", "M")]
    if options.batching:
        return [("", compare_batching, [()])]
    if options.growth:
        return [(STEP_HEAD, measure_step, list(bench.list_growing_sizes().items()))]
    if options.kernels:
        return [(KERNELS_HEAD, measure_kernels, sizes)]
    masked = [(name, size._replace(prompt_share=share)) for name, size in sizes for share in bench.SHARES]
    tables = [
        (STEP_HEAD, measure_step, masked),
        (TWO_HEAD, measure_two, sizes),
        (USE_HEAD, measure_use, sizes),
    ]
    return tables if options.sizes else [*tables, ("", time_gradient_check, [()])]


def run(options):
    """Print the tables, each line as soon as it is measured."""
    tables = list_tables(options)
    rate = processes.run_all(bench.measure_rate, [()], workers=1)[()]
    print(f"One thread. Best product rate here: {rate / 1e9:.0f} GFLOP/s (1,024 x 1,024, float32).")
    for heading, function, jobs in tables:
        print(heading, flush=True)
        with terminal.Progress("measuring") as progress:
            for done, job in enumerate(jobs, start=1):
                line = processes.run_all(function, [job], workers=1)[job]
                progress.clear()
                print(line, flush=True)
                progress.report(done, len(jobs))
