"""`python -m minilm figures`."""

import os

from .. import figures
from . import terminal

SUMMARY = "Train what the figures show, write each as JSON and PNG."
EXAMPLE = "python -m minilm figures why few_shot"


def add_options(sub):
    """The options of this command."""
    sub.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(figures.NAMES)}; default all"
    )
    sub.add_argument("--seeds", type=int, help="how many seeds (default 10)")
    sub.add_argument("--steps", type=int, help="training steps of a run (default: each figure's own)")
    sub.add_argument("--out", metavar="DIR", help=f"where they go {terminal.FOLDERS}")
    sub.add_argument("--quick", action="store_true", help="2 seeds, 100 steps, fewer points")
    sub.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="runs side by side (default: all cores)"
    )


def run(options):
    """Compute and draw the figures named, or all of them, each as soon as its runs are done."""
    modules = {name: figures.find_module(name) for name in options.names or figures.NAMES}
    seeds = choose_seeds(options)
    folder = terminal.choose_folder(options)
    terminal.check_writable(folder)
    for number, (name, module) in enumerate(modules.items(), start=1):
        with terminal.Progress(f"{name} ({number} of {len(modules)}): run") as progress:
            result = module.compute(seeds, options.workers, progress.report, options.steps, options.quick)
        terminal.write_figure(folder, name, module, result)


def choose_seeds(options):
    """The seeds to train with. Raises ValueError for numbers below 1."""
    n_seeds = 2 if options.quick else 10
    if options.seeds is not None:
        n_seeds = options.seeds
    if n_seeds < 1 or options.workers < 1:
        raise ValueError("--seeds and --workers must be 1 or more")
    if options.steps is not None and options.steps < 1:
        raise ValueError(f"--steps is {options.steps}: it must be 1 or more")
    return range(n_seeds)
