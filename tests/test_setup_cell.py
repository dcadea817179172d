"""The notebooks' first cell: it finds minilm, installs it from where it may, or says what to set."""

import importlib.util
import subprocess
import sys

import build
import pytest

REFUSED = (
    *(
        None,
        "",
        "minilm",
        "http://example.org/m",
        "file:///etc",
        "git+ssh://git@example.org/m",
        "git+file:///m",
    ),
    *(
        "git@example.org:m",
        "-e evil",
        "; rm -rf x",
        "$(rm x)",
        " https://example.org/m",
        "--index-url=https://x",
    ),
)
PIP = [sys.executable, "-m", "pip", "install", "-q"]


@pytest.fixture
def run_setup(monkeypatch, tmp_path):
    """A function that runs the cell where minilm is not installed; returns the calls of subprocess.run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    def run(source=None):
        calls = []
        monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: calls.append((args, kwargs)))
        monkeypatch.delenv("MINILM_SOURCE", raising=False)
        if source is not None:
            monkeypatch.setenv("MINILM_SOURCE", source)
        exec(build.SETUP, {})
        return calls

    return run


def test_it_is_short():
    assert build.SETUP.count("\n") < 18


@pytest.mark.parametrize("source", ["https://example.org/m.zip", "git+https://example.org/m; rm -rf x"])
def test_an_address_is_one_argument_of_pip_and_no_shell_reads_it(run_setup, source):
    assert run_setup(source) == [(([*PIP, source],), {"check": True})]


@pytest.mark.parametrize("name", ["copy", "./copy", "-e", "a b; rm"])
def test_a_folder_is_found_without_a_dot_and_is_never_an_option(run_setup, tmp_path, name):
    (tmp_path / name).mkdir()
    assert run_setup(name) == [(([*PIP, str((tmp_path / name).resolve())],), {"check": True})]


@pytest.mark.parametrize("source", REFUSED)
def test_anything_else_is_refused_with_what_to_set(run_setup, source):
    with pytest.raises(
        ModuleNotFoundError, match=r"set os.environ\['MINILM_SOURCE'\] to its address, https://"
    ):
        run_setup(source)


@pytest.mark.parametrize("place", ["", "lessons", "lessons/solutions"])
def test_it_finds_the_repository_around_it(run_setup, monkeypatch, tmp_path, place):
    (tmp_path / "minilm").mkdir()
    (tmp_path / "minilm" / "model.py").touch()
    (tmp_path / "lessons" / "solutions").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / place)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: str(tmp_path) in sys.path or None)
    assert run_setup() == [] and sys.path[0] == str(tmp_path.resolve())


def test_where_minilm_is_there_nothing_is_asked(run_setup, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    before = sys.path[:]
    assert run_setup("https://example.org/m") == [] and sys.path == before
