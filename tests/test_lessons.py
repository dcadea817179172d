"""The notebooks: up to date, small, and runnable from every folder."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import build
import nbformat
import pytest

from minilm import exercises

HOME = Path(__file__).parents[1]
SOLUTIONS = sorted((HOME / "lessons" / "solutions").glob("*.ipynb"))
LEARNERS = sorted((HOME / "lessons").glob("*.ipynb"))
NAMES = [path.stem for path in SOLUTIONS]
WITHOUT_EXERCISES = ("00", "11")


def code_cells(path):
    return [cell for cell in build.read_notebook(path).cells if cell.cell_type == "code"]


def test_twelve_lessons_and_none_is_stale():
    assert len(SOLUTIONS) == len(LEARNERS) == 12
    assert build.find_stale(HOME / "lessons") == []


def test_every_exercise_is_in_one_lesson_with_points():
    checked = []
    for path in SOLUTIONS:
        for cell in build.read_notebook(path).cells:
            meta = cell.metadata.get("nbgrader", {})
            if meta.get("grade"):
                name, function = re.search(r'check\("?(\w+)"?, (\w+)\)', cell.source).groups()
                assert meta["points"] > 0 and meta["grade_id"] == f"{function}_test"
                if "quiz.check" in cell.source:  # a sealed case, answered by a function of the lesson
                    assert function == f"case_{name}"
                    continue
                assert function == name
                checked.append(name)
            if meta.get("solution"):
                assert "### BEGIN SOLUTION" in cell.source and "### END SOLUTION" in cell.source
    assert sorted(checked) == sorted([*exercises.names(), *exercises.QUESTIONS])


@pytest.mark.parametrize("path", SOLUTIONS + LEARNERS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_form(path):
    notebook = build.read_notebook(path)
    nbformat.validate(notebook)
    assert len(notebook.cells) <= 25
    assert "widgets" not in notebook.metadata and path.stat().st_size < 600_000
    text = path.read_text(encoding="utf-8")
    for word in ("/" + "work/", "/" + "tmp/", "/" + "root/", "Traceback"):
        assert word not in text
    for i, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
        assert cell.execution_count == i + 1
        assert len(cell.source.split("\n")) <= 18
        assert i == 0 or not re.search(
            r"subprocess|threading|nbclient|requests|urllib|^\s*!|%pip", cell.source, re.M
        )
        for output in cell.outputs:
            assert output.output_type != "error"
            assert len(json.dumps(output)) < 400_000
            assert not (output.output_type == "stream" and output.name == "stderr")
    setup = code_cells(path)[0]
    assert (
        setup.source == build.SETUP and setup.metadata["jupyter"]["source_hidden"]
    )  # folded: no learner reads it


@pytest.mark.parametrize("path", SOLUTIONS[:5], ids=lambda p: p.stem)
def test_every_cell_of_the_short_course_has_its_place_in_the_slides(path):
    assert int(path.stem[:2]) <= 4
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in build.read_notebook(path).cells]
    assert set(kinds) <= {"slide", "subslide", "fragment", "skip", "notes"}, kinds
    assert kinds[0] == "slide" and kinds.count("slide") >= 3


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_no_lesson_calls_an_answer_by_keyword(path):
    """The checker calls by position: an answer passes with whatever names its arguments have."""
    trees = [ast.parse(cell.source) for cell in code_cells(path)]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = {call.func.id for call in calls if isinstance(call.func, ast.Name) and call.keywords}
    assert not named & set(exercises.names())


@pytest.mark.parametrize("path", LEARNERS, ids=lambda p: p.stem)
def test_learners_see_no_solution_and_no_output_to_predict(path):
    text = path.read_text(encoding="utf-8")
    assert "SOLUTION" not in text
    for cell in code_cells(path):
        if "predict" in cell.metadata.get("tags", []):
            assert cell.outputs == []
        if cell.metadata.get("nbgrader", {}).get("grade"):
            assert "to do" in json.dumps(cell.outputs)


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_stored_solutions_passed(path):
    for cell in code_cells(path):
        if cell.metadata.get("nbgrader", {}).get("grade"):
            assert "passed" in json.dumps(cell.outputs)


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_every_lesson_stores_a_picture_that_has_a_text(path):
    outputs = [output for cell in code_cells(path) for output in cell.outputs]
    shown = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    assert any(re.search(r'<img alt="[^"]{40,}"', html) for html in shown)
    assert not any("<Figure size" in json.dumps(output) for output in outputs)


def test_links_between_lessons_lead_somewhere():
    for path in [*SOLUTIONS, *LEARNERS, HOME / "lessons" / "README.md"]:
        for target in re.findall(r"\]\(([\w./]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_main_page_quotes_the_report_of_lesson_9():
    """Three lines of an example, and the line with the name, as the solved lesson prints them."""
    readme = (HOME / "README.md").read_text(encoding="utf-8")
    part = readme.partition("## Find the fault")[2].partition("```\n\n")[0]
    quoted = re.findall(r"^# (.*)$", part, re.M)
    outputs = [o for cell in code_cells(SOLUTIONS[9]) for o in cell.outputs if o.output_type == "stream"]
    printed = "".join(o.text for o in outputs).split("\n")
    assert len(quoted) == 4 and quoted[-1].startswith("mask_one_late: ")
    assert all(line in printed for line in quoted), [line for line in quoted if line not in printed]


def read_course_table():
    """The rows of lessons/README.md: (file, whether it is case A alone, minutes, points)."""
    text = (HOME / "lessons" / "README.md").read_text(encoding="utf-8")
    pattern = r"^\| \[[^]]*\]\(([\w.]+)\)(, case A)? \|[^|]*\| (\d+) \| ?(\d*) ?\|"
    return [
        (file, bool(case), int(minutes), int(points or 0))
        for file, case, minutes, points in re.findall(pattern, text, re.M)
    ]


def test_the_course_s_table_has_the_points_and_the_minutes_of_the_notebooks():
    rows = {file: row for file, is_case, *row in read_course_table() if not is_case}
    found = {}
    for path in SOLUTIONS:
        cells = build.read_notebook(path).cells
        said = re.findall(r"(\d+) minutes", cells[0].source.replace("ten minutes", "10 minutes"))
        points = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in cells)
        found[path.name] = [sum(map(int, said)), points]
    assert rows == found


def test_the_short_course_takes_two_hours():
    *short, (last, is_case, _, _) = read_course_table()[:6]
    assert [file[:2] for file, *_ in short] == ["00", "01", "02", "03", "04"]
    assert last.startswith("09") and is_case
    assert sum(row[2] for row in read_course_table()[:6]) == 120


def test_nothing_is_made_from_nothing(tmp_path):
    with pytest.raises(ValueError, match="solutions holds no notebooks"):
        build.build_notebooks(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "a.ipynb").write_text("no notebook", encoding="utf-8")
    with pytest.raises(ValueError, match=r"a.ipynb is no notebook"):
        build.build_notebooks(tmp_path)
    assert list(tmp_path.glob("*.ipynb")) == []


def test_a_changed_solution_makes_the_learners_notebook_stale(tmp_path):
    shutil.copytree(HOME / "lessons", tmp_path / "lessons")
    source = tmp_path / "lessons" / "solutions" / SOLUTIONS[0].name
    notebook = build.read_notebook(source)
    notebook.cells[0].source += " more"
    build.write_notebook(source, notebook)
    assert build.find_stale(tmp_path / "lessons") == [source.name]
    build.build_notebooks(tmp_path / "lessons", execute=False)
    assert build.find_stale(tmp_path / "lessons") == []


def answer_by_turns(solution):
    """A copy of an authored notebook: answers are unsolved, None and right by turns."""
    notebook, stub = build.remove_solutions(solution), "raise NotImplementedError()"
    places = [i for i, cell in enumerate(notebook.cells) if stub in cell.source]
    for i in places[1::3]:
        notebook.cells[i].source = notebook.cells[i].source.replace(stub, "return None")
    for i in places[2::3]:
        notebook.cells[i].source = solution.cells[i].source
    return notebook, len(places)


def list_findings(notebook):
    """What the reports in a notebook's outputs find, in their order: names, "possibly", exit codes."""
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ()) if o.output_type == "stream"]
    text = "".join(output.text for output in outputs)
    found = re.findall(r"^ *((?:possibly )?[a-z]+_[a-z_]+)(?=: )|(?:found|exit code) (\w+)$", text, re.M)
    return [name or outcome for name, outcome in found]


