"""The lessons in JupyterLite: the learners' notebooks, and the solved ones in a folder of their own."""

import json
import shutil

from . import packages

KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
THEMES = "@jupyterlab/apputils-extension:themes"


def build_notebooks(lessons, work, out, is_local):
    """Build JupyterLite with the lessons in the folder `out`; `is_local`: it asks nothing from elsewhere."""
    source = work / "lite"
    (source / "files" / "solutions").mkdir(parents=True)
    for path in [*lessons.glob("*.ipynb"), *lessons.glob("solutions/*.ipynb"), lessons / "faults.md"]:
        shutil.copy(path, source / "files" / path.relative_to(lessons))
    (source / "jupyter-lite.json").write_text(json.dumps(make_settings(is_local)), encoding="utf-8")
    overrides = json.dumps({THEMES: {"adaptive-theme": True}})  # light or dark, as the system is
    (source / "overrides.json").write_text(overrides, encoding="utf-8")
    argv = ["-m", "jupyterlite_core", "build", "--contents", "files", "--output-dir", str(out)]
    packages.run_tool("jupyterlite", [*argv, "--no-sourcemaps", "--no-unused-shared-packages"], source)


def make_settings(is_local):
    """jupyter-lite.json: the kernel gets Python from minilm.js, and so has minilm from its start."""
    kernel = {
        "pyodideUrl": "./../minilm.js",
        "loadPyodideOptions": {"packages": [*packages.NEEDED]},
        "disablePyPIFallback": is_local,
    }
    config = {"appName": "minilm", "exposeAppInBrowser": True, "litePluginSettings": {KERNEL: kernel}}
    return {"jupyter-lite-schema-version": 0, "jupyter-config-data": config}
