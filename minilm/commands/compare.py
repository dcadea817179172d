"""`python -m minilm compare`."""

import os

from .. import figures
from ..figures import anatomy, report, tasks
from . import terminal

SUMMARY = "Show which tokens carry loss, check the identities behind it, train with three losses, draw both."
EXAMPLE = "python -m minilm compare --seeds 10 --out mine"


def add_options(sub):
    """The options of this command."""
    sub.add_argument("--data", metavar="JSONL", help="compare the losses on your own rows instead")
    sub.add_argument("--seeds", type=int, help="how many seeds (default 10; 3 with --data)")
    sub.add_argument("--steps", type=int, help="training steps of a run (default 300)")
    sub.add_argument("--out", metavar="DIR", help=f"where figures go {terminal.FOLDERS}")
    sub.add_argument("--quick", action="store_true", help="2 seeds of 100 steps: a first look")
    sub.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="runs side by side (default: all cores)"
    )
    sub.add_argument("--level", choices=("char", "byte"), help="tokens of --data (default char)")
    sub.add_argument("--max-tokens", type=int, metavar="N", help="cut --data rows to N tokens (default 256)")


def run(options):
    """The identities, the comparison of losses, the figures."""
    n_seeds, steps = choose_size(options)
    if options.data:
        name, level = "data", options.level or "char"
        task = tasks.make_rows_task(options.data, level, steps, options.max_tokens)
    else:
        name, task = "masked_vs_full", tasks.make_zoo_task(steps)
    folder = terminal.choose_folder(options)
    terminal.check_writable(folder)
    print(report.describe_rows(task) if options.data else report.describe_mask())
    with terminal.Progress("training") as progress:
        result = tasks.compare(task, range(n_seeds), options.workers, progress.report)
    print(report.format_comparison(result))
    print(f"\n{report.format_samples(result)}\n")
    if not options.data:
        terminal.write_figure(folder, "anatomy", anatomy, anatomy.compute())
    terminal.write_figure(folder, name, figures.find_module("masked_vs_full"), result)


def choose_size(options):
    """(number of seeds, steps of a run). Raises ValueError for options that do not go together."""
    n_seeds, steps = 10, 300
    if options.data:
        n_seeds = 3
    if options.quick:
        n_seeds, steps = 2, 100
    if options.seeds is not None:
        n_seeds = options.seeds
    if options.steps is not None:
        steps = options.steps
    if n_seeds < 1 or options.workers < 1:
        raise ValueError("--seeds and --workers must be 1 or more")
    if not options.data and (options.level or options.max_tokens is not None):
        raise ValueError("--level and --max-tokens are about your own rows: give them with --data")
    return n_seeds, steps
