"""Call somebody's function so that whatever it does ends in a result or in one clear sentence."""

import builtins
import contextlib
import copy
import io
import math
import re
import sys
import time
import traceback
import warnings
from typing import NamedTuple

import numpy as np

from . import advise


class Outcome(NamedTuple):
    """What a call gave: its result, what it printed, and the problem, "" if there was none.

    `todo` is True where the function raised NotImplementedError: nobody has written it yet.
    `warnings` are the names and texts of what NumPy warned of: ("ComplexWarning", "Casting complex ...").
    """

    result: object
    printed: str
    problem: str
    todo: bool = False
    warnings: tuple = ()


class OutOfTime(BaseException):
    """Raised inside a function that runs too long; no `except Exception` of its own stops it."""


def call(function, args, seconds):
    """Call `function` on copies of `args`; returns an Outcome and raises nothing but Ctrl-C.

    Caught: endless loops (after `seconds`), endless recursion, exit(), exceptions, changed
    arguments. Printing is kept, not shown. The time limit needs no thread, process or signal: it
    looks at the clock at every instruction, so it holds in a browser, too. It cannot end a single
    endless call into compiled code, nor a loop whose bare `except:` swallows everything. The function
    runs in this process, with all its rights: mistakes are caught, harmful code is not kept out.
    """
    args_copy = copy.deepcopy(args)
    printed, problem, todo, result, heard = io.StringIO(), "", False, None, []
    try:
        with contextlib.redirect_stdout(printed), silence(function) as heard:
            result = call_until_deadline(function, args_copy, seconds)
    except KeyboardInterrupt:
        raise
    except NotImplementedError:
        todo, problem = True, "is not written yet"
    except OutOfTime:
        problem = f"is still running after {seconds:g} s: is there a loop that never ends?"
    except RecursionError:
        problem = "calls itself without end"
    except SystemExit:
        problem = "calls exit(): return the result instead"
    except BaseException as error:
        text = describe_error(error, args)
        problem = f"raises {type(error).__name__}{find_line(error, function)}: {text}"
        problem += advise.find_advice(error, text, function)
    warned = tuple((w.category.__name__, str(w.message)) for w in heard)
    return Outcome(result, printed.getvalue(), problem or find_changes(args, args_copy), todo, warned)


def call_until_deadline(function, args, seconds):
    """function(*args), or OutOfTime. An earlier tracer, a debugger or coverage, is put back afterwards."""
    deadline = time.monotonic() + seconds

    def tracer(frame, event, argument):
        frame.f_trace_opcodes = True  # `while True: pass` on one line has no line events
        if time.monotonic() > deadline:
            raise OutOfTime
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        return function(*args)
    finally:
        deadline = math.inf  # a generator left over is closed later, and still has this tracer
        sys.settrace(before)


@contextlib.contextmanager
def silence(function):
    """Warnings listed, not shown, and an exit() that can be caught: a notebook's cannot, a console's
    closes stdin."""

    def leave(*_):
        raise SystemExit

    hidden = []
    for names in (vars(builtins), getattr(function, "__globals__", {})):
        originals = {name: names[name] for name in ("exit", "quit") if name in names}
        hidden.append((names, originals))
        names.update(dict.fromkeys(originals, leave))
    try:
        with warnings.catch_warnings(record=True) as heard, np.errstate(all="warn", under="ignore"):
            warnings.simplefilter("always")
            yield heard
    finally:
        for names, originals in hidden:
            names.update(originals)


def find_line(error, function):
    """The learner's own line that an exception came from, as text."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if not frames:
        return ""
    source = f", `{frames[-1].line}`" if frames[-1].line else ""
    return f" in line {frames[-1].lineno}{source}"


def describe_error(error, args):
    """An exception's message, cut; where it is about shapes, with the shapes that went in."""
    try:
        text = str(error) or "no message"
    except Exception:
        text = "(its message cannot be shown)"
    text = re.sub(r", with gufunc signature \S+", "", text)
    text = text if len(text) <= 300 else text[:300] + " ..."
    if not any(word in text for word in ("shape", "dimension", "broadcast", "axes", "axis")):
        return text
    shapes = ", ".join(map(describe_shape, args))
    return f"{text.rstrip('. ')}. The shapes that went in: {shapes}"


def describe_shape(argument):
    """An argument's shape as text, that of a tuple in brackets."""
    if isinstance(argument, tuple):
        return f"[{', '.join(map(describe_shape, argument))}]"
    return str(argument.shape) if isinstance(argument, np.ndarray) else type(argument).__name__


def find_changes(args, after):
    """The problem with arguments that are not what they were, or ""."""
    for i, (a, b) in enumerate(zip(args, after, strict=True)):
        if not are_same(a, b):
            ordinal = ("first", "second", "third", "fourth", "fifth")[i]
            inside = "" if isinstance(a, np.ndarray) else "something inside "
            return f"changes {inside}its {ordinal} argument: work on a copy, it still belongs to the caller"
    return ""


def are_same(a, b):
    """Whether two arguments are equal to the last bit; functions and the like count as equal."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(are_same(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(are_same, a, b))
    return a == b if isinstance(a, (int, float, str)) else True


def quote_printed(outcome):
    """What the function printed, cut to a few lines, or ""."""
    text = outcome.printed.strip()
    if not text:
        return ""
    lines = text.split("\n")
    shown = [line if len(line) <= 200 else line[:200] + " ..." for line in lines[:5]]
    if len(lines) > 5:
        shown.append("...")
    return "\nIt printed:\n" + "\n".join(shown)