def test_reports_in_the_lessons_find_what_the_words_beside_them_say():
    diagnosis, prepared = (list_findings(build.read_notebook(path)) for path in SOLUTIONS[9:11])
    two_names = ["possibly earlier_stops_masked", "possibly tool_call_stops_masked"]
    said = ["tool_call_stops_masked", "None", "generation_prompt_trained", "mask_differs", "None"]
    assert diagnosis == ["mask_one_late", *two_names, *said]
    assert prepared == ["0", "1", "possibly last_turn_only", "1", "eos_masked", "0"]


@pytest.mark.slow
def test_the_command_for_slides_makes_them(tmp_path):
    text = (HOME / "lessons" / "README.md").read_text(encoding="utf-8")
    command = re.search(r"^\.venv/bin/jupyter (nbconvert --to slides .*?)```", text, re.M | re.DOTALL)[1]
    *options, pattern = command.replace("\\\n", " ").replace("_slides", str(tmp_path)).split()
    paths = sorted(HOME.glob(pattern))
    subprocess.run([sys.executable, "-m", *options, *paths], cwd=HOME, check=True, capture_output=True)
    assert len(paths) == 5
    for path in paths:
        page = (tmp_path / f"{path.stem}.slides.html").read_text(encoding="utf-8")
        assert page.count("<section>") >= 6 and "importlib.util" not in page  # slides, without the set-up


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_runs_to_the_end_unsolved_wrong_and_solved_by_turns(name):
    solution = build.read_notebook(HOME / "lessons" / "solutions" / f"{name}.ipynb")
    notebook, count = answer_by_turns(solution)
    notebook = build.run_notebook(notebook, HOME / "lessons" / "solutions")
    assert list_findings(notebook) == list_findings(solution)
    executed = json.dumps(notebook)
    assert "to do" in executed or count == 0
    assert "returns None" in executed or "None is none of the choices" in executed or count < 2
    assert ": passed." in executed or count < 3


@pytest.mark.slow
def test_runs_where_minilm_is_installed_and_far_from_the_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HOME))
    build.run_notebook(build.read_notebook(LEARNERS[0]), tmp_path)
