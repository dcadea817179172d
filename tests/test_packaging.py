"""What pyproject.toml says of the package: every folder of it, and the figures with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minilm.site import packages

HOME = Path(__file__).parents[1]
ASK = """
import json, pathlib, minilm
from minilm import figures
assert pathlib.Path(minilm.__file__).parents[1] == pathlib.Path(PLACE), minilm.__file__
names = [name for name in figures.NAMES if (figures.FIGURES / f"{name}.json").is_file()]
print(json.dumps([names == list(figures.NAMES), figures.load_result("strip")["seeds"], str(figures.FIGURES)]))
"""


def test_every_folder_with_code_is_a_package():
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    settings = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    with_code = {path.parent.relative_to(HOME) for path in (HOME / "minilm").rglob("*.py")}
    names = [".".join(folder.parts) for folder in with_code]
    assert sorted(settings["packages"]) == sorted([*names, *settings["package-dir"]])


@pytest.mark.slow  # the wheel is built
def test_a_wheel_holds_the_stored_figures_and_shows_them(tmp_path):
    pytest.importorskip("setuptools", minversion="77", reason="needs setuptools: pip install -e '.[site]'")
    (tmp_path / "work").mkdir()
    wheel = packages.build_wheel(HOME, tmp_path / "work", tmp_path)
    place = tmp_path / "installed"
    argv = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(place)]
    subprocess.run([*argv, str(tmp_path / wheel)], check=True)
    env = {**os.environ, "PYTHONPATH": str(place)}
    code = ASK.replace("PLACE", repr(str(place)))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f'[true, [0], "{place / "minilm" / "figures" / "stored"}"]'
