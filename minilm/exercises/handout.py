"""One exercise of a lesson as a notebook of its own, with what it needs of the cells before it.

The section of the exercise is handed out as it stands: from its heading to its check. Where an exercise
shares its heading with one before, its section begins with the next text, that of a question with the
question. Of all earlier cells stay the imports, and the statements that bind what the section or its
solution reads; minilm's own functions stand in for exercises solved before.
"""

import ast
import builtins
import json
import re
import symtable
from pathlib import Path
from typing import NamedTuple

from .. import exercises

FOLDER = Path(__file__).parents[2] / "lessons" / "solutions"  # in the repository; a package has none
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.DOTALL | re.MULTILINE)
TITLE = """\
# `{name}`

An exercise of minilm's lesson {lesson}. Points: {points}. Run the cells from the top. Write your answer
where it says `YOUR CODE HERE`. The check in the last cell says what is wrong, and why."""
HEADING = re.compile("^#+ ", re.M)
ANSWER = re.compile(r"\A\s*<details>.*?</details>\s*", re.DOTALL)
IMPORTS = (ast.Import, ast.ImportFrom)
BINDING = (*IMPORTS, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.ClassDef)


class Place(NamedTuple):
    """Where an exercise stands. lesson: "03_loss_mask"; title: "3. The loss mask"; cells: of its section."""

    lesson: str
    title: str
    name: str
    points: int
    cells: range


class Statement(NamedTuple):
    """A statement of a cell. `rebinds`: whether what it binds does not depend on what the name was before."""

    text: str
    reads: set
    binds: set
    rebinds: bool
    imports: bool


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
    floor, start, has_heading = find_setup(cells) + 1, None, False
    for i, cell in enumerate(cells[floor:], start=floor):
        source, is_text = read_source(cell), cell["cell_type"] == "markdown"
        if is_text and HEADING.search(source):
            start, has_heading = i, True
        elif not has_heading and (source.startswith("ask(") or (is_text and start is None)):
            start = i
        about = read_nbgrader(cell)
        if about.get("grade"):
            end = i + 1
            while end < len(cells) and read_nbgrader(cells[end]).get("grade"):
                end += 1  # the same answer cell has several checks
            name, first = about["grade_id"].removesuffix("_test"), floor if start is None else start
            yield Place(lesson, title, name, about["points"], range(first, end))
            if end == i + 1:
                floor, start, has_heading = end, None, False


def find_setup(cells):
    """The index of the set-up, the first cell of code."""
    return next(i for i, cell in enumerate(cells) if cell["cell_type"] == "code")


def cut(notebook, place, seed=0, solved=False):
    """The notebook of one exercise: its title, the set-up, what it needs, its section. No outputs.

    Another `seed` gives check() other random cases; `solved` keeps the solution and its markers.
    """
    cells = notebook["cells"]
    setup = find_setup(cells)
    section = [{**cells[i], "source": add_seed(read_source(cells[i]), seed)} for i in place.cells]
    if section[0]["cell_type"] == "markdown":
        section[0]["source"] = trim_text(section[0]["source"])
    needed = collect_statements(cells[setup + 1 : place.cells.start], list_names(section))
    if not solved:
        section = [{**cell, "source": remove_solution(cell["source"])} for cell in section]
    points = sum(read_nbgrader(cell).get("points", 0) for cell in section)
    title = TITLE.format(name=place.name, lesson=place.title, points=points)
    head = [make_cell("markdown", title, "title"), cells[setup], make_cell("code", needed, "needed")]
    kept = [clear_outputs(cell) for cell in [*head, *section]]
    return {**notebook, "cells": kept}


def remove_solution(source):
    """The source of a cell with a stub in place of every solution."""
    return SOLUTION.sub(lambda found: "\n".join(found[1] + line for line in STUB), source)


def trim_text(source):
    """A section's first text, without what belongs to the section before it, such as an answer in words."""
    heading = HEADING.search(source)
    return source[heading.start() :] if heading else ANSWER.sub("", source)


def add_seed(source, seed):
    """The source with `seed=...` in each check of a function, unless the seed is the usual 0."""

    def replace(found):
        return f"{found[1]}, seed={seed})" if seed and found[2] in exercises.EXERCISES else found[0]

    return re.sub(r'(\bcheck\("(\w+)", \w+)\)', replace, source)


def list_names(section):
    """The names that the code of a section reads before it binds them."""
    names = set()
    for statement in reversed([s for cell in section for s in split_statements(cell)]):
        names = (names - statement.binds if statement.rebinds else names) | statement.reads
    return names


def collect_statements(cells, names):
    """The imports of earlier cells and the statements that `names` need, as the source of one cell."""
    texts = []
    for cell in reversed(cells):
        about = read_nbgrader(cell)
        for statement in reversed([] if about.get("grade") else split_statements(cell)):
            needed = names & statement.binds
            if about.get("solution"):
                texts += [f'{name} = find("{name}").solve  # minilm\'s own' for name in sorted(needed)]
                names = names - needed | ({"find"} if needed else set())
            elif needed or statement.imports:
                names = (names - statement.binds if statement.rebinds else names) | statement.reads
                texts.append(statement.text)
    texts += ["from minilm.exercises import find"] if "find" in names else []
    return "\n".join(reversed(texts))


def split_statements(cell):
    """The Statements of a cell; lines that only a notebook knows, such as %matplotlib, are none."""
    if cell["cell_type"] != "code":
        return []
    lines = [line if line[:1] not in ("%", "!") else "" for line in read_source(cell).split("\n")]
    return [make_statement(node, lines) for node in ast.parse("\n".join(lines)).body]


def make_statement(node, lines):
    """The Statement of a node of Python's syntax tree."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    text = "\n".join(lines[first - 1 : node.end_lineno])
    table = symtable.symtable(text, "cell", "exec")
    reads = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    binds = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    for target in getattr(node, "targets", [getattr(node, "target", None)]):
        while isinstance(target, (ast.Subscript, ast.Attribute)):
            target = target.value  # an entry of it changes, so that whoever reads it needs this, too
        binds |= {target.id} if isinstance(target, ast.Name) else set()
    reads |= list_globals(table)
    reads -= set(dir(builtins))
    rebinds = isinstance(node, BINDING) and not binds & reads
    return Statement(text, reads, binds, rebinds, isinstance(node, IMPORTS))


def list_globals(table):
    """The names that functions and comprehensions in a table read from outside."""
    names = set()
    for child in table.get_children():
        names |= {symbol.get_name() for symbol in child.get_symbols() if symbol.is_global()}
        names |= list_globals(child)
    return names


def make_cell(kind, source, name):
    """A new cell of a notebook; `name` is its id."""
    return {"cell_type": kind, "id": name, "metadata": {}, "source": source}


def clear_outputs(cell):
    """A copy of a cell without what it printed."""
    return {**cell, "execution_count": None, "outputs": []} if cell["cell_type"] == "code" else dict(cell)


def read_source(cell):
    """A cell's text, which JSON may hold in lines."""
    return "".join(cell["source"])


def read_nbgrader(cell):
    """What nbgrader notes on a cell, {} for none."""
    return cell["metadata"].get("nbgrader", {})
