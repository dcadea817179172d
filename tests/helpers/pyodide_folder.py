"""Pyodide and the packages that the lessons need, from Python's package index alone, for tests.

The index has no NumPy for the browser, but a package that vendors it, with Pyodide itself. What else the
notebooks' kernel needs is pure Python. By hand:
`python tests/helpers/pyodide_folder.py DIR`.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from minilm.site.packages import CORE, normalize

VENDOR, INSIDE = "open-webui==0.12.4", "open_webui/frontend/pyodide/"
WASM = (
    "numpy matplotlib contourpy cycler fonttools kiwisolver micropip packaging pillow pyparsing "
    "python-dateutil pytz six"
).split()
PURE = (
    "ipython==9.* ipython-pygments-lexers jedi parso comm traitlets pygments stack_data asttokens executing "
    "pure_eval decorator prompt_toolkit matplotlib_inline wcwidth<0.2.14"
).split()


def make_folder(folder):
    """Fill a folder with Pyodide, wheels, and a lock file of what is there. Raises CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as downloads:
        download(downloads, "3.12", [VENDOR])
        download(folder, "3.14", PURE)
        with zipfile.ZipFile(next(Path(downloads).glob("open_webui-*.whl"))) as vendor:
            for name in vendor.namelist():
                file = name.removeprefix(INSIDE)
                if name.startswith(INSIDE) and (file in CORE or normalize(file.split("-")[0]) in WASM):
                    (folder / file).write_bytes(vendor.read(name))
    path = folder / CORE[-1]
    lock = json.loads(path.read_text(encoding="utf-8"))
    lock["packages"] = list_packages(folder, lock["packages"])
    path.write_text(json.dumps(lock), encoding="utf-8")


def download(folder, version, names):
    """Download wheels that fit a version of Python."""
    argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    only = ["--python-version", version, "--only-binary=:all:"]
    subprocess.run([*argv, *only, *names], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def list_packages(folder, known):
    """The lock file's entries of the wheels in a folder, `known` those of Pyodide's own lock file."""
    known = {normalize(name): (name, entry) for name, entry in known.items()}
    packages = {}
    for wheel in sorted(folder.glob("*.whl")):
        stem, version, *_ = wheel.name.split("-")
        short = normalize(stem)
        new = {"name": short, "depends": [], "imports": [short.replace("-", "_")], "install_dir": "site"}
        name, entry = known.get(short, (short, {**new, "package_type": "package", "unvendored_tests": False}))
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        packages[name] = {**entry, "file_name": wheel.name, "version": version, "sha256": digest}
    return packages


if __name__ == "__main__":
    make_folder(Path(sys.argv[1]))
