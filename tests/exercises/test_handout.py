"""Handed-out exercises: whole with what they need, and nothing else."""

import ast

import pytest

from minilm import exercises
from minilm.exercises import handout

NOTEBOOKS = handout.read_lessons()
PLACES = handout.list_places(NOTEBOOKS)


def make_notebook(*sources):
    """A notebook of code cells, and of text where a source begins with "#"."""
    cells = [
        {"cell_type": "markdown" if source.startswith("#") else "code", "metadata": {}, "source": source}
        for source in sources
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def collect(*sources, names):
    return handout.collect_statements(make_notebook(*sources)["cells"], set(names)).split("\n")


def run_cell(cell, names):
    """The value of a cell's last line, run in this process."""
    lines = [line for line in cell["source"].split("\n") if not line.startswith("%")]
    tree = ast.parse("\n".join(lines))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_solved_exercise_passes_with_what_was_handed_out(place):
    names = {"display": print}
    for cell in handout.cut(NOTEBOOKS[place.lesson], place, seed=3, solved=True)["cells"]:
        value = run_cell(cell, names) if cell["cell_type"] == "code" else None
        if handout.read_nbgrader(cell).get("grade_id") == f"{place.name}_test":
            verdict = value
    assert verdict.name.lower().replace(" ", "_") == place.name and verdict.status == "passed"


def test_every_exercise_and_question_of_the_checker_can_be_handed_out():
    names = [place.name for place in PLACES]
    assert len(set(names)) == len(names)
    assert {*exercises.EXERCISES, *exercises.QUESTIONS} <= set(names)


@pytest.mark.parametrize("solved", [False, True])
def test_cells_keep_what_nbgrader_needs(solved):
    for place in PLACES:
        cells = handout.cut(NOTEBOOKS[place.lesson], place, solved=solved)["cells"]
        noted = {about["grade_id"]: about for cell in cells if (about := handout.read_nbgrader(cell))}
        assert noted[f"{place.name}_test"]["points"] == place.points
        assert [about["solution"] for about in noted.values()] == [True, *[False] * (len(noted) - 1)]
        (answer,) = (cell for cell in cells if handout.read_nbgrader(cell).get("solution"))
        assert ("### BEGIN SOLUTION" in answer["source"]) == solved != ("YOUR CODE HERE" in answer["source"])
        assert all(cell["outputs"] == [] for cell in cells if cell["cell_type"] == "code")


def test_another_seed_stands_in_the_check_of_a_function_and_in_no_other():
    assert handout.add_seed('verdict = check("shift", f)', 7) == 'verdict = check("shift", f, seed=7)'
    for source in ('check("no_exercise", f)', "quiz.check(a, case_a)", 'recheck("shift", f)'):
        assert handout.add_seed(source, 7) == source
    assert handout.add_seed('check("shift", f)', 0) == 'check("shift", f)'


def test_only_what_is_needed_of_earlier_cells_is_kept():
    kept = collect(
        "%matplotlib inline\nimport numpy as np\na = 1\nunused = 2",
        "b = [a]\nb[0] = 5\nprint(b)",
        "def g(x): return x + b[0]\ndef f(x):\n    c = x\n    return g(c)\nc = 3",
        names={"f"},
    )
    assert kept == [
        "import numpy as np",
        *("a = 1", "b = [a]", "b[0] = 5"),
        *("def g(x): return x + b[0]", "def f(x):", "    c = x", "    return g(c)"),
    ]


def test_of_a_name_bound_twice_the_last_is_kept_unless_it_needs_the_first():
    assert collect("a = 1\na = 2", names={"a"}) == ["a = 2"]
    assert collect("a = 1\na += 2", names={"a"}) == ["a = 1", "a += 2"]
    assert collect("a = 1\nfor a in range(a): pass", names={"a"}) == ["a = 1", "for a in range(a): pass"]


def test_minilm_s_own_function_stands_in_for_an_exercise_solved_before():
    notebook = make_notebook("def shift(tokens):\n    raise NotImplementedError()", "shift = check(shift)")
    for cell, about in zip(notebook["cells"], ({"solution": True}, {"grade": True}), strict=True):
        cell["metadata"]["nbgrader"] = about
    kept = handout.collect_statements(notebook["cells"], {"shift"})
    names = {}
    exec(kept, names)
    assert names["shift"] is exercises.find("shift").solve


def grade_cells(notebook, grades):
    """The Places of a notebook in which the cells of `grades` {index: name} are checks of 2 points."""
    for i, name in grades.items():
        about = {"grade": True, "grade_id": f"{name}_test", "points": 2}
        notebook["cells"][i]["metadata"]["nbgrader"] = about
    return list(handout.find_places("01_one", notebook))


def test_a_section_reaches_from_its_heading_to_its_check():
    notebook = make_notebook("# 1. One", "setup", "import numpy", "## Two", "a", "b", "## Three", "c", "d")
    first, second = grade_cells(notebook, {5: "first", 8: "second"})
    assert (first.cells, second.cells) == (range(3, 6), range(6, 9))
    assert first[:4] == ("01_one", "1. One", "first", 2)


def test_without_a_heading_a_section_begins_with_its_text_and_a_question_with_itself():
    sources = [
        "setup",
        "## A",
        "a",
        "check(a)",
        "use(a)",
        "#text",
        "b",
        "check(b)",
        "use(b)",
        "#Keep",
        "ask('c')",
    ]
    notebook = make_notebook("# 1. One", *sources, "c", "check(c)", "d", "check(d)")
    places = grade_cells(notebook, {4: "a", 8: "b", 13: "c", 15: "d"})
    assert [place.cells for place in places] == [range(2, 5), range(6, 9), range(11, 14), range(14, 16)]


def test_an_answer_to_what_stands_before_a_section_is_no_part_of_it():
    answer = "<details><summary>In words</summary>\n5 of 6.\n</details>\n\n"
    assert handout.trim_text(f"{answer}## Write\nNow.\n{answer}") == f"## Write\nNow.\n{answer}"
    assert handout.trim_text(f"{answer}Now.") == "Now."
    assert handout.trim_text(f"Now.\n{answer}") == f"Now.\n{answer}"


def test_a_comment_in_code_is_no_heading():
    notebook = make_notebook("# 1. One", "setup", "## A", "a", "check(a)", "b = 1\n# why", "check(b)")
    _, place = grade_cells(notebook, {4: "a", 6: "b"})
    assert handout.cut(notebook, place)["cells"][3]["source"] == "b = 1\n# why"


def test_checks_of_one_answer_cell_are_handed_out_together():
    notebook = make_notebook("# 1. One", "setup", "# Two", "def b(): pass", "check(b)", "check(c)", "rest")
    places = grade_cells(notebook, {4: "b", 5: "c"})
    assert [place.cells for place in places] == [range(2, 6)] * 2
    assert "Points: 4." in handout.cut(notebook, places[0])["cells"][0]["source"]


def test_without_lessons_it_says_where_they_are(tmp_path):
    with pytest.raises(ValueError, match="they are in minilm's repository, not in its package"):
        handout.read_lessons(tmp_path)
