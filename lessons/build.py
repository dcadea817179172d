"""Make the learners' notebooks from the authored ones: `python lessons/build.py`.

lessons/solutions/ is authored. lessons/ is made from it: a stub replaces everything between
`### BEGIN SOLUTION` and `### END SOLUTION`, as in nbgrader. The builder runs both versions and
stores their outputs. In the learners' version, cells tagged "predict" have no output, since the
learner should predict it first. Needs nbformat and nbclient, which come with jupyter.
"""

import argparse
import copy
import json
import warnings
from pathlib import Path

import nbformat

from minilm import faults, files
from minilm.commands import terminal
from minilm.exercises.handing_out import handout, mistakes
from minilm.figures import processes

HERE = Path(__file__).parent
SETUP = """\
import importlib.util
import os
import subprocess
import sys

for folder in ("", "..", "../.."):  # opened from the root, from lessons/ or from lessons/solutions/
    if importlib.util.find_spec("minilm") is None and os.path.exists(os.path.join(folder, "minilm/model.py")):
        sys.path.insert(0, os.path.abspath(folder))
if importlib.util.find_spec("minilm") is None:  # a hosted notebook: fetch the package
    source = os.environ.get("MINILM_SOURCE", "")
    if not source.startswith(("https://", "git+https://")) and not os.path.isdir(source):
        raise ModuleNotFoundError("minilm is not here: set os.environ['MINILM_SOURCE'] to its address, "
                                  "https://... or git+https://..., or to its folder, and run this cell again")
    source = os.path.abspath(source) if os.path.isdir(source) else source
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)"""
FAULT_PAGE = """\
# The faults

What can go wrong with a loss mask, where it was met, and how to recognise it. A row of dlogits is
called *lit* if it carries gradient, and *dark* if it is zero. `minilm.faults` plants each in minilm itself,
around any training or gradient code: `with faults.plant("mask_one_late"): ...`. To learn to tell them apart,
take [lesson 9](09_diagnosis.ipynb), then play `python -m minilm quiz`.

{table}

This page is made by `python lessons/build.py` from `minilm/faults/`.
"""


def remove_solutions(notebook):
    """A copy in which a stub replaces every solution; nothing else differs."""
    learner = copy.deepcopy(notebook)
    for cell in learner.cells:
        cell.source = handout.remove_solution(cell.source)
    return learner


def remove_outputs(notebook, only_tag=None):
    """A copy without outputs, or without the outputs of those cells that have the tag `only_tag`."""
    bare = copy.deepcopy(notebook)
    for cell in bare.cells:
        if cell.cell_type == "code" and (only_tag is None or only_tag in cell.metadata.get("tags", [])):
            cell.outputs = []
            if only_tag is None:
                cell.execution_count = None
    return bare


def run_notebook(notebook, folder):
    """A copy with fresh outputs, run in `folder`. Raises nbclient's CellExecutionError if a cell fails."""
    from nbclient import NotebookClient

    executed = remove_outputs(notebook)
    place = {"metadata": {"path": str(folder)}}
    with processes.limit_blas_threads():  # small products gain nothing from a second thread
        NotebookClient(executed, timeout=300, coalesce_streams=True, resources=place).execute()
    for cell in executed.cells:
        cell.metadata.pop("execution", None)  # times of day, different in every run
    executed.metadata = notebook.metadata
    return executed


def read_notebook(path):
    """The notebook in a file. Raises ValueError if the file holds no notebook."""
    content = Path(path).read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbformat repairs old cells, and we write them again
            notebook = nbformat.reads(content.decode("utf-8"), as_version=4)
            nbformat.validate(notebook)
        return notebook
    except Exception as error:  # for bad JSON, nbformat raises errors of many types
        raise ValueError(f"{path} is no notebook: {type(error).__name__}") from None


def write_notebook(path, notebook):
    """Write a notebook in nbformat's layout, whole or not at all."""
    nbformat.validate(notebook)
    write_text(path, json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def write_text(path, text):
    """Write a text as it stands, whole or not at all, on Windows, too."""
    with files.atomic.replace_file(path) as file:
        file.write(text.encode("utf-8"))


def build_notebooks(folder=HERE, execute=True, report=None):
    """Make folder/*.ipynb from folder/solutions/*.ipynb; returns the paths of those made.

    `execute` runs both versions and stores their outputs. `report(done, total)` is called after
    each notebook. Raises ValueError if the folder holds no authored notebooks.
    """
    sources = list_solutions(folder)
    if not sources:
        raise ValueError(f"{folder}/solutions holds no notebooks")
    targets = [Path(folder, source.name) for source in sources]
    for done, (source, target) in enumerate(zip(sources, targets, strict=True), start=1):
        solution = read_notebook(source)
        learner = remove_outputs(remove_solutions(solution))
        if execute:
            write_notebook(source, run_notebook(solution, source.parent))
            learner = remove_outputs(run_notebook(learner, target.parent), only_tag="predict")
        write_notebook(target, learner)
        if report:
            report(done, len(sources))
    return targets


def list_solutions(folder):
    """The paths of the authored notebooks, in the order of the course."""
    return sorted(Path(folder, "solutions").glob("*.ipynb"))


def find_stale(folder=HERE):
    """Names of the learners' notebooks that are missing or differ from what their solution gives."""
    names = []
    for source in list_solutions(folder):
        target = Path(folder, source.name)
        expected = remove_outputs(remove_solutions(read_notebook(source)))
        if not target.exists() or remove_outputs(read_notebook(target)) != expected:
            names.append(source.name)
    return names


def make_fault_page():
    """The text of faults.md: what every fault does, where it was met, and its sign."""
    return FAULT_PAGE.format(table=faults.table(with_signs=True))


def write_pages():
    """Write faults.md and mistakes.md beside this file; returns their paths."""
    pages = {HERE / "faults.md": make_fault_page(), HERE / "mistakes.md": mistakes.make_page()}
    for path, text in pages.items():
        write_text(path, text)
    return list(pages)


def main():
    """Make all learners' notebooks and the pages; `--pages` makes the pages alone."""
    parser = argparse.ArgumentParser(description="Make the learners' notebooks and run them, and the pages.")
    parser.add_argument("--pages", action="store_true", help="make only faults.md and mistakes.md")
    options = parser.parse_args()
    if not options.pages:
        with terminal.Progress("lessons") as progress:
            paths = build_notebooks(report=progress.report)
        print(f"made {len(paths)} notebooks in {HERE} from {HERE / 'solutions'}")
    print("made", *write_pages())


if __name__ == "__main__":
    main()
