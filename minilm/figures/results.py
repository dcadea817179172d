"""What a comparison or a figure measured, as JSON on disk."""

import json
import platform

import numpy as np

from .. import files


def write_json(path, result):
    """Write a result dict with its versions; the file changes only when all of it is written."""
    text = json.dumps({**result, "versions": name_versions()}, indent=1) + "\n"
    with files.atomic.replace_file(path) as file:
        file.write(text.encode("utf-8"))


def name_versions():
    """What the numbers were made with: {"python": ..., "numpy": ...}."""
    return {"python": platform.python_version(), "numpy": np.__version__}


def read_json(path):
    """The dict that write_json wrote. Raises ValueError, naming the file, if it is not JSON."""
    try:
        with open(path, encoding="utf-8") as file:
            return files.json_text.parse(file.read())
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): make it anew, or restore a copy") from None
