"""Handed-out exercises: whole with what they need, and nothing else."""

import ast

import pytest

from minilm import exercises
from minilm.exercises.handing_out import handout

NOTEBOOKS = handout.read_lessons()
PLACES = handout.list_places(NOTEBOOKS)


def make_notebook(*sources):
    """A notebook of code cells, and of text where a source begins with "#"."""
    cells = [
        {"cell_type": "markdown" if source.startswith("#") else "code", "metadata": {}, "source": source}
        for source in sources
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def run_cell(cell, names):
    """The value of a cell's last line, run in this process."""
    lines = [line for line in cell["source"].split("\n") if not line.startswith("%")]
    tree = ast.parse("\n".join(lines))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_solved_exercise_passes_with_what_was_handed_out(place, short_runs):
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


def grade_cells(notebook, grades):
    """The Places of a notebook in which the cells of `grades` {index: name} are checks of 2 points."""
    for i, name in grades.items():
        about = {"grade": True, "grade_id": f"{name}_test", "points": 2}
        notebook["cells"][i]["metadata"]["nbgrader"] = about
    return list(handout.find_places("01_one", notebook))


def test_a_section_reaches_from_its_heading_to_its_check():
    notebook = make_notebook("# 1. One", "setup", "import numpy", "## Two", "a", "b", "## Three", "c", "d")
    first, second = grade_cells(notebook, {5: "first", 8: "second"})
    assert (first.cells, second.cells) == ([3, 4, 5], [6, 7, 8])
    assert first[:4] == ("01_one", "1. One", "first", 2)


def test_without_a_heading_of_its_own_a_section_begins_with_its_text_or_shares_the_heading():
    sources = [
        "# 1. One",
        "setup",
        "## A",
        "a",
        "check(a)",
        "use(a)",
        "#text",
        "b",
        "check(b)",
        "c",
        "check(c)",
    ]
    places = grade_cells(make_notebook(*sources), {4: "a", 8: "b", 10: "c"})
    assert [place.cells for place in places] == [[2, 3, 4], [6, 7, 8], [2, 9, 10]]
    (place,) = grade_cells(make_notebook("# 1. One\n## A", "setup", "a", "check(a)"), {3: "a"})
    assert place.cells == [0, 2, 3]


def test_a_question_without_a_heading_is_asked_again(monkeypatch):
    monkeypatch.setitem(exercises.QUESTIONS, "c", None)
    sources = ["# 1. One", "setup", "## A", "ask_all()", "a", "check(a)", "train()", "c", "check(c)"]
    notebook = make_notebook(*sources)
    notebook["cells"][7]["metadata"]["nbgrader"] = {"solution": True}
    _, place = grade_cells(notebook, {5: "a", 8: "c"})
    cut = [cell["source"] for cell in handout.cut(notebook, place)["cells"]]
    assert place.cells == [7, 8] and cut[3:] == ['ask("c")', "c", "check(c)"]
    shown = [handout.make_cell("code", 'ask("c")', "id")]
    assert handout.add_question(shown, "c") == handout.add_question(shown, "a") == shown


def test_an_answer_to_what_stands_before_a_section_is_no_part_of_it():
    answer = "<details><summary>In words</summary>\n5 of 6.\n</details>\n\n"
    assert handout.trim_text(f"{answer}## Write\nNow.\n{answer}") == f"## Write\nNow.\n{answer}"
    assert handout.trim_text(f"{answer}Now.") == "Now."
    assert handout.trim_text(f"Now.\n{answer}") == f"Now.\n{answer}"


def test_a_comment_in_code_is_no_heading():
    notebook = make_notebook("# 1. One", "setup", "## A", "a", "check(a)", "b = 1\n# why", "check(b)")
    _, place = grade_cells(notebook, {4: "a", 6: "b"})
    assert handout.cut(notebook, place)["cells"][4]["source"] == "b = 1\n# why"


def test_checks_of_one_answer_cell_are_handed_out_together():
    notebook = make_notebook("# 1. One", "setup", "## Two", "def b(): pass", "check(b)", "check(c)", "rest")
    places = grade_cells(notebook, {4: "b", 5: "c"})
    assert [place.cells for place in places] == [[2, 3, 4, 5]] * 2
    assert "Points: 4." in handout.cut(notebook, places[0])["cells"][0]["source"]


def test_without_lessons_it_says_where_they_are(tmp_path):
    with pytest.raises(ValueError, match="they are in minilm's repository, not in its package"):
        handout.read_lessons(tmp_path)
