"""What a training step costs: sizes to measure, a step's matrix products, and clocks that are fair.

The floor under a step is the time of its matrix products alone, on arrays of the same shapes. Step and
floor take turns in one process. Only their ratio can be compared between machines.
"""

import math
import statistics
import time
import tracemalloc
from typing import NamedTuple

import numpy as np

from . import batches, data, fast, model, optim, train, tree


class Size(NamedTuple):
    """A model, the rows of a batch, and the share of the targets that is prompt."""

    config: model.Config
    batch_size: int
    prompt_share: float


SIZES = {
    "zoo": Size(model.Config(113, n_positions=24, n_layer=1, n_head=4, n_embd=32), 32, 0.9),
    "S": Size(model.Config(64, n_positions=32, n_layer=2, n_head=4, n_embd=64), 32, 0.5),
    "M": Size(model.Config(256, n_positions=128, n_layer=4, n_head=4, n_embd=128), 16, 0.5),
    "L": Size(model.Config(4096, n_positions=256, n_layer=6, n_head=8, n_embd=256), 8, 0.5),
}
SHARES = (0, 0.5, 0.75, 0.9)  # of prompt


def list_growing_sizes():
    """Size S along T, with B T = 1,024, then along B: {name: Size}."""

    def grow(T, B):
        return Size(model.Config(64, n_positions=T, n_layer=2, n_head=4, n_embd=64), B, 0.5)

    along_T = {f"T {T}": grow(T, 1024 // T) for T in (16, 64, 256, 512)}
    return along_T | {f"B {B}": grow(32, B) for B in (1, 4, 16, 64)}


def make_step(size, kernels=tuple(fast.KERNELS), loss_and_grads=None):
    """Returns a function without arguments: one masked training step, always on the same random batch.

    kernels: names of fast.KERNELS; by default all, as training runs. With none, the text itself runs.
    loss_and_grads: that of parallel.share_batches, for a step on several processes.
    """
    rng = np.random.default_rng(0)
    config, settings = size.config, train.Settings(steps=10**6, lr=1e-4)
    vector, params = tree.flat_view(model.init(config, rng))
    state, batch = optim.init(vector), draw_batch(size, rng)

    def step():
        with fast.kernels(kernels):
            return train.train_step(vector, params, state, batch, config, settings, loss_and_grads)

    return step


def draw_batch(size, rng):
    """A Batch of random tokens, in which the first `prompt_share` of every row's targets is masked."""
    B, T = size.batch_size, size.config.n_positions
    tokens = rng.integers(0, size.config.vocab_size, (B, T + 1))
    roles = np.full((B, T), data.RESPONSE)
    roles[:, : round(size.prompt_share * T)] = data.PROMPT
    return data.Batch(tokens[:, :-1], tokens[:, 1:], data.loss_mask(roles), roles)


def list_products(size, lean=True):
    """Shapes of a step's matrix products: linear maps (rows, n_in, n_out), and attention (B H, R, T, D).

    A linear map makes three products: forward, dx, dweight. R queries at T keys make six: two forward,
    four backward. `lean` means the products that fast.py makes: none for rows that no loss reaches, and
    none for blocks of queries and keys that `causal` forbids. Otherwise they are those of the text.
    """
    config, B = size.config, size.batch_size
    T, C, n_heads = config.n_positions, config.n_embd, B * config.n_head
    n_kept = T - round(size.prompt_share * T) if lean else T
    blocks = [slice(start, min(start + fast.BLOCK, T)) for start in range(0, T, fast.BLOCK)]
    queries = [(b.stop - b.start, b.stop) for b in blocks] if lean else [(T, T)]
    maps, attends = [], []
    for kept, asked in [(T, queries)] * (config.n_layer - 1) + [(n_kept, [(n_kept, T)])]:
        maps += [(B * T, C, 3 * C), (B * kept, C, C), (B * kept, C, 4 * C), (B * kept, 4 * C, C)]
        attends += [(n_heads, n_queries, n_keys, C // config.n_head) for n_queries, n_keys in asked]
    return [*maps, (B * n_kept, C, config.vocab_size)], attends


def count_flop(size, lean=True):
    """Multiplications and additions in list_products: 2 for every entry of every product's inner sum."""
    maps, attends = list_products(size, lean)
    return 2 * (3 * sum(map(math.prod, maps)) + 6 * sum(map(math.prod, attends)))


def make_operands(size, lean=True):
    """Pairs of arrays whose products are those of a step; transposed where the step's are."""

    def ones(*shape):
        return np.ones(shape, np.float32)

    pairs = []
    maps, attends = list_products(size, lean)
    for rows, n_in, n_out in maps:
        x, weight, dy = ones(rows, n_in), ones(n_in, n_out), ones(rows, n_out)
        pairs += [(x, weight), (dy, weight.T), (x.T, dy)]
    for n_heads, R, T, D in attends:
        q, k, weights = ones(n_heads, R, D), ones(n_heads, T, D), ones(n_heads, T, R)
        pairs += [(k, q.swapaxes(-1, -2)), (weights.swapaxes(-1, -2), k), (weights, q)] * 2
    return pairs


def make_floor(size, lean=True):
    """Returns a function without arguments: only the matrix products of a step."""
    pairs = make_operands(size, lean)

    def multiply():
        for a, b in pairs:
            np.matmul(a, b)

    return multiply


def time_in_turn(functions, seconds, rounds=3):
    """Median seconds of each function; they take turns for `seconds`, or `rounds` times if that is longer.

    Two rounds before that warm up.
    """
    times = [[] for _ in functions]
    for function in functions * 2:
        function()
    end = time.perf_counter() + seconds
    while len(times[-1]) < rounds or time.perf_counter() < end:
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def measure_rate(n=1024, rounds=20):
    """The most floating-point operations a second that this machine reaches, in square float32 products."""
    a, b, taken = np.ones((n, n), np.float32), np.ones((n, n), np.float32), []
    for _ in range(rounds):
        start = time.perf_counter()
        np.matmul(a, b)
        taken.append(time.perf_counter() - start)
    return 2 * n**3 / min(taken)


def measure_peak(function):
    """The most memory (MB) that one call holds at once, beyond what was held before it."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


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


def count_content(parts):
    """How many targets of these Batches are neither pads nor first tokens of packed documents."""
    return sum(int((batch.roles > data.BOS).sum()) for batch in parts)
