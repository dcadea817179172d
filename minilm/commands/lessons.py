"""`python -m minilm lessons`."""

import json
from pathlib import Path

from .. import files
from . import terminal

SUMMARY = "List the exercises of the lessons, or hand out some of them, each as a small notebook."
EXAMPLE = "python -m minilm lessons --only loss_mask purpose --out handouts --seed 7"


def add_options(sub):
    """The options of this command."""
    sub.add_argument("--only", nargs="+", metavar="NAME", help="exercises or questions to hand out")
    sub.add_argument("--out", metavar="DIR", help="the folder for their notebooks")
    sub.add_argument("--seed", type=terminal.seed, help="other random cases in their checks (default 0)")
    sub.add_argument("--solutions", action="store_const", const=True, help="with their solutions, marked")


def run(options):
    """Print the table of all exercises, or write one notebook for each of those named."""
    from ..exercises.handing_out import handout  # which loads all exercises

    notebooks = handout.read_lessons()
    places = {place.name: place for place in handout.list_places(notebooks)}
    if options.only is None:
        terminal.refuse_options(options, ("out", "seed", "solutions"), "without --only")
        print(make_table(places.values()))
        return
    check_options(options, places)
    for name, path in list_paths(options).items():
        notebook = notebooks[places[name].lesson]
        single = handout.cut(notebook, places[name], options.seed or 0, bool(options.solutions))
        with files.atomic.replace_file(path) as file:
            file.write((json.dumps(single, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))
        print(path)


def check_options(options, places):
    """Raise ValueError, before anything is written, for an unknown name or a file that exists."""
    for name in options.only:
        if name not in places:
            raise ValueError(f"there is no exercise {name!r:.80}: `minilm lessons` lists all {len(places)}")
    if options.out is None:
        raise ValueError("name the folder for the notebooks: --out DIR")
    for path in list_paths(options).values():
        if path.exists():
            raise ValueError(f"{path} exists: name another folder, or move it away first")


def list_paths(options):
    """The file of each exercise to hand out, {name: path}."""
    return {name: Path(options.out) / f"{name}.ipynb" for name in options.only}


def make_table(places):
    """All exercises with their lesson and their points."""
    lines = [f"{'lesson':<22} {'exercise':<26} points"]
    lines += [f"{place.lesson:<22} {place.name:<26} {place.points:6}" for place in places]
    total = sum(place.points for place in places)
    return "\n".join([*lines, f"{len(places)} exercises, {total} points"])
