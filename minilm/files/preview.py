"""Look at a file's rows before training: which of their tokens carry loss under which policy.

A row is shown as runs of tokens, one a line, each with its mark: + carries loss, - does not, ~ in
between. The marks stay in the text, so that colour only repeats what can be read without it. The
file is read twice, row by row: once for the vocabulary, once for the masks.
"""

import html
from typing import NamedTuple

import numpy as np

from .. import data, masks, template
from . import rows as jsonl

LISTED = 20  # line numbers in a summary
COLOURS = {"+": "30;42", "-": "2", "~": "30;43"}  # black on green, dim, black on yellow


class Shown(NamedTuple):
    """One row as it is shown: its place in the file, and its runs (mark, weight, text)."""

    number: int
    line: int
    runs: list


class Summary(NamedTuple):
    """What a whole file trains on. cut, empty: the lines of rows that were cut, or train nothing."""

    rows: int
    targets: int
    supervised: int
    cut: list
    empty: list
    limit: int | None


class Preview(NamedTuple):
    """Rows to show, and the summary of all."""

    path: str
    shown: list
    summary: Summary


def preview(path, level="char", policy="response", rows=range(3), max_tokens=None, prompt_weight=0.0, **ends):
    """Read a file and see what its rows would train on; those numbered in `rows` are shown.

    `ends` are data.encode's bos and eos. Raises ValueError for what cannot be read or encoded, and for
    a file that holds no row, or not the one row asked for.
    """
    data.loss_mask(np.zeros((1, 1), int), prompt_weight)  # checks the weight
    words = template.fit_tokenizer((example for _, example in jsonl.iterate(path)), level)
    limit = template.limit(words, max_tokens)
    shown, number, targets, supervised, cut, empty = [], -1, 0, 0, [], []
    for number, (line, example) in enumerate(jsonl.iterate(path)):
        try:
            whole = data.encode(template.fit(example, words), words, **ends)
            row = whole.take(slice(limit))
            batch = data.collate([row], prompt_weight)
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {error}") from None
        mask = masks.POLICIES[policy](batch)
        targets, supervised = targets + mask.size, supervised + int((mask > 0).sum())
        cut += [line] * (len(row.tokens) < len(whole.tokens))
        empty += [line] * (not mask.any())
        if number in rows:
            weights = np.concatenate([[0.0], mask[0]])  # the first token is no target
            shown.append(Shown(number, line, runs(row.tokens, weights, row.turns, words.decode)))
    if number < 0:
        raise ValueError(f"{path} holds no rows: the data set is empty")
    if not shown:
        raise ValueError(f"there is no row {rows[0]}: {path} holds {number + 1}, counted from 0")
    return Preview(str(path), shown, Summary(number + 1, targets, supervised, cut, empty, limit))


def runs(tokens, weights, turns, decode):
    """[(mark, weight, text)]: tokens of one weight and, unless turns is None, one message; decode(ids)."""
    turns = np.zeros(len(tokens), int) if turns is None else turns
    starts = np.flatnonzero((np.diff(weights) != 0) | (np.diff(turns) != 0)) + 1
    result = []
    for part in np.split(np.arange(len(tokens)), starts):
        weight = float(weights[part[0]])
        mark = "+" if weight == 1 else "~" if weight else "-"
        result.append((mark, weight, visible(decode(tokens[part]))))
    return result


def visible(text):
    """Text on one line: what a terminal would obey, such as a newline, stands as its escape."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def text(preview, colour=False):
    """A preview for the terminal."""
    lines = []
    for number, line, parts in preview.shown:
        lines.append(f"row {number} (line {line})")
        lines += [*marked(parts, colour), ""]
    return "\n".join([*lines, *summary(preview)])


def marked(parts, colour=False):
    """Runs as lines, each with its mark."""
    for mark, weight, said in parts:
        said = f"\033[{COLOURS[mark]}m{said}\033[0m" if colour else said
        yield f"  {mark} {said}" + f"  ({weight:g})" * (mark == "~")


def summary(preview):
    """The summary as sentences."""
    rows, targets, supervised, cut, empty, limit = preview.summary
    return [
        f"{rows:,} rows; {supervised:,} of {targets:,} targets carry loss ({supervised / targets:.1%})",
        f"cut to {limit} tokens: {listed(cut)}" if limit else "cut: no row",
        f"without a target, so that they train nothing: {listed(empty)}",
    ]


def listed(lines):
    """How many rows, and on which lines."""
    if not lines:
        return "no row"
    more = f" and {len(lines) - LISTED:,} more" if len(lines) > LISTED else ""
    places = ", ".join(map(str, lines[:LISTED]))
    return f"{len(lines):,} rows, on lines {places}{more}" if len(lines) > 1 else f"1 row, on line {places}"


STYLE = """\
body { font:15px/1.6 system-ui,sans-serif; color:#111; background:#fff; color-scheme:light; margin:2em }
h2 { font-size:1em; margin:1.5em 0 .3em }
ol { list-style:none; margin:0; padding:0; font:13px/1.7 ui-monospace,Menlo,Consolas,monospace }
li { white-space:pre-wrap; overflow-wrap:anywhere; padding:0 .5em; border-left:5px solid #ddd; color:#555 }
li.lit { background:#dcefe0; border-left-color:#1b7837; color:#111 }
li.part { background:#fdf0c4; border-left-color:#b58900; color:#111 }
"""


def page(preview):
    """A preview as a self-contained page without script."""
    kinds = {"+": ' class="lit"', "-": "", "~": ' class="part"'}
    parts = [f"<p>{html.escape(sentence)}</p>\n" for sentence in summary(preview)]
    for number, line, runs_of_row in preview.shown:
        items = "".join(
            f"<li{kinds[mark]}>{mark} {html.escape(said)}{f'  ({weight:g})' * (mark == '~')}</li>\n"
            for mark, weight, said in runs_of_row
        )
        parts.append(f"<h2>row {number} (line {line})</h2>\n<ol>\n{items}</ol>\n")
    title = html.escape(f"Which tokens carry loss: {preview.path}")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<p>+ carries loss, - does not, ~ in between.</p>\n{''.join(parts)}</body>\n</html>\n"
    )
