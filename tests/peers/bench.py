"""minilm's training step against PyTorch eager with SDPA, in one process.

    python tests/peers/bench_torch.py [zoo S M]

The two take turns in blocks of steps rather than step by step: the threads of each library spin
for a while after their work and would slow down the other. Both run with two threads and with
glibc told to keep freed memory, which helps both. Prints the median time of a step of each, and
the ratio minilm / PyTorch (below 1: minilm is faster).
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]
import torch_gpt

from minilm import model, tree
from minilm.commands import bench
from minilm.figures import processes


def torch_step(size):
    """PyTorch's training step on the batch and the parameters of bench.make_step."""
    rng = np.random.default_rng(0)
    peer = torch_gpt.tensors(model.init(size.config, rng))
    batch = bench.draw_batch(size, rng)
    ids = torch.tensor(batch.ids)
    labels = torch.tensor(np.where(batch.loss_mask > 0, batch.targets, -100)).flatten()
    optimizer = torch.optim.AdamW(
        [tensor for _, tensor in tree.named(peer)], lr=1e-4, betas=(0.9, 0.95), weight_decay=0
    )

    def step():
        optimizer.zero_grad()
        logits = torch_gpt.forward(peer, ids, size.config)
        loss = F.cross_entropy(logits.flatten(0, 1), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def block(step, n):
    """Median seconds of `n` steps after two that wake the library's threads up."""
    times = []
    for i in range(n + 2):
        start = time.perf_counter()
        step()
        if i >= 2:
            times.append(time.perf_counter() - start)
    time.sleep(0.15)  # let its threads go to sleep before the other's turn
    return statistics.median(times)


def main():
    torch.set_num_threads(2)
    processes.keep_freed_memory()
    for name in sys.argv[1:] or bench.SIZES:
        size = bench.SIZES[name]
        steps = bench.make_step(size), torch_step(size)
        n = {"zoo": 60, "S": 30, "M": 6}[name]
        pairs = [[block(step, n) for step in steps] for _ in range(12)]
        ours, theirs = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
        ratios = sorted(a / b for a, b in pairs)
        print(
            f"{name:<4} minilm {ours:7.2f} ms   torch {torch.__version__} {theirs:7.2f} ms   "
            f"minilm / torch {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
