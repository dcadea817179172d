"""Learner notebooks from authored ones: `python lessons/build.py`.

lessons/solutions/ is authored; lessons/ is made from it by taking out what stands between
`### BEGIN SOLUTION` and `### END SOLUTION`, as nbgrader does. Both are run, so that their outputs
are stored; in the learner's version, cells tagged "predict" come without, to be predicted first.
The page faults.md is made, too, from minilm/faults.py. Needs nbformat and nbclient, which come with jupyter.
"""

import argparse
import copy
import json
import re
import warnings
from pathlib import Path

import nbformat

from minilm import faults, files
from minilm.commands import terminal

SETUP = """\
import importlib.util
import os
import sys

for folder in ("", "..", "../.."):  # opened from the root, from lessons/ or from lessons/solutions/
    if importlib.util.find_spec("minilm") is None and os.path.exists(os.path.join(folder, "minilm/model.py")):
        sys.path.insert(0, os.path.abspath(folder))
if importlib.util.find_spec("minilm") is None:  # a hosted notebook: fetch the package
    source = os.environ.get("MINILM_SOURCE") or input("Address of the minilm repository, for pip: ")
    %pip install -q {source}"""
FAULT_PAGE = """\
# The bug zoo

What can go wrong with a loss mask, where it was met, and by what sign one knows it. A row of dlogits is
called *lit* if it carries gradient, and *dark* if it is zero. `faults.py` plants each fault in minilm itself,
around any training or gradient code: `with faults.plant("mask_one_late"): ...`. To learn to tell them apart,
take [lesson 9](09_diagnosis.ipynb), then play `python -m minilm quiz`.

{table}

This page is made by `python lessons/build.py` from `minilm/faults.py`.
"""
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.DOTALL | re.MULTILINE)


def without_solutions(notebook):
    """A copy in which every solution is replaced by the stub; nothing else differs."""
    learner = copy.deepcopy(notebook)
    for cell in learner.cells:
        cell.source = SOLUTION.sub(lambda found: "\n".join(found[1] + line for line in STUB), cell.source)
    return learner


def without_outputs(notebook, only_tag=None):
    """A copy without outputs, or without those of the cells that carry `only_tag`."""
    bare = copy.deepcopy(notebook)
    for cell in bare.cells:
        if cell.cell_type == "code" and (only_tag is None or only_tag in cell.metadata.get("tags", [])):
            cell.outputs = []
            cell.execution_count = cell.execution_count if only_tag else None
    return bare


def run(notebook, folder):
    """A copy with fresh outputs; raises nbclient's CellExecutionError where a cell fails."""
    from nbclient import NotebookClient

    done = without_outputs(notebook)
    NotebookClient(
        done, timeout=120, coalesce_streams=True, resources={"metadata": {"path": str(folder)}}
    ).execute()
    for cell in done.cells:
        cell.metadata.pop("execution", None)  # times of day, different in every run
    done.metadata = notebook.metadata
    return done


def read(path):
    """A notebook file. Raises ValueError if it is none."""
    content = Path(path).read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it repairs is written anew
            notebook = nbformat.reads(content.decode("utf-8"), as_version=4)
            nbformat.validate(notebook)
        return notebook
    except Exception as error:  # what nbformat raises on any JSON is no closed list
        raise ValueError(f"{path} is no notebook: {type(error).__name__}") from None


def write(path, notebook):
    """Write a notebook as nbformat does, whole or not at all."""
    nbformat.validate(notebook)
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    with files.checkpoint.replacing(path) as file:
        file.write(text.encode("utf-8"))


def build(folder="lessons", execute=True, report=None):
    """Refresh folder/solutions/*.ipynb and make folder/*.ipynb from them; returns the latter's paths.

    `report(done, total)` is called after each. Raises ValueError if there is nothing to build from.
    """
    sources = sorted(Path(folder, "solutions").glob("*.ipynb"))
    if not sources:
        raise ValueError(f"{folder}/solutions holds no notebooks: run this from the repository's root")
    targets = [Path(folder, source.name) for source in sources]
    for done, (source, target) in enumerate(zip(sources, targets, strict=True), start=1):
        solution = read(source)
        learner = without_outputs(without_solutions(solution))
        if execute:
            write(source, run(solution, source.parent))
            learner = without_outputs(run(learner, target.parent), only_tag="predict")
        write(target, learner)
        if report:
            report(done, len(sources))
    return targets


def stale(folder="lessons"):
    """Names of learner notebooks whose cells are not those made from their solution."""
    names = []
    for source in sorted(Path(folder, "solutions").glob("*.ipynb")):
        target = Path(folder, source.name)
        expected = without_outputs(without_solutions(read(source)))
        if not target.exists() or without_outputs(read(target)) != expected:
            names.append(source.name)
    return names


def make_fault_page():
    """The text of faults.md: what every fault of the zoo does, where it was met, and its sign."""
    return FAULT_PAGE.format(table=faults.table(with_signs=True))


def write_fault_page(folder="lessons"):
    """Write folder/faults.md."""
    Path(folder, "faults.md").write_text(make_fault_page(), encoding="utf-8")


def main():
    """Make all learner notebooks; `--no-run` makes them without outputs."""
    parser = argparse.ArgumentParser(description="Make the learners' notebooks, run them.")
    parser.add_argument("--dir", default="lessons", help="the folder that holds solutions/ (default lessons)")
    parser.add_argument("--no-run", action="store_true", help="make them without running: no outputs")
    options = parser.parse_args()
    with terminal.Progress("lessons") as progress:
        paths = build(options.dir, not options.no_run, progress.report)
    write_fault_page(options.dir)
    print(f"{len(paths)} notebooks in {options.dir}/, made from {options.dir}/solutions/")


if __name__ == "__main__":
    main()
