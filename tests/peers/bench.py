"""minilm's training step against PyTorch's, eager (SDPA) and compiled, and against a jitted JAX's.

    python tests/peers/bench.py [zoo S M L] [--threads 1 2] [--torch PYTHON] [--jax PYTHON]

PYTHON is one that has NumPy and the library; by default the one that runs this. Every contestant is a
process of its own, bound to as many cores as it has threads. All have the same batch and parameters, and
their first losses are compared. Then they take turns in random order, a block of about 0.1 s each, and
after each turn wait for their threads to fall asleep. Prints the median time of a step of each.
"""

import argparse
import contextlib
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from minilm import bench, model
from minilm.figures import processes

LEFT_OUT = """
In brackets: the time of the line's first contestant divided by this one's (below 1: the first is faster).
With nothing masked all do the same work (minilm and SDPA skip what the causal mask forbids). Under a loss
mask minilm also leaves out the rows of the last block, the final norm and the head that no loss reaches:
`left out` is their share of the matrix products. PyTorch and JAX compute these rows and give them loss
weight 0. So what minilm gains from an unmasked line to the masked one is work left out, not speed: a peer
could leave it out, too."""


def make_case(size):
    """The parameters and the batch of bench.make_step."""
    rng = np.random.default_rng(0)
    return model.init(size.config, rng), bench.draw_batch(size, rng)


def make_minilm(size, stack):
    return bench.make_step(size)


def make_minilm_in_two(size, stack):
    from minilm import parallel

    shared = parallel.share_batches(2, model.init(size.config, np.random.default_rng(0)))
    return bench.make_step(size, loss_and_grads=stack.enter_context(shared))


def make_torch(size, stack):
    import torch_gpt

    return torch_gpt.make_step(*make_case(size), size.config)


def make_torch_compile(size, stack):
    import torch
    import torch_gpt

    return torch_gpt.make_step(*make_case(size), size.config, torch.compile)


def make_jax(size, stack):
    import jax_gpt

    return jax_gpt.make_step(*make_case(size), size.config)


# Two processes are for two threads only. JAX reads its number of threads from the cores it is bound to.
CONTESTANTS = {
    "two processes": make_minilm_in_two,
    "minilm": make_minilm,
    "torch eager": make_torch,
    "torch.compile": make_torch_compile,
    "jitted JAX": make_jax,
}


def answer(make, size, questions, say):
    """A contestant's life: say the first loss, or why there is none; then a time for every "go 0.1"."""
    with contextlib.ExitStack() as stack:
        try:
            step = make(size, stack)
            say(f"loss {step()}")
        except ImportError as error:
            return say(f"not installed: {error}".replace("\n", " "))
        except Exception as error:
            return say(f"cannot run: {type(error).__name__}: {error}".replace("\n", " ")[:300])
        for question in questions:
            say(str(time_block(step, float(question.removeprefix("go ")))))
            time.sleep(0.15)  # let its threads go to sleep before the next one's turn


def time_block(step, seconds):
    """Median seconds of as many steps as fit, at least one, after two that wake the library up."""
    times = []
    for _ in range(2):
        step()
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


class Contestant:
    """A process that answers; `problem` says why it does not."""

    def __init__(self, name, size_name, share, threads, python):
        environment = {**os.environ, **dict.fromkeys(processes.BLAS_THREADS, str(threads))}
        self.process = subprocess.Popen(
            [python, __file__, "--contestant", name, size_name, str(share), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.loss, self.problem, self.times = None, None, []

    def begin(self):
        """Read the first loss."""
        line = self.process.stdout.readline().strip()
        if line.startswith("loss "):
            self.loss = float(line.removeprefix("loss "))
        else:
            self.problem = line or f"ended with exit code {self.process.wait()}"

    def take_turn(self, seconds):
        """Let it run for about so long; keeps the time of one step."""
        print("go", seconds, file=self.process.stdin, flush=True)
        self.times.append(float(self.process.stdout.readline()))

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def compete(size_name, share, threads, pythons, turns=12):
    """{name: Contestant}, each with its times. Raises ValueError before any turn if the losses differ."""
    names = [name for name in CONTESTANTS if threads == 2 or name != "two processes"]
    players = {
        n: Contestant(n, size_name, share, threads, pythons[n.split(".")[0].split()[0]]) for n in names
    }
    for player in players.values():
        player.begin()
    ready = [player for player in players.values() if player.problem is None]
    losses = [player.loss for player in ready]
    if max(losses) - min(losses) > 1e-4 * min(losses):
        raise ValueError(f"{size_name}: the losses differ, so the steps do not do the same: {losses}")
    for _ in range(turns):
        for player in random.sample(ready, len(ready)):
            player.take_turn(0.1)
    for player in players.values():
        player.end()
    return players


def format_line(size_name, share, threads, players):
    """One line of the table: milliseconds, and in brackets the first contestant's time divided by this."""
    size = bench.SIZES[size_name]._replace(prompt_share=share)
    saved = 1 - bench.count_flop(size) / bench.count_flop(size._replace(prompt_share=0))
    cells = []
    first = next(player for player in players.values() if player.times)
    for name in CONTESTANTS:
        cell = "-"
        if name in players and players[name].times:
            times = players[name].times
            ratio = statistics.median(a / b for a, b in zip(first.times, times, strict=True))
            cell = f"{statistics.median(times) * 1e3:.2f} ({ratio:.2f})"
        cells.append(f"{cell:>18}")
    return f"{size_name:<5}{threads:4}{share:9.0%}{saved:10.0%}" + "".join(cells)


def parse_options(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sizes", nargs="*", default=["zoo", "S", "M"], help="of minilm.bench.SIZES")
    parser.add_argument("--threads", nargs="+", type=int, choices=(1, 2), default=[1, 2])
    parser.add_argument("--torch", default=sys.executable)
    parser.add_argument("--jax", default=sys.executable)
    options = parser.parse_args(argv)
    if unknown := set(options.sizes) - set(bench.SIZES):
        parser.error(f"no such size: {', '.join(unknown)}; there are {', '.join(bench.SIZES)}")
    return options


def main(argv):
    options = parse_options(argv)
    own = sys.executable
    pythons = {"minilm": own, "two": own, "torch": options.torch, "jitted": options.jax}
    print("size  threads  masked  left out" + "".join(f"{name:>18}" for name in CONTESTANTS))
    problems = {}
    for name in options.sizes:
        for threads in options.threads:
            for share in (0, bench.SIZES[name].prompt_share):
                players = compete(name, share, threads, pythons)
                print(format_line(name, share, threads, players), flush=True)
                problems |= {n: player.problem for n, player in players.items() if player.problem}
    for name, problem in problems.items():
        print(f"{name}: {problem}")
    print(LEFT_OUT)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--contestant"]:
        _, _, name, size_name, share, threads = sys.argv
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(threads)])
        processes.keep_freed_memory()
        size = bench.SIZES[size_name]._replace(prompt_share=float(share))
        answer(CONTESTANTS[name], size, sys.stdin, lambda text: print(text, flush=True))
    else:
        main(sys.argv[1:])
