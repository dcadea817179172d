"""One exercise of a lesson as a notebook of its own, with what it needs of the cells before it.

The section of the exercise is handed out as it stands: from its heading to its check. Where an exercise
shares its heading with one before, its section begins with the next text, or has the shared one where no text
is left. needed.py says what it needs of earlier cells.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

from ... import exercises
from .needed import collect_statements, list_names, read_nbgrader, read_source

FOLDER = Path(__file__).parents[3] / "lessons" / "solutions"  # in the repository; a package has none
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.DOTALL | re.MULTILINE)
TITLE = """\
# `{name}`

An exercise of minilm's lesson {lesson}. Points: {points}. Run the cells from the top. Write your answer
where it says `YOUR CODE HERE`. The check in the last cell says what is wrong, and why."""
HEADING = re.compile("^##+ ", re.M)
ANSWER = re.compile(r"\A\s*<details>.*?</details>\s*", re.DOTALL)


class Place(NamedTuple):
    """Where an exercise stands. lesson: "03_loss_mask"; title: "3. The loss mask"; cells: of its section."""

    lesson: str
    title: str
    name: str
    points: int
    cells: list


def read_lessons(folder=None):
    """The authored notebooks as {"03_loss_mask": JSON}. Raises ValueError where there are none."""
    paths = sorted(Path(folder or FOLDER).glob("*.ipynb"))
    if not paths:
        raise ValueError("the lessons are not here: they are in minilm's repository, not in its package")
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def list_places(notebooks):
    """The Place of every exercise and question, in the order of the course."""
    return [place for lesson, notebook in notebooks.items() for place in find_places(lesson, notebook)]


def find_places(lesson, notebook):
    """Yield the Place of each exercise of a lesson."""
    cells = notebook["cells"]
    title = read_source(cells[0]).split("\n")[0].lstrip("# ")
    setup, checks = find_setup(cells), [i for i, cell in enumerate(cells) if read_nbgrader(cell).get("grade")]
    start = setup + 1
    for i in checks:
        end = i + 1
        while end in checks:  # the same answer cell has several checks
            end += 1
        about = read_nbgrader(cells[i])
        name = about["grade_id"].removesuffix("_test")
        yield Place(lesson, title, name, about["points"], find_section(cells, start, end, name))
        start = end if end == i + 1 else start


def find_section(cells, start, end, name):
    """The indices of an exercise's section, in start .. end - 1, and of an earlier heading that it shares."""
    texts = [i for i in range(end) if cells[i]["cell_type"] == "markdown"]
    headings = [i for i in texts if HEADING.search(read_source(cells[i]))]
    own_headings = [i for i in headings if i >= start]
    if own_headings:
        return list(range(own_headings[-1], end))
    if name in exercises.QUESTIONS:  # it explains itself
        return list(range(start, end))[-2:]
    own_texts = [i for i in texts if i >= start]
    first = own_texts[0] if own_texts else start
    shared = [] if own_texts else headings[-1:]
    return [*shared, *range(first, end)]


def find_setup(cells):
    """The index of the set-up, the first cell of code."""
    return next(i for i, cell in enumerate(cells) if cell["cell_type"] == "code")


def cut(notebook, place, seed=0, solved=False):
    """The notebook of one exercise: its title, the set-up, what it needs, its section. No outputs.

    Another `seed` gives check() other random cases; `solved` keeps the solution and its markers.
    """
    cells, setup = notebook["cells"], find_setup(notebook["cells"])
    section = [{**cells[i], "source": add_seed(read_source(cells[i]), seed)} for i in place.cells]
    if section[0]["cell_type"] == "markdown":
        section[0]["source"] = trim_text(section[0]["source"])
    section = add_question(section, place.name)
    earlier = [cells[i] for i in range(setup + 1, place.cells[-1]) if i not in place.cells]
    needed = collect_statements(earlier, list_names(section))
    if not solved:
        section = [{**cell, "source": remove_solution(cell["source"])} for cell in section]
    points = sum(read_nbgrader(cell).get("points", 0) for cell in section)
    title = TITLE.format(name=place.name, lesson=place.title, points=points)
    head = [make_cell("markdown", title, "title"), cells[setup], make_cell("code", needed, "needed")]
    return {**notebook, "cells": [clear_outputs(cell) for cell in [*head, *section]]}


def remove_solution(source):
    """The source of a cell with a stub in place of every solution."""
    return SOLUTION.sub(lambda found: "\n".join(found[1] + line for line in STUB), source)


def trim_text(source):
    """A section's first text, without what belongs to the section before it, such as an answer in words."""
    heading = HEADING.search(source)
    return source[heading.start() :] if heading else ANSWER.sub("", source)


def add_question(section, name):
    """The section with the question before its answer cell, if it is one that no cell of it shows."""
    asking = f'ask("{name}")'
    if name not in exercises.QUESTIONS or any(asking in read_source(cell) for cell in section):
        return section
    answer = next(i for i, cell in enumerate(section) if read_nbgrader(cell).get("solution"))
    return [*section[:answer], make_cell("code", asking, "question"), *section[answer:]]


def add_seed(source, seed):
    """The source with `seed=...` in each check of a function, unless the seed is the usual 0."""

    def replace(found):
        return f"{found[1]}, seed={seed})" if seed and found[2] in exercises.EXERCISES else found[0]

    return re.sub(r'(\bcheck\("(\w+)", \w+)\)', replace, source)


def make_cell(kind, source, name):
    """A new cell of a notebook; `name` is its id."""
    return {"cell_type": kind, "id": name, "metadata": {}, "source": source}


def clear_outputs(cell):
    """A copy of a cell without what it printed."""
    return {**cell, "execution_count": None, "outputs": []} if cell["cell_type"] == "code" else dict(cell)
