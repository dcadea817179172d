"""Judge an answer that is text, for a page without a notebook."""

import linecache
import types

from .. import SECONDS, Verdict, find
from . import sandbox
from .judge import end_sentence, judge

FILE = "your code"


def check_source(name, text, seconds=SECONDS):
    """The Verdict on the function `name` that the Python in `text` defines.

    Whatever the text does ends in a Verdict. Raises ValueError for an unknown exercise.
    """
    exercise, names = find(name), {}
    linecache.cache[FILE] = (len(text), None, text.splitlines(keepends=True), FILE)  # errors show the line
    try:
        code = compile(text, FILE, "exec")
    except (SyntaxError, ValueError) as error:
        line = f" in line {error.lineno}" if getattr(error, "lineno", None) else ""
        return make_wrong(name, exercise, f"This is no Python{line}: {getattr(error, 'msg', error)}")
    outcome = sandbox.call(types.FunctionType(code, names), (), seconds)
    if outcome.problem:
        return make_wrong(name, exercise, f"Your code {outcome.problem}")
    if name not in names:
        return make_wrong(name, exercise, f"Your code defines no {name}: begin with `def {name}(...):`.")
    return judge(name, exercise, names[name], seconds)


def make_wrong(name, exercise, message):
    """A Verdict on text that gives no function, with minilm's own in its place."""
    return Verdict(name, "wrong", end_sentence(message), exercise.solve)
