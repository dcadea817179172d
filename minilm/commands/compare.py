"""`python -m minilm compare`."""

import os

from .. import figures
from ..figures import identities, report, tasks
from . import terminal

SUMMARY = "Show which tokens carry loss, check the identities behind it, train with three losses, draw both."
EXAMPLE = "python -m minilm compare --seeds 10 --out figures"


def add_options(sub):
    """The options of this command."""
    sub.add_argument("--data", metavar="JSONL", help="compare the losses on your own rows instead")
    sub.add_argument("--seeds", type=int, help="how many seeds (default 10; 3 with --data)")
    sub.add_argument("--steps", type=int, help="training steps of a run (default 300)")
    sub.add_argument("--out", metavar="DIR", help="where figures go (default figures, quick: figures/quick)")
    sub.add_argument("--quick", action="store_true", help="2 seeds of 100 steps: a first look")
    sub.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="runs side by side (default: all cores)"
    )
    sub.add_argument("--level", choices=("char", "byte"), help="tokens of --data (default char)")
    sub.add_argument("--max-tokens", type=int, metavar="N", help="cut --data rows to N tokens (default 256)")


def run(options):
    """The identities, the comparison of losses, the figures."""
    n_seeds, steps = (2, 100) if options.quick else (3 if options.data else 10, 300)
    n_seeds = n_seeds if options.seeds is None else options.seeds
    steps = steps if options.steps is None else options.steps
    if n_seeds < 1 or options.workers < 1:
        raise ValueError("--seeds and --workers must be 1 or more")
    if not options.data and (options.level or options.max_tokens is not None):
        raise ValueError("--level and --max-tokens are about your own rows: give them with --data")
    if options.data:
        task = tasks.jsonl_task(options.data, options.level or "char", steps, options.max_tokens)
    else:
        task = tasks.zoo_task(steps)
    name = "data" if options.data else "masked_vs_full"
    folder = options.out or ("figures/quick" if options.quick else "figures")
    terminal.check_writable(folder)
    print(report.overview(task) if options.data else report.mask_and_decomposition())
    with terminal.Progress("training") as progress:
        result = tasks.compare(task, range(n_seeds), options.workers, progress.report)
    print(report.comparison(result))
    print("\n" + report.samples(result) + "\n")
    if not options.data:
        terminal.write_figure(folder, "anatomy", figures.study("anatomy"), identities.anatomy())
    terminal.write_figure(folder, name, figures.study("masked_vs_full"), result)
