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


class Outcome(NamedTuple):
    """What a call gave: its result, what it printed, and the problem, "" if there was none.

    `todo` is True where the function raised NotImplementedError: nobody has written it yet.
    """

    result: object
    printed: str
    problem: str
    todo: bool = False


class OutOfTime(BaseException):
    """Raised inside a function that runs too long; no `except Exception` of its own stops it."""


def call(function, args, seconds):
    """Call `function` on copies of `args`; returns an Outcome and raises nothing but Ctrl-C.

    Caught: endless loops (after `seconds`), endless recursion, exit(), exceptions, changed
    arguments. Printing is kept, not shown. The time limit needs no thread, process or signal: it
    looks at the clock at every instruction, so it holds in a browser, too. It cannot end a single
    endless call into compiled code, nor a loop whose bare `except:` swallows everything.
    """
    args_copy = copy.deepcopy(args)
    printed, problem, todo, result = io.StringIO(), "", False, None
    try:
        with contextlib.redirect_stdout(printed), quiet(function):
            result = timed(function, args_copy, seconds)
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
        problem = f"raises {type(error).__name__}{where(error, function)}: {reason(error, args)}"
    return Outcome(result, printed.getvalue(), problem or changes(args, args_copy), todo)


def timed(function, args, seconds):
    """function(*args), or OutOfTime. Whatever traced before, a debugger or coverage, traces on."""
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
def quiet(function):
    """No warnings, and an exit() that can be caught: a notebook's cannot, a console's closes stdin."""

    def leave(*_):
        raise SystemExit

    hidden = []
    for names in (vars(builtins), getattr(function, "__globals__", {})):
        hidden.append((names, {name: names[name] for name in ("exit", "quit") if name in names}))
        names.update(dict.fromkeys(hidden[-1][1], leave))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        for names, originals in hidden:
            names.update(originals)


def where(error, function):
    """The learner's own line that an exception came from, as text."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if not frames:
        return ""
    return f" in line {frames[-1].lineno}{frames[-1].line and f', `{frames[-1].line}`'}"


def reason(error, args):
    """An exception's message, cut; where it is about shapes, with the shapes that went in."""
    try:
        text = str(error)
    except Exception:
        text = "(its message cannot be shown)"
    text = re.sub(r", with gufunc signature \S+", "", text)
    text = text if len(text) <= 300 else text[:300] + " ..."
    about_shapes = any(word in text for word in ("shape", "dimension", "broadcast", "axes", "axis"))
    shown = ", ".join(map(shape, args))
    return f"{text.rstrip('.') or 'no message'}. The shapes that went in: {shown}" if about_shapes else text


def shape(argument):
    """An argument's shape as text, that of a tuple in brackets."""
    if isinstance(argument, tuple):
        return f"[{', '.join(map(shape, argument))}]"
    return str(argument.shape) if isinstance(argument, np.ndarray) else type(argument).__name__


def changes(args, after):
    """The problem with arguments that are not what they were, or ""."""
    for i, (a, b) in enumerate(zip(args, after, strict=True)):
        if not same(a, b):
            ordinal = ("first", "second", "third", "fourth", "fifth")[i]
            inside = "" if isinstance(a, np.ndarray) else "something inside "
            return f"changes {inside}its {ordinal} argument: work on a copy, it still belongs to the caller"
    return ""


def same(a, b):
    """Whether two arguments are equal to the last bit; functions and the like count as equal."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b if isinstance(a, (int, float, str)) else True
