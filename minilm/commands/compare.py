"""`python -m minilm compare`."""

from .. import figures
from ..figures import anatomy, report, strip, tasks
from . import terminal

SUMMARY = "Show which tokens carry loss, check the identities behind it, train with three losses, draw both."
EXAMPLE = "python -m minilm compare --seeds 10 --out mine"


def add_options(sub):
    """The options of this command."""
    sub.add_argument("--data", metavar="JSONL", help="compare the losses on your own rows instead")
    sub.add_argument("--seeds", type=int, help="how many seeds (default 10; 3 with --data)")
    sub.add_argument(
        "--steps",
        type=int,
        help="training steps of a run (default 200; with --data about six passes over the rows)",
    )
    sub.add_argument("--out", metavar="DIR", help=f"where figures go {terminal.FOLDERS}")
    sub.add_argument("--quick", action="store_true", help="2 seeds of 100 steps, unless you say else")
    terminal.add_workers(sub)
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
    folder = terminal.prepare_folder(options)
    print(report.describe_rows(task) if options.data else report.describe_mask())
    with terminal.Progress("training") as progress:
        result = tasks.compare(task, range(n_seeds), options.workers, progress.report)
    if not options.data:
        print(f"{report.format_strip(result)}\n")
    print(f"{report.format_samples(result)}\n\n{report.format_comparison(result)}")
    print(f"{report.describe_rise(result) if options.data else report.quote_rates()}\n")
    terminal.write_figure(folder, name, figures.find_module("masked_vs_full"), result)
    if not options.data:
        terminal.write_figure(folder, "strip", strip, result)
        terminal.write_figure(folder, "anatomy", anatomy, anatomy.compute())


def choose_size(options):
    """(number of seeds, steps of a run). Raises ValueError for options that do not go together."""
    terminal.check_counts(options)
    if not options.data:
        terminal.refuse_options(options, ("level", "max_tokens"), "without --data")
    usual = 3 if options.data else 10
    n_seeds = options.seeds or (2 if options.quick else usual)
    usual_steps = None if options.data else tasks.TUNING_STEPS
    return n_seeds, options.steps or (100 if options.quick else usual_steps)
