"""One pass over prepared rows: how many show what. The verdicts on these counts are in findings.py."""

from collections import Counter, defaultdict
from itertools import chain, islice, pairwise
from typing import NamedTuple

import numpy as np

from ..report import DiagnoseError
from .ends import Pads, learn_pads, strip_pads
from .spans import find_runs, find_spans
from .template import STOP_DEPTH, Template, find_messages, learn_template

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
    counts = audit.counts
    counts["rows"] += 1
    counts["tokens"] += n
    counts["spans"] += len(spans)
    counts["ahead"] += row.is_ahead
    counts["padded"] += bool(bare.left or bare.right)
    counts["lit_pads"] += bool(bare.lit_pads)
    audit.tally("lengths", n)
    audit.tally("mask_names", row.mask_name)
    count_pads(audit, row, bare)
    count_weights(audit, bare)
    count_start(audit, tokens)
    count_hidden(audit, row, bare, lit)
    messages = find_messages(tokens, audit.template)
    if not spans:
        count_empty(audit, tokens)
        return
    count_shape(audit, tokens, bare, lit, spans)
    count_edges(audit, tokens, bare, spans)
    count_stops(audit, tokens, bare, spans, messages)
    count_answers(audit, tokens, bare, messages)


def count_pads(audit, row, bare):
    """Count pads by side and id."""
    for side, part in (
        ("left", row.tokens[: bare.left]),
        ("right", row.tokens[len(row.tokens) - bare.right :]),
    ):
        if len(part):
            audit.tally("pads", (side, int(part[0])), len(part))


def count_weights(audit, bare):
    """Count loss weights by value, and rows in which they are fractions."""
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


def count_start(audit, tokens):
    """Count rows that begin with the same token exactly twice, and whether it comes twice later, too."""
    if len(tokens) > 2 and tokens[0] == tokens[1] != tokens[2]:
        audit.tally("twice", tokens[0])
        audit.counts["twice_inside"] += len(find_runs(tokens[2:], (tokens[0],) * 2)) > 0


def count_hidden(audit, row, bare, lit):
    """Count rows in which attention does not see tokens that are no pads: those without loss?"""
    if row.attention is None:
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


def count_edges(audit, tokens, bare, spans):
    """Count the tokens around the starts of spans, and where these would be if pads were counted twice."""
    for a, b in spans:
        for name, k in (("before that", a - 2), ("before", a - 1), ("first", a), ("second", a + 1)):
            audit.tally(name, tokens[k] if 0 <= k < (b if name == "second" else len(tokens)) else None)
        audit.counts["one_token_spans"] += b - a == 1
        count_begin_token(audit, tokens, a, b)
    a = spans[0][0]
    if bare.left and a > 1 and a + bare.left < len(tokens):
        audit.tally("before shifted", tokens[a + bare.left - 1])
        audit.tally("first shifted", tokens[a + bare.left])
        audit.tally("before unshifted", tokens[a - 1])


def count_begin_token(audit, tokens, a, b):
    """Count spans right before, or at, whose start the row's first token stands again."""
    first, stops = audit.template.first, audit.template.stops
    if first is None or first in stops:
        return
    if a > 1 and tokens[a - 1] == first:
        audit.tally("begin inside", "after a stop" if tokens[a - 2] in stops else "dark")
    elif a > 0 and tokens[a] == first and b - a > 1 and first != audit.template.opener:
        audit.tally("begin inside", "after a stop" if tokens[a - 1] in stops else "lit")


def count_stops(audit, tokens, bare, spans, messages):
    """Count how spans end, by what follows them, and which of them go on behind a stop."""
    stops, n = audit.template.stops, len(tokens)
    documents = 1 + int(bare.starts[1:].sum()) if bare.starts is not None else None
    audit.counts["packed"] += documents is not None and documents > 1
    for number, (a, b) in enumerate(spans):
        is_last = number + 1 == len(spans)
        if stops.intersection(tokens[max(a, b - STOP_DEPTH) : b]):
            how = "lit"
        elif b < n:
            how = "dark" if tokens[b] in stops else "open"
        else:
            how = "unknown" if bare.ends_unknown else "padded" if bare.right else "cut"
        audit.tally("ends", (how, is_last, next((role for k, role in messages if k >= b), None)))
        if how in ("lit", "dark"):
            audit.tally("stops", next(t for t in reversed(tokens[a : b + 1]) if t in stops))
        if how == "lit":
            audit.tally("last", tokens[b - 1])
        if how == "cut":
            audit.tally("cut_lengths", n)
            audit.tally("cut_tokens", tokens[b - 1])
        count_behind_stop(audit, tokens, bare, (a, b))


def count_behind_stop(audit, tokens, bare, span):
    """Count a span that goes on behind a stop token, a newline aside, and what stands there."""
    a, b = span
    stops, template = audit.template.stops, audit.template
    if stops.isdisjoint(tokens[a : b - 1]):
        return
    starts = bare.starts if bare.starts is not None else np.zeros(len(tokens), bool)
    for k in range(a, b - 1):
        if tokens[k] not in stops or (tokens[k + 1] in stops and not starts[k + 1]):
            continue
        k += 1
        if tokens[k] == template.glue and (k + 1 == b or template.glue != template.opener):
            k += 1
        if k >= b or (stops.issuperset(tokens[k:b]) and not starts[k]):
            return
        if starts[k] or (bare.starts is None and tokens[k] == template.first != template.opener):
            audit.counts["boundaries"] += 1
            return
        audit.counts["runs_on"] += 1
        role = tokens[k + 1] if tokens[k] == template.opener and k + 1 < len(tokens) else None
        audit.tally("run_on_roles", (role, b - k > max(len(template.header), 1)))
        return


def count_answers(audit, tokens, bare, messages):
    """Count rows with several answers: is only the last one's first token lit, and do roles carry loss?"""
    template, n = audit.template, len(tokens)
    ends = ([k for k, _ in messages] + [n])[1:]
    size = len(template.header)
    starts, lit = [], []
    for (k, role), end in zip(messages, ends, strict=True):
        is_answer = bool(size) and tuple(tokens[k : k + size]) == template.header
        body = bare.weights[k + max(size, 2) : end] > template.base
        if template.opener is not None and len(body):
            audit.tally("roles", (role, "lit" if body.mean() > 0.5 else "dark"))
        if template.prefix[:1] == (template.opener,) != (None,) and role != (*template.prefix, None)[1]:
            last = tokens[k + len(template.prefix) - 1 : k + len(template.prefix)]
            audit.tally("header shapes", last == [template.prefix[-1]])
        if is_answer and (k or template.header != (template.first,)):
            starts.append(k)
            lit.append(bool(body.any()))
    has_stops = all(template.stops.intersection(tokens[p:q]) for p, q in pairwise(starts))
    if len(starts) > 1 and has_stops:
        audit.counts["several_answers"] += 1
        audit.counts["only_last"] += lit[-1] and not any(lit[:-1])
