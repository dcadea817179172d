"""Look at a file's rows before training: which of their tokens carry loss under which policy.

Rows are encoded and cut as in `rows.load`, but one at a time, so that a large file fits in memory.
views.py draws them.
"""

import html
from typing import NamedTuple

import numpy as np

from .. import data, masks, views
from . import rows


class Shown(NamedTuple):
    """One row as it is shown: its number from 0, its line in the file, and its views.Entries."""

    number: int
    line: int
    entries: list


class Summary(NamedTuple):
    """What a whole file trains on. cut, empty: the lines of rows that were cut, or train nothing."""

    rows: int
    targets: int
    supervised: int
    cut: list
    empty: list
    limit: int


class Preview(NamedTuple):
    """Rows to show, and the summary of all."""

    path: str
    shown: list
    summary: Summary


def read(path, level="char", policy="response", numbers=range(3), max_tokens=None, prompt_weight=0.0, **ends):
    """Read a file and see what its rows would train on; those whose number is in `numbers` are shown.

    `ends` are data.encode's bos and eos. Returns a Preview. Raises ValueError for what cannot be read or
    encoded, and for a file that holds no row, or not the one row asked for.
    """
    data.loss_mask(np.zeros((1, 1), int), prompt_weight)  # checks the prompt weight
    tokenizer, file_rows = rows.stream(path, level, max_tokens, **ends)
    shown, cut, empty, targets, supervised = [], [], [], 0, 0
    for number, file_row in enumerate(file_rows):
        mask = make_mask(file_row, policy, prompt_weight)
        targets += len(mask)
        supervised += int((mask > 0).sum())
        if file_row.is_cut:
            cut.append(file_row.line)
        if not mask.any():
            empty.append(file_row.line)
        if number in numbers:
            shown.append(Shown(number, file_row.line, mark_row(file_row.row, mask, tokenizer)))
    if not shown:
        raise ValueError(f"there is no row {numbers[0]}: {path} holds {number + 1}, counted from 0")
    limit = rows.choose_limit(max_tokens)
    return Preview(str(path), shown, Summary(number + 1, targets, supervised, cut, empty, limit))


def make_mask(file_row, policy, prompt_weight):
    """The loss mask (T,) of a rows.FileRow's targets: zeros where `rows.load` would leave it out."""
    if file_row.problem:
        return np.zeros(len(file_row.row.tokens) - 1)
    batch = data.collate([file_row.row], prompt_weight)
    return masks.POLICIES[policy](batch)[0]


def mark_row(row, mask, tokenizer):
    """A row's views.Entries under a loss mask (T,) of its targets; the first token is no target."""
    loss_weights = np.concatenate([[0.0], mask])
    return views.mark_runs(row.tokens, loss_weights, tokenizer.decode, row.turns)


def write_text(preview, colour=False):
    """A preview for the terminal."""
    lines = []
    for number, line, entries in preview.shown:
        lines.append(f"row {number} (line {line})")
        lines += [*views.write_lines(entries, colour), ""]
    return "\n".join([*lines, *summarize(preview)])


def summarize(preview):
    """The summary as sentences."""
    count, targets, supervised, cut, empty, limit = preview.summary
    return [
        f"{count:,} rows; {supervised:,} of {targets:,} targets carry loss ({supervised / targets:.1%})",
        f"cut to {limit} tokens: {rows.list_lines(cut)}",
        f"without a target, so that they train nothing: {rows.list_lines(empty)}",
    ]


STYLE = """\
body { font:15px/1.6 system-ui,sans-serif; color:#111; background:#fff; color-scheme:light; margin:2em }
h2 { font-size:1em; margin:1.5em 0 .3em }
ol { list-style:none; margin:0; padding:0; font:13px/1.7 ui-monospace,Menlo,Consolas,monospace }
li { white-space:pre-wrap; overflow-wrap:anywhere; padding:0 .5em; border-left:5px solid #ddd; color:#555 }
li.lit { background:#dcefe0; border-left-color:#1b7837; color:#111 }
li.part { background:#fdf0c4; border-left-color:#b58900; color:#111 }
"""


def make_page(preview):
    """A preview as a self-contained page without script."""
    parts = [f"<p>{html.escape(sentence)}</p>\n" for sentence in summarize(preview)]
    for number, line, entries in preview.shown:
        parts.append(f"<h2>row {number} (line {line})</h2>\n<ol>\n{views.write_items(entries)}</ol>\n")
    title = html.escape(f"Which tokens carry loss: {preview.path}")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<p>+ carries loss, - does not, ~ in between.</p>\n{''.join(parts)}</body>\n</html>\n"
    )
