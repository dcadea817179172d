"""What the tests of the exercises have in common."""

import builtins
import re
import sys
import time
import warnings

import numpy as np

from minilm import exercises

SECONDS = 0.2  # for one call: many times what those need that end by themselves


def is_tidy(message):
    """Whether a message has no doubled or missing punctuation, no stray blanks, no "of of"."""
    first = message.split("\n")[0]
    text = re.sub(r"`.*`|\[.*?\]", "code", first).removesuffix(" ...")  # of a message that was cut
    return first[-1] in ".?!" and not re.search(r"[?.!:,;][.,;]|\S  |\s[.,;?!](?!\w)|\bof of\b", text)


def assert_one_clear_message(function, message, capsys):
    """As gelu_backward it is wrong, with this message, in time, and leaves everything as it was."""

    def other_tracer(*_):
        return None

    before, error_state, filters = sys.gettrace(), np.geterr(), list(warnings.filters)
    names = builtins.exit, builtins.quit, sys.stdout
    start = time.monotonic()
    sys.settrace(other_tracer)
    try:
        verdict = exercises.check("gelu_backward", function, seconds=SECONDS)
        assert sys.gettrace() is other_tracer
    finally:
        sys.settrace(before)
    assert time.monotonic() - start < 1.5
    assert verdict.status == "wrong"
    assert re.search(message, verdict.message, re.DOTALL), verdict.message
    assert is_tidy(verdict.message), verdict.message
    assert capsys.readouterr() == (f"{verdict}\n", "")
    assert (np.geterr(), list(warnings.filters)) == (error_state, filters)
    assert (builtins.exit, builtins.quit, sys.stdout) == names
