"""How fast is a training step, and how much of its time does arithmetic take that nobody can avoid?

The floor is the time of the step's matrix products alone, on arrays of the same shapes. Step and
floor take turns in one process. Only their ratio can be compared between machines.
"""

import math
import statistics
import time
import tracemalloc
from typing import NamedTuple

import numpy as np

from .. import batches, data, generate, gradcheck, model, optim, train, tree
from ..figures import processes
from . import terminal

SUMMARY = "Time a training step against its bare matrix products, generation, and a gradient check."
EXAMPLE = "python -m minilm bench --sizes zoo S"


class Size(NamedTuple):
    """A model, the rows of a batch, and the share of the targets that is prompt."""

    config: model.Config
    batch_size: int
    prompt_share: float


SIZES = {
    "zoo": Size(model.Config(113, n_positions=24, n_layer=1, n_head=4, n_embd=32), 32, 0.9),
    "S": Size(model.Config(64, n_positions=32, n_layer=2, n_head=4, n_embd=64), 32, 0.5),
    "M": Size(model.Config(256, n_positions=128, n_layer=4, n_head=4, n_embd=128), 16, 0.5),
}
ROUNDS = {"zoo": 200, "S": 100, "M": 20}


def make_step(size):
    """Returns a function without arguments: one masked training step, always on the same random batch."""
    rng = np.random.default_rng(0)
    config, settings = size.config, train.Settings(steps=10**6, lr=1e-4)
    vector, params = tree.flat_view(model.init(config, rng))
    state = optim.init(vector)
    batch = draw_batch(size, rng)
    return lambda: train.train_step(vector, params, state, batch, config, settings)


def draw_batch(size, rng):
    """A Batch of random tokens, in which the first `prompt_share` of every row's targets is masked."""
    B, T = size.batch_size, size.config.n_positions
    tokens = rng.integers(0, size.config.vocab_size, (B, T + 1))
    roles = np.full((B, T), data.RESPONSE)
    roles[:, : round(size.prompt_share * T)] = data.PROMPT
    return data.Batch(tokens[:, :-1], tokens[:, 1:], data.loss_mask(roles), roles)


