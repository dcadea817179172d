"""What all commands share: progress on a terminal, colour, pages, folders."""

import functools
import os
import sys
import tempfile
import time
from pathlib import Path

from .. import data, figures, files
from ..figures import identities

FOLDERS = "(default figures; with --quick figures/quick; in minilm's own repository figures/own)"


class Progress:
    """Time left, rewritten on one line of a terminal; silent elsewhere and in the first 2 s."""

    def __init__(self, label):
        self.label, self.start, self.shown = label, time.monotonic(), False

    def __enter__(self):
        return self

    def report(self, done, total):
        """Show how much is done."""
        elapsed = time.monotonic() - self.start
        if sys.stderr.isatty() and elapsed > 2:
            self.shown = True
            left = elapsed / done * (total - done)
            text = f"\r{self.label} {done}/{total}, about {left:.0f} s left "
            print(text, end="", file=sys.stderr, flush=True)

    def clear(self):
        """Empty the line, for other output."""
        if self.shown:
            print("\r" + " " * 60 + "\r", end="", file=sys.stderr, flush=True)
            self.shown = False

    def __exit__(self, *_):
        self.clear()


def add_workers(sub):
    """Add the option --workers."""
    workers = os.cpu_count() or 1
    sub.add_argument("--workers", type=int, default=workers, help="runs side by side (default: all cores)")


def check_counts(options):
    """Raise ValueError for --seeds, --steps or --workers below 1."""
    for name in ("seeds", "steps", "workers"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name} is {value}: it must be 1 or more")


def refuse_options(options, names, where):
    """Raise ValueError for what is given of the options `names`, if it would change nothing."""
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) is not None]
    if given:
        raise ValueError(f"{' and '.join(given)} would change nothing {where}: leave it out")


def choose_example(options):
    """The Example of PROMPT and RESPONSE, or the course's question if neither is given.

    Raises ValueError if only one is given.
    """
    if options.prompt is None:
        return identities.QUESTION
    if options.response is None:
        raise ValueError("give a PROMPT and a RESPONSE, or neither for the course's question")
    return data.Example(options.prompt, options.response)


def has_colour():
    """Whether stdout is a terminal that wants colour."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


@functools.cache
def check_drawing():
    """Raise ValueError before the work, not after it, if matplotlib cannot draw a figure."""
    try:
        from ..figures import plots  # matplotlib, only where something is drawn

        plots.encode_png(plots.new_figure(1, 1).text(0, 0, "text").figure, "")
    except Exception as error:  # MPLBACKEND or a file of settings: anything
        raise ValueError(f"matplotlib cannot draw, see MPLBACKEND and matplotlibrc: {error}") from None


def prepare_folder(options):
    """The folder where figures go: --out, or one where they replace none that the repository shows.

    Raises ValueError or OSError before the work, not after it, if a figure cannot be drawn or written.
    """
    check_drawing()
    folder = options.out or ("figures/quick" if options.quick else "figures")
    if Path(folder).resolve() == figures.FIGURES.resolve() and not options.out:
        folder = "figures/own"
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
    return folder


def check_page(path):
    """Raise ValueError before the work if `path`, where a page should go, cannot be one."""
    if path is not None:
        files.atomic.find_target(path)


def write_page(path, text):
    """Write a page; the file changes only when all of it is written."""
    with files.atomic.replace_file(path) as file:
        file.write(text.encode("utf-8", errors="backslashreplace"))


def seed(text):
    """A whole number that is not negative, as NumPy's generators want it."""
    if int(text) < 0:
        raise ValueError
    return int(text)


def write_figure(folder, name, module, result):
    """NAME.json and, drawn from what was read back from it, NAME.png; prints the caption."""
    from ..figures import plots, results  # matplotlib, only where something is drawn

    path = Path(folder) / f"{name}.json"
    caption = module.caption(result)
    results.write_json(path, {"figure": name, "caption": caption, "alt": module.ALT, **result})
    plots.save(module.draw(results.read_json(path)), path.with_suffix(".png"), module.ALT)
    print(f"{path.with_suffix('.png')} and {path.name}: {caption}\n", flush=True)
