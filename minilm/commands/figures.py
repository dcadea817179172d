"""`python -m minilm figures`."""

from .. import figures
from . import terminal

SUMMARY = "Train what the figures show, write each as JSON and PNG."
EXAMPLE = "python -m minilm figures from_scratch few_shot"


def add_options(sub):
    """The options of this command."""
    sub.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(figures.NAMES)}; default all"
    )
    sub.add_argument("--seeds", type=int, help="how many seeds (default 10)")
    sub.add_argument("--steps", type=int, help="training steps of a run (default: each figure's own)")
    sub.add_argument("--out", metavar="DIR", help=f"where they go {terminal.FOLDERS}")
    sub.add_argument("--quick", action="store_true", help="2 seeds, 100 steps, fewer points")
    terminal.add_workers(sub)


UNUSED = {  # there is nothing to train
    "lattice": ("seeds", "steps"),
    "anatomy": ("seeds", "steps"),
    "confusion": ("steps",),
}


def run(options):
    """Compute and draw the figures named, or all of them, each as soon as its runs are done."""
    modules = {name: figures.find_module(name) for name in options.names or figures.NAMES}
    terminal.check_counts(options)
    for option in ("seeds", "steps"):
        if all(option in UNUSED.get(name, ()) for name in modules):
            terminal.refuse_options(options, (option,), f"in {' and '.join(modules)}")
    seeds = range(options.seeds or (2 if options.quick else 10))
    folder = terminal.prepare_folder(options)
    for number, (name, module) in enumerate(modules.items(), start=1):
        with terminal.Progress(f"{name} ({number} of {len(modules)}): run") as progress:
            result = module.compute(seeds, options.workers, progress.report, options.steps, options.quick)
        terminal.write_figure(folder, name, module, result)
