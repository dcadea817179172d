"""`minilm lessons`: the table, and notebooks that run by themselves."""

import json
from pathlib import Path

import build
import pytest

from minilm.__main__ import main
from minilm.exercises.handing_out import handout

HOME = Path(__file__).parents[2]


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run the command in an empty folder; returns what it printed."""

    def call(*argv):
        assert main(["lessons", *argv]) == 0
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    return call


def test_the_table_has_every_exercise_with_its_points(call):
    head, *lines, total = call().strip().split("\n")
    places = handout.list_places(handout.read_lessons())
    assert [line.split() for line in lines] == [[p.lesson, p.name, str(p.points)] for p in places]
    assert head.split() == ["lesson", "exercise", "points"]
    assert total == f"{len(places)} exercises, {sum(p.points for p in places)} points"


def test_a_handed_out_notebook_runs_far_from_the_repository(call, tmp_path, monkeypatch):
    options = "--only", "shift", "attention_backward", "--seed", "7", "--out"
    printed = call(*options, "hand", "--solutions")
    assert printed.split() == [str(Path("hand", f"{name}.ipynb")) for name in ("shift", "attention_backward")]
    call(*options, "unsolved")
    for folder, is_solved in (("hand", True), ("unsolved", False)):
        text = (tmp_path / folder / "shift.ipynb").read_text(encoding="utf-8")
        assert ("### BEGIN SOLUTION" in text) == is_solved != ("raise NotImplementedError" in text)
    monkeypatch.setenv("PYTHONPATH", str(HOME))
    notebook = build.read_notebook(tmp_path / "hand" / "attention_backward.ipynb")
    executed = build.run_notebook(notebook, tmp_path)
    assert ": passed." in json.dumps(executed.cells[-1].outputs)
    assert 'check("attention_backward", attention_backward, seed=7)' in executed.cells[-1].source


def test_nothing_is_written_if_one_of_the_files_exists(call, tmp_path, capsys):
    call("--only", "shift", "--out", "hand")
    assert main(["lessons", "--only", "loss_mask", "shift", "--out", "hand"]) == 2
    assert "shift.ipynb exists: name another folder" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "hand").iterdir()] == ["shift.ipynb"]


def test_a_package_without_lessons_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(handout, "FOLDER", tmp_path)
    assert main(["lessons"]) == 2
    assert "in minilm's repository, not in its package" in capsys.readouterr().err
