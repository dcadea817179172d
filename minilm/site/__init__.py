"""The course as a web site that needs no server of its own and no installation: Python runs in the browser.

    index.html       the start page               explorer.html   one example, every number
    exercise.html    one exercise, checked        lite/           all lessons, in JupyterLite
    minilm.js        loads Pyodide and minilm, for the notebooks and the exercise alike
    minilm-*.whl     minilm itself, the stored figures included
    pyodide/         Python for the browser; without it, minilm.js asks Pyodide's usual place

Only the repository can build it, since the lessons are not part of the package.
"""

import contextlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from .. import files
from . import notebooks, packages, pages

HOME = Path(__file__).parents[2]
MARKS = ("minilm.js", "explorer.html", "lite")  # a folder that holds them is an older site
EXTRA = ("jupyterlite_core", "jupyterlite_pyodide_kernel", "setuptools")


def build_site(path, pyodide=None):
    """Build the site in the folder `path`, which may be new, empty, or an older site; it changes at the end.

    pyodide: a folder that holds Pyodide and its packages; the site then asks nothing from elsewhere.
    Raises ValueError where the lessons or the tools are missing, where `path` holds anything else, or
    where `pyodide` lacks a package.
    """
    check_tools()
    with replace_site(path) as folder, tempfile.TemporaryDirectory() as work:
        if pyodide is not None:
            packages.copy_pyodide(Path(pyodide), folder / "pyodide")
        wheel = packages.build_wheel(HOME, Path(work), folder)
        pages.write_pages(folder, wheel, HOME / "lessons", is_local=pyodide is not None)
        notebooks.build_notebooks(HOME / "lessons", Path(work), folder / "lite", is_local=pyodide is not None)


def check_tools():
    """Raise ValueError outside the repository, or where the tools that build a site are missing."""
    if not (HOME / "lessons" / "solutions").is_dir():
        raise ValueError("only minilm's repository can build the site: this installed package has no lessons")
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"{' and '.join(missing)} are missing: install them with pip install -e '.[site]'")


@contextlib.contextmanager
def replace_site(path):
    """`with replace_site(path) as folder:` fill `folder`; `path` changes only if the block succeeds.

    Raises ValueError for a folder that is neither empty nor a site.
    """
    target = Path(os.path.realpath(path))
    is_site = all((target / name).exists() for name in MARKS)
    new = files.atomic.name_part(target) if is_site else target
    with files.atomic.create_folder(new) as folder:
        yield folder
    if is_site:
        exchange_folders(target, new)


def exchange_folders(target, new):
    """Put the folder `new` in place of `target`, which is deleted; `target` stays where that fails."""
    old = files.atomic.name_part(target)
    try:
        os.replace(target, old)  # Windows refuses while a server has it open
        try:
            os.replace(new, target)
        except OSError:
            os.replace(old, target)
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
