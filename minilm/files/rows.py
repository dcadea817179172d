"""Rows from a file, one JSON object a line, in either of the two forms that data comes in:

    {"prompt": "What is 2+2?", "completion": "4"}
    {"messages": [{"role": "user", "content": "What is 2+2?"}, {"role": "assistant", "content": "4"}]}

Roles are system, user, assistant and tool; a message may have a number "weight" between 0 and 1.
"""

import json

from .. import chat, data
from ..tokenizer import encode_utf8

MAX_LINE = 2**24  # bytes of one row: what is read at once


def read(path):
    """All rows of a file, a list of data.Example and chat.Conversation.

    Raises ValueError naming file and line for what is no such row, and for a file without rows.
    """
    examples = [row for _, row in iterate(path)]
    if not examples:
        raise ValueError(f"{path} holds no rows: the data set is empty")
    return examples


def iterate(path, parse=None):
    """Yield (line number from 1, Example or Conversation), holding one line at a time.

    `parse`, bytes -> anything, makes something else of a line. Blank lines are skipped.
    Raises ValueError naming file and line for what is no such row.
    """
    parse = parse or example
    with open(path, "rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), start=1):
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line  # byte order mark
            if line.strip():
                try:
                    row = parse(line)
                except (ValueError, RecursionError) as error:
                    raise ValueError(f"{path}, line {number}: {_reason(error)}") from None
                yield number, row


def loads(line):
    """One line's bytes -> a dict. Raises ValueError or RecursionError."""
    if len(line) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE} bytes: one row stands on one line, and ends there")
    row = json.loads(line.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    if not isinstance(row, dict):
        raise ValueError(f'the row is {type(row).__name__}, not an object with "prompt" or "messages"')
    return row


def example(line):
    """One line's bytes -> Example or Conversation. Raises ValueError or RecursionError."""
    row = loads(line)
    if "messages" in row:
        if "prompt" in row or "completion" in row:
            raise ValueError('the row has both "messages" and "prompt" or "completion": keep one form')
        return _conversation(row["messages"])
    for key in ("prompt", "completion"):
        if not isinstance(row.get(key), str) or not row[key]:
            found = f"is {row[key]!r}" if key in row else 'is missing, and there is no "messages"'
            raise ValueError(f"the field {key!r} {found}: it must be a string that is not empty")
        encode_utf8(row[key])
    return data.Example(row["prompt"], row["completion"])


def _conversation(messages):
    if not isinstance(messages, list) or not messages:
        raise ValueError("the field 'messages' must be a list of messages that is not empty")
    made = []
    for i, message in enumerate(messages):
        if not isinstance(message, dict):
            raise ValueError(f'messages[{i}] is {type(message).__name__}, not an object with "role"')
        for key in ("role", "content"):
            if key not in message:
                raise ValueError(f"messages[{i}]: the field {key!r} is missing")
        if message.get("tool_calls") or message.get("function_call"):
            raise ValueError(f"messages[{i}] holds a tool call: write the call into its content as text")
        made.append(chat.Message(message["role"], message["content"], message.get("weight", 1.0)))
    conversation = chat.Conversation(tuple(made))
    chat.check(conversation)
    return conversation


def _unique(pairs):
    keys = [key for key, _ in pairs]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ValueError(f"the key {twice!r} stands twice: keep one")
    return dict(pairs)


def _no_constant(name):
    raise ValueError(f"{name} is not JSON: use null or a string")


def _reason(error):
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON, {error.msg} at column {error.colno}"
    if isinstance(error, RecursionError):
        return "brackets nested too deep: a row is one flat object"
    if "int_max_str_digits" in str(error):
        return "a number with thousands of digits: write it as a string"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8, byte {error.object[error.start]:#04x} at column {error.start + 1}"
    return str(error)
