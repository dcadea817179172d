"""Rows from a file, one JSON object a line, in either of the two forms that data comes in:

    {"prompt": "What is 2+2?", "completion": "4"}
    {"messages": [{"role": "user", "content": "What is 2+2?"}, {"role": "assistant", "content": "4"}]}

Roles are system (or developer), user, assistant, tool. A prompt and a completion may be lists of messages,
too: only the completion's answers then carry loss. A content may be a list of {"type": "text", "text": ...}.
A row, or a message, may hold more. Null is absent, as are empty values of what is refused:

    system                                             read: a row's first message
    weight                                             read: 0 .. 1, a factor on the row's or message's loss
    trainable, train, training, loss                   read: of a row or an answer; false is a weight of 0
    reasoning_content, reasoning, thinking, thoughts   refused: write it into the answer's text
    tool_calls, function_call, tools, functions        refused: write them as text
    images, image, videos, video, audios, audio        refused: only text is read
    loss_mask, step_loss_mask, completion_mask, assistant_masks, mask, masked, spans, weights, loss_weight,
    sample_weight, loss_scale                          refused: give a whole message a weight
    history, conversations, conversation, instruction, input, output, chosen, rejected, text
                                                       refused: another form; the error says what to write
    any other (id, source, ...)                        ignored: it changes nothing

`load` is the one way from a file to tokens; `stream` is the same for those who look at one row at a time.
"""

from typing import NamedTuple

from .. import chat, data
from . import atomic, json_text, row_fields

MAX_LINE = 2**24  # bytes of one row; a longer one is refused
MAX_TOKENS = 256  # of a row, unless max_tokens is given
LISTED = 20  # line numbers in a sentence


class FileRow(NamedTuple):
    """One row of a file, cut. `problem` says why it trains nothing; "" where it trains."""

    line: int
    example: data.Example | chat.Conversation
    row: data.Row
    is_cut: bool
    problem: str


class Report(NamedTuple):
    """What became of a file's rows: how many there are, and the lines of those cut or left out.

    A row that is cut before its answer is in both lists. `examples` are those of the rows that are
    left, in their order.
    """

    rows: int
    limit: int
    cut: list
    left_out: list
    examples: list


def load(path, level="char", tokenizer=None, max_tokens=None, **ends):
    """Read a file's rows, encode them, and cut them. Returns (tokenizer, list of data.Rows, Report).

    Without a `tokenizer`, one is built from the file at this level. If any row is a conversation, all
    are read as conversations. Every row is cut to its first `max_tokens` tokens, by default MAX_TOKENS:
    the memory of attention grows with the square of the longest row (`train` takes 160 MB for rows of
    256 tokens, 1.6 GB for 1024). A row of which no token carries loss is left out. `ends` are
    data.encode's bos and eos. Raises ValueError naming file and line for what is no row or cannot be
    encoded, and where no row is left.
    """
    numbered = list(iterate(path))
    if tokenizer is None:
        tokenizer = chat.fit_tokenizer((example for _, example in numbered), level)
    file_rows = list(encode_each(path, numbered, tokenizer, max_tokens, **ends))
    trained = [file_row for file_row in file_rows if not file_row.problem]
    if not trained:
        line, problem = file_rows[0].line, file_rows[0].problem
        raise ValueError(f"{path} holds no row that trains: on line {line}, {problem}")
    cut = [file_row.line for file_row in file_rows if file_row.is_cut]
    left_out = [file_row.line for file_row in file_rows if file_row.problem]
    examples = [file_row.example for file_row in trained]
    report = Report(len(file_rows), choose_limit(max_tokens), cut, left_out, examples)
    return tokenizer, [file_row.row for file_row in trained], report


def stream(path, level="char", max_tokens=None, **ends):
    """The steps of `load` with one row in memory: the file is read twice, once for the tokenizer.

    Returns the tokenizer and an iterator of FileRow, rows that train nothing included.
    """
    tokenizer = chat.fit_tokenizer((example for _, example in iterate(path)), level)
    return tokenizer, encode_each(path, iterate(path), tokenizer, max_tokens, **ends)


def encode_each(path, numbered, tokenizer, max_tokens=None, **ends):
    """Yield a FileRow for each (line number, example) of a file. Raises ValueError if there is none."""
    limit, line = choose_limit(max_tokens), None
    for line, example in numbered:
        example = chat.fit_example(example, tokenizer)
        try:
            whole = data.encode(example, tokenizer, **ends)
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {error}") from None
        row = whole.take(slice(limit))
        problem = "" if data.has_target(row) else data.explain_no_target(whole, limit)
        yield FileRow(line, example, row, len(whole.tokens) > limit, problem)
    if line is None:
        raise ValueError(f"{path} holds no rows: the data set is empty")


def choose_limit(max_tokens):
    """Tokens that rows are cut to. Raises ValueError for what is no such number."""
    data.check_max_tokens(max_tokens)
    return MAX_TOKENS if max_tokens is None else int(max_tokens)


def describe(report):
    """What was cut and left out, in one or two sentences; "" where nothing was."""
    sentences = []
    if report.cut:
        sentences.append(f"Cut to {report.limit} tokens: {list_lines(report.cut)}.")
    if report.left_out:
        sentences.append(f"Left out, because no token carries loss: {list_lines(report.left_out)}.")
    return " ".join(sentences)


def list_lines(lines):
    """How many rows, and on which lines."""
    if not lines:
        return "no row"
    if len(lines) == 1:
        return f"1 row, on line {lines[0]}"
    more = f" and {len(lines) - LISTED:,} more" if len(lines) > LISTED else ""
    return f"{len(lines):,} rows, on lines {', '.join(map(str, lines[:LISTED]))}{more}"


def read(path):
    """All rows of a file, a list of data.Example and chat.Conversation.

    Raises ValueError naming file and line for what is no such row, and for a file without rows.
    """
    examples = [example for _, example in iterate(path)]
    if not examples:
        raise ValueError(f"{path} holds no rows: the data set is empty")
    return examples


def iterate(path, parse=None):
    """Yield (line number from 1, Example or Conversation), holding one line at a time.

    `parse`, a function of a line's bytes, can make something else of it. Blank lines are skipped.
    Raises ValueError naming file and line for what is no such row.
    """
    parse = parse or parse_example
    with atomic.open_regular(path) as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), start=1):
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line  # byte order mark
            if line.strip():
                try:
                    row = parse(line)
                except (ValueError, RecursionError) as error:
                    raise ValueError(f"{path}, line {number}: {json_text.explain_error(error)}") from None
                yield number, row


def parse_object(line):
    """One line's bytes -> a dict. Raises ValueError."""
    if line.lstrip().startswith(b"["):
        rule = "write each of its objects on a line of its own (jq -c '.[]' does it)"
        raise ValueError(f'a JSON array is no row: {rule}, or a list of messages as {{"messages": [...]}}')
    if len(line) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE} bytes: one row stands on one line, and ends there")
    row = json_text.parse(line)
    if not isinstance(row, dict):
        raise ValueError(f'the row is {type(row).__name__}, not an object with "prompt" or "messages"')
    return row


def parse_example(line):
    """One line's bytes -> Example or Conversation. Raises ValueError or RecursionError."""
    return row_fields.parse_row(parse_object(line))
