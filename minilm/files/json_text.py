"""JSON text that others wrote: what Python would accept in silence is refused."""

import json
from collections import Counter


def parse(text):
    """Text, or its UTF-8 bytes -> the JSON value. Raises ValueError, in one sentence, for anything else.

    Python keeps the last of two equal keys, and reads NaN and Infinity: here both are refused.
    """
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        return json.loads(text, object_pairs_hook=refuse_double_keys, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(explain_error(error)) from None


def refuse_double_keys(pairs):
    """The pairs of a JSON object -> dict. Raises ValueError for a key that stands twice."""
    for key, count in Counter(key for key, _ in pairs).items():
        if count > 1:
            raise ValueError(f"the key {key!r:.80} stands twice: keep one")
    return dict(pairs)


def refuse_constant(name):
    """Raise ValueError: Python reads NaN and Infinity, which are no JSON."""
    raise ValueError(f"{name} is not JSON: use null or a string")


def explain_error(error):
    """Why a text cannot be read, in a sentence."""
    if isinstance(error, json.JSONDecodeError):
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        return f"not JSON, {error.msg} at {line}column {error.colno}"
    if isinstance(error, RecursionError):
        return "brackets nested too deep"
    if "int_max_str_digits" in str(error):
        return "a number with thousands of digits: write it as a string"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8, byte {error.object[error.start]:#04x} at column {error.start + 1}"
    return str(error)
