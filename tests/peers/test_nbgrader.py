"""With nbgrader: it makes the same learners' cells as minilm, and gives points for what passes.

nbgrader runs as its users run it, on two lessons and on exercises handed out one by one.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import build
import pytest

from minilm import exercises
from minilm.__main__ import main
from minilm.exercises.handing_out import handout

pytest.importorskip("nbgrader", reason="nbgrader is not installed: nobody generates and grades with it here")

HOME = Path(__file__).parents[2]
LESSONS = ("01_one_sequence", "03_loss_mask")
SINGLE = ["token_nll", *list(exercises.QUESTIONS)[:1]]  # a function and a question
STUDENTS = ("solved", "unsolved", "wrong")


def run_nbgrader(course, *argv):
    """What nbgrader says while it does something."""
    env = {**os.environ, "PYTHONPATH": str(HOME)}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it calls alembic by name
    command = [sys.executable, "-m", "nbgrader", *argv]
    done = subprocess.run(command, cwd=course, env=env, capture_output=True, encoding="utf-8", timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stderr


def submit(course, student):
    """Hand in the source, what was released, or what was released with None as every answer."""
    folder = course / "submitted" / student / "ps1"
    shutil.copytree(course / ("source" if student == "solved" else "release") / "ps1", folder)
    for path in folder.glob("*.ipynb") if student == "wrong" else ():
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("raise NotImplementedError()", "return None"), encoding="utf-8")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course whose assignment ps1 is released."""
    home = tmp_path_factory.mktemp("course")
    (home / "nbgrader_config.py").touch()
    source = home / "source" / "ps1"
    assert main(["lessons", "--only", *SINGLE, "--solutions", "--out", str(source), "--seed", "5"]) == 0
    for name in LESSONS:
        shutil.copy(HOME / "lessons" / "solutions" / f"{name}.ipynb", source)
    run_nbgrader(home, "generate_assignment", "ps1", "--create")
    return home


@pytest.fixture(scope="module")
def graded(course):
    """What nbgrader said while it graded three students, and its gradebook."""
    from nbgrader.api import Gradebook

    for student in STUDENTS:
        submit(course, student)
    said = run_nbgrader(course, "autograde", "ps1")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        yield said, gradebook


def test_the_released_cells_are_those_of_our_learners(course):
    for name in LESSONS:
        released = build.read_notebook(course / "release" / "ps1" / f"{name}.ipynb")
        source = build.read_notebook(HOME / "lessons" / "solutions" / f"{name}.ipynb")
        ours = build.remove_solutions(source)
        assert [cell.source for cell in released.cells] == [cell.source for cell in ours.cells]


def test_grading_warns_of_nothing(graded):
    assert "AutogradeApp | INFO] Autograding" in graded[0]
    assert "AutogradeApp | WARNING" not in graded[0] and "AutogradeApp | ERROR" not in graded[0]


@pytest.mark.parametrize("student", STUDENTS)
def test_what_passes_gets_its_points_and_nothing_else_does(graded, student):
    places = handout.list_places(handout.read_lessons())
    expected = {p.name: p.points for p in places if p.lesson in LESSONS or p.name in SINGLE}
    submission = graded[1].find_submission("ps1", student)
    grades = {
        grade.name.removesuffix("_test"): (grade.score, grade.needs_manual_grade)
        for notebook in submission.notebooks
        for grade in notebook.grades
    }
    share = 1 if student == "solved" else 0
    assert grades == {name: (points * share, False) for name, points in expected.items()}
