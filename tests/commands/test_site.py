"""The command `site`: what it refuses, what it replaces, what the pages hold; tests/browser opens them."""

import json
import os
import re
from pathlib import Path

import pytest
import refusing

from minilm import exercises, site
from minilm.chat import ROLES
from minilm.site import packages, pages

HOME = Path(__file__).parents[2]


@pytest.fixture
def quick(monkeypatch):
    """A site of three files, without the tools."""

    def write_pages(folder, *_, **__):
        for name in site.MARKS:
            (folder / name).write_text("new")

    monkeypatch.setattr(site, "EXTRA", ())
    monkeypatch.setattr(packages, "build_wheel", lambda home, work, out: "minilm-0-py3-none-any.whl")
    monkeypatch.setattr(pages, "write_pages", write_pages)
    monkeypatch.setattr(site.notebooks, "build_notebooks", lambda *_, **__: None)


def list_files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_an_installed_package_says_that_it_has_no_lessons(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(site, "HOME", tmp_path)
    refusing.fails(
        ["site", "--out", tmp_path / "site"], capsys, "only minilm's repository can build the site"
    )
    assert list(tmp_path.iterdir()) == []


def test_missing_tools_are_named_with_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(site, "EXTRA", ("json", "not_there_a", "not_there_b"))
    message = r"minilm: not_there_a and not_there_b are missing: .* pip install -e '.\[site\]'$"
    refusing.fails(["site", "--out", tmp_path / "site"], capsys, message)


def test_a_folder_that_is_no_site_is_left_alone(quick, tmp_path, capsys):
    source = Path(site.__file__).parent
    for name in [
        path.name for path in source.iterdir() if path.is_file()
    ]:  # minilm/site looks a little like one
        (tmp_path / name).touch()
    before = list_files(tmp_path)
    refusing.fails(["site", "--out", tmp_path], capsys, "exists and is not an empty folder: name a new one")
    assert list_files(tmp_path) == before


def test_an_older_site_is_replaced_as_a_whole(quick, tmp_path):
    for _ in range(2):
        site.build_site(tmp_path / "deep" / "site")
        assert list_files(tmp_path) == sorted(f"deep/site/{name}" for name in site.MARKS)
        (tmp_path / "deep" / "site" / "old.html").touch()


@pytest.fixture
def old_site(quick, tmp_path):
    """A folder with an older site, and a function that tells whether it is alone, and as it was."""

    def is_alone():
        return list_files(tmp_path) == ["site/explorer.html", "site/lite", "site/minilm.js"] and (
            (tmp_path / "site" / "lite").read_text() == "old"
        )

    site.build_site(tmp_path / "site")
    (tmp_path / "site" / "lite").write_text("old")
    return tmp_path / "site", is_alone


def test_nothing_half_written_is_left_where_a_part_fails(old_site, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise ValueError("jupyterlite failed")

    monkeypatch.setattr(site.notebooks, "build_notebooks", fail)
    for folder in (old_site[0], tmp_path / "other"):
        with pytest.raises(ValueError, match="jupyterlite failed"):
            site.build_site(folder)
    assert old_site[1]()


@pytest.mark.parametrize("place", [0, 1])
def test_an_older_site_stays_where_it_cannot_be_exchanged(old_site, monkeypatch, place):
    (folder, is_alone), replace, refused = old_site, os.replace, []

    def refuse(*paths):  # once, to move the older site away, or the new one to its place
        if paths[place] == folder and not refused:
            refused.append(paths)
            raise PermissionError(13, "it is open")
        return replace(*paths)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        site.build_site(folder)
    assert refused and is_alone()


def make_pyodide(folder, **depends):
    """A folder that looks like Pyodide with these packages."""
    folder.mkdir()
    entries = {name: {"depends": needs, "file_name": f"{name}.whl"} for name, needs in depends.items()}
    for name in (*packages.CORE, *(entry["file_name"] for entry in entries.values())):
        (folder / name).touch()
    (folder / "pyodide-lock.json").write_text(json.dumps({"packages": entries}), encoding="utf-8")
    return folder


NEEDED = {"micropip": [], "ipython": ["Prompt_Toolkit"], "jedi": [], "numpy": [], "matplotlib": ["numpy"]}


def test_pyodide_is_copied_with_what_the_lessons_need_alone(tmp_path):
    depends = {**NEEDED, "prompt-toolkit": ["six"], "six": [], "scipy": ["numpy"]}
    packages.copy_pyodide(make_pyodide(tmp_path / "in", **depends), tmp_path / "out")
    wheels = [f"{name}.whl" for name in depends if name != "scipy"]
    assert list_files(tmp_path / "out") == sorted([*packages.CORE, *wheels])


def test_a_folder_that_lacks_a_package_is_refused(tmp_path):
    refusing.refused(
        lambda: packages.copy_pyodide(tmp_path, tmp_path / "a"),
        "holds no Pyodide: it lacks pyodide-lock.json",
    )
    folder = make_pyodide(tmp_path / "in", **NEEDED)
    refusing.refused(
        lambda: packages.copy_pyodide(folder, tmp_path / "b"), "lacks prompt-toolkit: .* not list it"
    )
    for number, text in enumerate(["cut {", "[]", "{}"]):
        (folder / "pyodide-lock.json").write_text(text, encoding="utf-8")
        refusing.refused(
            lambda out=tmp_path / str(number): packages.copy_pyodide(folder, out),
            "lock.json lists no packages",
        )
    folder = make_pyodide(tmp_path / "in2", **{**NEEDED, "ipython": []})
    (folder / "numpy.whl").unlink()
    refusing.refused(lambda: packages.copy_pyodide(folder, tmp_path / "c"), "lacks numpy.whl: it needs")


def test_a_tool_that_fails_is_quoted(tmp_path):
    code = "import sys; print('reading'); sys.exit('no such thing')"
    refusing.refused(
        lambda: packages.run_tool("the tool", ["-c", code], tmp_path),
        "^the tool failed and said: no such thing$",
    )
    code = r"import os; os.write(2, b'\xff is no letter'); os._exit(1)"
    refusing.refused(lambda: packages.run_tool("it", ["-c", code], tmp_path), "said: \ufffd is no letter$")


def test_the_start_page_lists_the_short_course_first():
    short, other = pages.make_start(HOME / "lessons").split("The other lessons")
    listed = [re.findall(r'path=(\d\d)_\w+\.ipynb"', part) for part in (short, other)]
    assert listed[0] == ["00", "01", "02", "03", "04", "09"] and "9. Diagnosis</a>, case A " in short
    assert listed[1] == ["05", "06", "07", "08", "09", "10", "11"]


def test_titles_are_the_notebooks_and_minutes_the_tables(tmp_path):
    table = "| [x](01_a.ipynb) | 0, 2 in part | 20 | a \\| b |\n| [y](07_b.ipynb) | | 15 + 45 | |\n"
    (tmp_path / "README.md").write_text(table, encoding="utf-8")
    for name in ("01_a", "05_c", "07_b"):
        notebook = {"cells": [{"source": ["About 9 minutes.\n", f"# {name} <&\n", "## more"]}]}
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    items = re.findall(r"<li>(.*?)</li>", pages.make_start(tmp_path))
    assert [re.sub("<.*?>", "", item) for item in items] == [
        "01_a &lt;&amp; 20 min solved",
        "05_c &lt;&amp; solved",
        "07_b &lt;&amp; 15 + 45 min solved",
    ]


def test_the_exercise_page_s_roles_are_the_package_s():
    text = pages.make_exercise()
    assert [int(role) for role in re.search(r"^role +([\d ]+)", text, re.M)[1].split()] == [
        ROLES.index(name) for name in ["bos", *["prompt"] * 5, "response", "eos"]
    ]
    assert exercises.find(pages.EXERCISE).describe_call() + ":" in text and ROLES[0] == "pad"