def make_floor(size):
    """Returns a function without arguments: only the matrix products of a step."""
    config, B = size.config, size.batch_size
    T, C, H, L = config.n_positions, config.n_embd, config.n_head, config.n_layer
    rows, heads = (B * T,), (B, H)
    linear = [(rows, C, 3 * C), (rows, C, C), (rows, C, 4 * C), (rows, 4 * C, C)] * L
    linear.append((rows, C, config.vocab_size))
    products = []
    for shape, n_in, n_out in linear:
        x, weight, dy = (np.ones(s, np.float32) for s in ((*shape, n_in), (n_in, n_out), (*shape, n_out)))
        products += [(x, weight), (dy, weight.T), (x.T, dy)]
    q = np.ones((*heads, T, C // H), np.float32)
    scores = np.ones((*heads, T, T), np.float32)
    products += [(q, q.swapaxes(-1, -2)), (scores, q)] * (3 * L)  # 2 forward, 4 backward a layer
    return lambda: [a @ b for a, b in products]


def time_in_turn(functions, rounds):
    """Median seconds of each function; they take turns `rounds` times, after 3 rounds to warm up."""
    times = [[] for _ in functions]
    for i in range(rounds + 3):
        for function, seconds in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if i >= 3:
                seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in times]


def measure_generation(config, seconds=0.5):
    """Greedy tokens per second, with the KV cache, one sequence at a time."""
    params = model.init(config, np.random.default_rng(0), std=0.1)
    tokens, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        tokens += len(generate.generate(params, config, [0], config.n_positions))
    return tokens / (time.perf_counter() - start)


def measure_peak(function):
    """The most memory (MB) that one call holds at once, beyond what was held before it."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


HEAD = "size   ms/step   tokens/s   matrix products alone   ratio   generated tokens/s   peak memory"


def measure_size(name):
    """One line of the table under HEAD."""
    processes.keep_freed_memory()
    size = SIZES[name]
    step = make_step(size)
    seconds, floor = time_in_turn([step, make_floor(size)], ROUNDS[name])
    tokens = size.batch_size * size.config.n_positions
    return (
        f"{name:<6}{seconds * 1e3:8.2f}{tokens / seconds:11,.0f}{floor * 1e3:18.2f} ms"
        f"{seconds / floor:11.2f}{measure_generation(size.config):18,.0f}{measure_peak(step):14.1f} MB"
    )


MIXED = model.Config(64, n_positions=128, n_layer=2, n_head=4, n_embd=64)


def draw_mixed_rows(rng, n_rows=256):
    """Rows of 8 to 128 tokens, lengths spread evenly on a logarithmic scale; half is prompt."""
    rows = []
    for n in np.exp(rng.uniform(np.log(8), np.log(129), n_rows)).astype(int):
        roles = np.where(np.arange(n) < n // 2, data.PROMPT, data.RESPONSE)
        rows.append(data.Row(rng.integers(3, MIXED.vocab_size, n), roles))
    return rows


def batch_in_three_ways(rows, rng, batch_size=16):
    """One round over all rows, batched in three ways: {name: list of Batches}.

    A packed batch has fewer rows, so that a step learns from about as many tokens in all three.
    """
    packed = batches.pack_rows(rows, MIXED.n_positions + 1)
    n_packed = max(1, round(batch_size * len(packed) / len(rows)))

    def take_round(rows, order, size):
        n_batches = math.ceil(len(rows) / size)
        return [data.collate([rows[i] for i in next(order)]) for _ in range(n_batches)]

    lengths = [len(row.tokens) for row in rows]
    return {
        "random padding": take_round(rows, batches.shuffle_batches(len(rows), batch_size, rng), batch_size),
        "sorted padding": take_round(rows, batches.sort_batches(lengths, batch_size, rng), batch_size),
        "packing": take_round(packed, batches.shuffle_batches(len(packed), n_packed, rng), n_packed),
    }


def compare_batching(rounds=3):
    """The table of the three ways: how many tokens of content they train on in a second, without pads."""
    processes.keep_freed_memory()
    rng = np.random.default_rng(0)
    ways = batch_in_three_ways(draw_mixed_rows(rng), rng)
    settings = train.Settings(steps=10**6, lr=1e-4)
    vector, params = tree.flat_view(model.init(MIXED, rng))
    state = optim.init(vector)

    def make_round(parts):
        return lambda: [train.train_step(vector, params, state, b, MIXED, settings) for b in parts]

    seconds = time_in_turn([make_round(parts) for parts in ways.values()], rounds)
    lines = ["batches          steps   places filled   tokens of content/s   to random"]
    for (name, parts), time_taken in zip(ways.items(), seconds, strict=True):
        n_tokens = count_content(parts)
        rate = n_tokens / time_taken
        if name == "random padding":
            random_rate = rate
        filled = n_tokens / sum(batch.ids.size for batch in parts)
        lines.append(f"{name:<17}{len(parts):5}{filled:16.0%}{rate:22,.0f}{rate / random_rate:12.2f}")
    return "\n".join(lines)


def count_content(parts):
    """How many targets of these Batches are neither pads nor first tokens of packed documents."""
    return sum(int((batch.roles > data.BOS).sum()) for batch in parts)


def add_options(sub):
    """The options of this command."""
    sub.add_argument("--sizes", nargs="+", choices=tuple(SIZES), help="(default: all)")
    sub.add_argument("--batching", action="store_true", help="compare padding and packing instead")


def run(options):
    """Print the benchmark's lines, each as soon as it is measured."""
    if options.batching:
        terminal.refuse_options(options, ("sizes",), "with --batching")
        print(compare_batching())
        return
    sizes = options.sizes or list(SIZES)
    print(HEAD)
    with terminal.Progress("measuring") as progress:
        for done, size in enumerate(sizes, start=1):
            line = measure_size(size)
            progress.clear()
            print(line, flush=True)
            progress.report(done, len(sizes))
    if sizes == list(SIZES):
        size, rng = SIZES["zoo"]._replace(batch_size=2), np.random.default_rng(0)
        params, start = gradcheck.draw_params(size.config, rng), time.perf_counter()
        gradcheck.require(gradcheck.check_model(params, draw_batch(size, rng), size.config))
        print(f"gradient check of zoo, {tree.count(params):,} numbers: {time.perf_counter() - start:.1f} s")
