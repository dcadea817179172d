"""One module a command, named as it is typed: SUMMARY, EXAMPLE, add_options(parser), run(options)."""

import importlib

NAMES = (
    "compare figures mask trace gradcheck train plot generate export import diagnose lessons site quiz bench"
).split()


def load(name):
    """The module of a command; by importlib, since `import` is a keyword of Python."""
    return importlib.import_module(f"minilm.commands.{name}")
