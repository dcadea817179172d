"""What Python in the browser loads: minilm as a wheel, and Pyodide with the packages that lessons need."""

import json
import re
import shutil
import subprocess
import sys

SOURCES = ("minilm", "figures", "pyproject.toml", "requirements.txt", "README.md")
CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
NEEDED = ("micropip", "ipython", "jedi", "numpy", "matplotlib")  # comm: of the lock, or of the Python index
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def build_wheel(home, work, out):
    """Build minilm's wheel in the folder `out`, from a copy of its sources in `work`; returns its name."""
    source = work / "source"
    source.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (home / name).is_dir() else shutil.copy
        copy(home / name, source / name)
    run_tool("setuptools", ["-c", BUILD, str(out)], source)
    return next(out.glob("minilm-*.whl")).name


def run_tool(name, argv, folder):
    """Run Python with `argv` in a folder. Raises ValueError with the tool's last line if it fails."""
    command = [sys.executable, *argv]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or "nothing"
        raise ValueError(f"{name} failed and said: {said.splitlines()[-1]}")


def copy_pyodide(folder, out):
    """Copy Pyodide and the packages that lessons need, with all that those need, as its lock file lists them.

    Raises ValueError, naming the first, if one is not there.
    """
    if not (folder / CORE[-1]).is_file():
        raise ValueError(f"{folder} holds no Pyodide: it lacks {CORE[-1]}")
    out.mkdir()
    for name in (*CORE, *list_wheels(folder)):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} lacks {name}: it needs Pyodide's own files and {', '.join(NEEDED)}")
        shutil.copy(folder / name, out / name)


def list_wheels(folder):
    """The file names of the packages that lessons need, and of those that these need."""
    try:
        packages = json.loads((folder / CORE[-1]).read_text(encoding="utf-8"))["packages"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{folder / CORE[-1]} lists no packages: is it Pyodide's own?") from None
    packages = {normalize(name): entry for name, entry in packages.items()}
    found, waiting = [], [*NEEDED, *({"comm"} & packages.keys())]
    while waiting:
        name = normalize(waiting.pop())
        if name not in packages:
            raise ValueError(f"{folder} lacks {name}: {CORE[-1]} does not list it")
        if name not in found:
            found.append(name)
            waiting.extend(packages[name]["depends"])
    return [packages[name]["file_name"] for name in found]


def normalize(name):
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
