"""One pass over prepared rows: how many show what. The verdicts on these counts are in findings.py."""

from collections import Counter, defaultdict
from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from ..report import DiagnoseError
from . import counting_spans
from .ends import Pads, learn_pads, strip_pads
from .spans import drop_starts, find_main, find_runs, find_spans
from .template import Template, find_messages, learn_template

LEARNED = 1000  # rows from which the template is learned
LEVELS = 100  # different loss weights that are counted one by one
SHORT = 4  # tokens at a row's end that are compared as they are


class Audit(NamedTuple):
    """Counts over all rows, pads aside.

    counts: numbers of rows, tokens and spans, by what they show. tallies: Counters by name, of tokens or
    other things. pads, template: what the first rows have in common. examples: a few rows, (PreparedRow,
    Bare) each.
    """

    counts: Counter
    tallies: dict
    pads: Pads
    template: Template
    examples: list

    def tally(self, name, key, n=1):
        """Count a key in the Counter of this name."""
        self.tallies[name][key] += n

    def get(self, name):
        """The Counter of this name, empty if nothing was counted."""
        return self.tallies.get(name, Counter())


def count_rows(rows, given_stops=(), vocab_size=None, n_examples=3):
    """Look at every PreparedRow once; returns an Audit.

    Raises DiagnoseError for no rows, or an id that a vocabulary of `vocab_size` does not have.
    """
    rows = iter(rows)
    sample = list(islice(rows, LEARNED))
    if not sample:
        raise DiagnoseError("there are no rows: the data set is empty")
    pads = learn_pads(sample)
    template = learn_template([strip_pads(row, pads) for row in sample], given_stops)
    audit = Audit(Counter(), defaultdict(Counter), pads, template, [])
    for number, row in enumerate(chain(sample, rows)):
        if vocab_size is not None and (row.tokens >= vocab_size).any():
            bad = int(row.tokens[row.tokens >= vocab_size][0])
            raise DiagnoseError(f"row {number} (from 0): id {bad} is outside the vocabulary of {vocab_size}")
        bare = strip_pads(row, pads)
        if number < n_examples:
            audit.examples.append((row, bare))
        count_row(audit, row, bare)
    return audit


def count_row(audit, row, bare):
    """Enter one row into an Audit."""
    n, lit = len(bare.tokens), bare.weights > audit.template.base
    tokens, spans = bare.tokens.tolist(), find_spans(lit)
    main = find_main(bare, spans) if count_weights(audit, bare) else spans
    counts, n_found = audit.counts, len(main)
    main = drop_starts(bare, main)
    counts["boundaries"] += n_found - len(main)
    counts["rows"] += 1
    counts["tokens"] += n
    counts["spans"] += len(main)
    counts["ahead"] += row.is_ahead
    counts["padded"] += bool(bare.left or bare.right)
    counts["lit_pads"] += bool(bare.lit_pads)
    audit.tally("lengths", n)
    audit.tally("mask_names", row.mask_name)
    count_pads(audit, row, bare)
    count_start(audit, tokens)
    count_hidden(audit, row, bare, lit)
    messages = find_messages(tokens, audit.template)
    if not main:
        count_empty(audit, tokens)
        return
    earlier = {role for k, role in messages if k < main[0][0]}
    audit.tally("last roles", messages[-1][1] if messages and messages[-1][1] not in earlier else None)
    count_shape(audit, tokens, bare, lit, spans)
    counting_spans.count_edges(audit, tokens, bare, main)
    counting_spans.count_stops(audit, tokens, bare, main, messages)
    counting_spans.count_answers(audit, tokens, bare, messages)


def count_pads(audit, row, bare):
    """Count pads by side and id."""
    for side, part in (
        ("left", row.tokens[: bare.left]),
        ("right", row.tokens[len(row.tokens) - bare.right :]),
    ):
        if len(part):
            audit.tally("pads", (side, int(part[0])), len(part))


def count_weights(audit, bare):
    """Count loss weights by value; returns how many are neither 0 nor 1."""
    weights = bare.weights[1:]
    n_dark, n_full = int((weights == 0).sum()), int((weights == 1).sum())
    audit.counts["supervised"] += len(weights) - n_dark
    known, others = audit.tallies["weights"], len(weights) - n_dark - n_full
    for value, number in ((0.0, n_dark), (1.0, n_full)):
        if number:
            known[value] += number
    if others:
        audit.counts["fractional"] += bool((weights % 1).any())
        for value, number in Counter(weights[(weights != 0) & (weights != 1)].tolist()).items():
            known[value if value in known or len(known) < LEVELS else None] += number
    return others


def count_start(audit, tokens):
    """Count rows that begin with the same token exactly twice, and whether it comes twice later, too."""
    if len(tokens) > 2 and tokens[0] == tokens[1] != tokens[2]:
        audit.tally("twice", tokens[0])
        audit.counts["twice_inside"] += len(find_runs(tokens[2:], (tokens[0],) * 2)) > 0


def count_hidden(audit, row, bare, lit):
    """Count rows in which attention does not see tokens that are no pads: those without loss?"""
    if row.attention is None or row.attention.all():
        return
    hidden = row.attention[bare.left : len(row.attention) - bare.right] == 0
    audit.counts["hidden"] += bool(hidden.any())
    audit.counts["hidden_prompts"] += bool(hidden.sum() > 1 and not (hidden & lit).any() and hidden[0])


def count_empty(audit, tokens):
    """Count a row without loss: does it hold an answer's header, and how long is it?"""
    header = audit.template.header
    audit.counts["empty"] += 1
    audit.counts["empty_with_header"] += bool(header and find_runs(tokens, header))
    audit.tally("empty_lengths", len(tokens))


def count_shape(audit, tokens, bare, lit, spans):
    """Count what kind of mask a row has as a whole."""
    counts, n = audit.counts, len(tokens)
    if spans[0][0] != 1:
        return
    count_dark_runs(audit, tokens, lit)
    dark = np.flatnonzero(~lit[1:]) + 1
    dark_tokens = {tokens[k] for k in dark}
    if not len(dark):
        counts["whole"] += 1
    elif len(dark_tokens) == 1 and len(spans) + 1 >= len(dark):
        blank = next(iter(dark_tokens))
        if not lit[[k for k in range(1, n) if tokens[k] == blank]].any():
            audit.tally("blanked", blank)
    if len(spans) == 1 and spans[0][1] < n:
        audit.tally("suffixes", tuple(tokens[spans[0][1] :]) if n - spans[0][1] <= SHORT else None)


def count_dark_runs(audit, tokens, lit):
    """Count, in a row that begins with loss, what stands before its runs without loss, and in them."""
    audit.counts["starts_lit"] += 1
    for a, b in find_spans(~lit)[1:]:
        audit.tally("before dark", tokens[a - 1])
        audit.tally("first dark", tokens[a])
        audit.tally("last dark", tokens[b - 1])
