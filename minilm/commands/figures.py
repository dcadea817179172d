"""The main job, the other figures, and whether the numbers in the texts are theirs."""

import argparse
from pathlib import Path

from .. import claims
from .. import figures as studies
from ..figures import identities, report, tasks
from . import terminal


def add_options(command):
    """The options of these commands; `command` is __main__'s."""
    for add in (
        add_figures,
        add_claims,
    ):
        add(command)


def main_job(options):
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
        write_figure(folder, "anatomy", studies.study("anatomy"), identities.anatomy())
    write_figure(folder, name, studies.study("masked_vs_full"), result)


def add_figures(command):
    sub = command(
        "figures",
        figures,
        "Train what the figures show, write each as JSON and PNG.",
        "python -m minilm figures why few_shot",
    )
    sub.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(studies.NAMES)}; default all"
    )
    later = {"default": argparse.SUPPRESS}  # what stands before the command's name holds, too
    sub.add_argument("--seeds", type=int, help="how many seeds (default 10)", **later)
    sub.add_argument(
        "--steps", type=int, help="training steps of a run (default: each figure's own)", **later
    )
    sub.add_argument(
        "--out", metavar="DIR", help="where they go (default figures, quick: figures/quick)", **later
    )
    sub.add_argument("--quick", action="store_true", help="2 seeds, 100 steps, fewer points", **later)
    sub.add_argument("--workers", type=int, help="runs side by side (default: all cores)", **later)


def figures(options):
    """Compute and draw the figures named, or all of them, each as soon as its runs are done."""
    modules = {name: studies.study(name) for name in options.names or studies.NAMES}
    n_seeds = (2 if options.quick else 10) if options.seeds is None else options.seeds
    if n_seeds < 1 or options.workers < 1:
        raise ValueError("--seeds and --workers must be 1 or more")
    if options.steps is not None and options.steps < 1:
        raise ValueError(f"--steps is {options.steps}: it must be 1 or more")
    folder = options.out or ("figures/quick" if options.quick else "figures")
    terminal.check_writable(folder)
    for number, (name, module) in enumerate(modules.items(), start=1):
        with terminal.Progress(f"{name} ({number} of {len(modules)}): run") as progress:
            result = module.compute(
                range(n_seeds), options.workers, progress.report, options.steps, options.quick
            )
        write_figure(folder, name, module, result)


def write_figure(folder, name, study, result):
    """NAME.json and, drawn from what was read back from it, NAME.png; prints the caption."""
    from ..figures import plots  # matplotlib, only where something is drawn

    path = Path(folder) / f"{name}.json"
    caption = study.caption(result)
    tasks.write_json(path, {"figure": name, "caption": caption, "alt": study.ALT, **result})
    plots.save(study.draw(tasks.read_json(path)), path.with_suffix(".png"), study.ALT)
    print(f"{path.with_suffix('.png')} and {path.name}: {caption}\n", flush=True)


def add_claims(command):
    sub = command(
        "claims",
        check_claims,
        "Check every number in README, lessons and captions against what it was measured by.",
        "python -m minilm claims",
    )
    sub.add_argument("--dir", default=".", help="the repository (default: here)")


def check_claims(options):
    """Print each number without a source; exit code 1 if there is one."""
    problems = claims.check(options.dir)
    print("\n".join(problems) or "every number has its source")
    return 1 if problems else 0
