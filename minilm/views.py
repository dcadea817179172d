"""Which token carries loss: one source, `mark_tokens`, and the ways to show it.

    write_table    one line a target, beside the token that the model reads
    write_lines    runs of tokens as lines of text
    write_items    the same runs as items of an HTML list

The marks stand in the text: + carries loss, - does not, ~ in between. Colour only repeats what can
be read without it.
"""

import html
from typing import NamedTuple

import numpy as np

from .chat import ROLES

COLOURS = {"+": "30;42", "-": "2", "~": "30;43"}  # black on green, dim, black on yellow
CLASSES = {"+": ' class="lit"', "-": "", "~": ' class="part"'}


class Entry(NamedTuple):
    """Neighbouring tokens of one loss weight: their mark, that weight, their text."""

    mark: str
    loss_weight: float
    text: str


def mark_tokens(parts, loss_weights):
    """An Entry for every part (text, index of its first token), by loss_weights (n,) of all tokens."""
    entries = []
    for text, first in parts:
        loss_weight = float(loss_weights[first])
        mark = "-" if loss_weight == 0 else "+" if loss_weight == 1 else "~"
        entries.append(Entry(mark, loss_weight, text))
    return entries


def mark_each(tokens, loss_weights, tokenizer):
    """One Entry a token."""
    return mark_tokens([(tokenizer.show(token), t) for t, token in enumerate(tokens)], loss_weights)


def mark_runs(tokens, loss_weights, decode, turns=None):
    """One Entry a run of tokens that share the loss weight and, if `turns` (n,) is given, the message.

    `decode` makes text of ids: a character can be several bytes, so a run is decoded as a whole.
    """
    changes = np.diff(loss_weights) != 0
    if turns is not None:
        changes |= np.diff(turns) != 0
    runs = np.split(np.arange(len(tokens)), np.flatnonzero(changes) + 1)
    return mark_tokens([(escape(decode(tokens[run])), run[0]) for run in runs if len(run)], loss_weights)


def escape(text, keep=""):
    """Text on one line: control characters, such as a newline, are written as escapes.

    So are marks that change the direction of writing. `keep` holds characters that stay.
    """
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)


def write_table(batch, loss_mask, tokenizer):
    """A table of the first row of a Batch under a loss mask (1, T): one line a target."""
    inputs, roles = batch.ids[0], batch.roles[0]
    lines = [("t", "input", "target", "target is", "weight", "")]
    for t, entry in enumerate(mark_each(batch.targets[0], loss_mask[0], tokenizer)):
        note = "" if entry.mark == "-" else "  <- loss here"
        cells = (tokenizer.show(inputs[t]), entry.text, ROLES[roles[t]], f"{entry.loss_weight:g}")
        lines.append((str(t), *cells, note))
    width = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join(
        f"{t:>{width[0]}}  {read:<{width[1]}} -> {target:<{width[2]}}  {role:<{width[3]}}  "
        f"{loss_weight:>{width[4]}}{note}"
        for t, read, target, role, loss_weight, note in lines
    )


def write_lines(entries, colour=False):
    """Entries as lines of text, each with its mark; `colour` for a terminal. Returns a list."""
    lines = []
    for entry in entries:
        text = f"\033[{COLOURS[entry.mark]}m{entry.text}\033[0m" if colour else entry.text
        lines.append(f"  {entry.mark} {text}{write_fraction(entry)}")
    return lines


def write_items(entries):
    """Entries as items of an HTML list, one string."""
    return "".join(
        f"<li{CLASSES[entry.mark]}>{entry.mark} {html.escape(entry.text)}{write_fraction(entry)}</li>\n"
        for entry in entries
    )


def write_fraction(entry):
    """A loss weight between 0 and 1 in brackets; "" for 0 and 1, which the mark already shows."""
    return f"  ({entry.loss_weight:g})" if entry.mark == "~" else ""
