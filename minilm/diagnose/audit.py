"""What prepared data supervises: counts, the edges of the mask, and what looks wrong.

No step is called and no role is known. So a mask that starts late or early can only be suspected:
where a template ends in the same token in every row, the answer's first token is the one after it.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np

from .report import DiagnoseError, Finding

SURE = 0.95  # share of rows in which a token is the same, if it is the template's
FREE = 0.6  # share of rows that one answer's beginning stays below
FEW = 8  # fewer rows than this give no such suspicion
EDGES = {"before that": -2, "before": -1, "first": 0, "second": 1}  # places from the first supervised token


class Audit(NamedTuple):
    """Counts over all rows.

    counts: "rows", "tokens" (pads aside), "supervised", and rows that are "empty", "whole" (all is
    supervised), "prefix" (supervised from the start, not to the end), "padded" (a supervised
    run of one token at the end), "fractional" (weights between 0 and 1), "spans" (in all rows).
    edges: token ids at "first" (the first supervised token), "before" it, "before that", "second";
    ends: pairs (last supervised token, the one after it or None); starts: a row's first two tokens;
    follows: tokens before supervised ones inside a span, other than the next token.
    """

    counts: Counter
    edges: dict
    ends: Counter
    starts: Counter
    follows: Counter
    examples: list
    longest: int


def audit(rows, vocab_size=None, n_examples=3):
    """Look at every (tokens, weights) once; returns an Audit, counts and a few rows.

    Raises DiagnoseError for no rows, or an id that a vocabulary of `vocab_size` does not have.
    """
    result = Audit(Counter(), {name: Counter() for name in EDGES}, *(Counter() for _ in range(3)), [], 0)
    longest = 0
    for number, (tokens, weights) in enumerate(rows):
        if vocab_size is not None and (tokens >= vocab_size).any():
            bad = int(tokens[tokens >= vocab_size][0])
            raise DiagnoseError(f"row {number} (from 0): id {bad} is outside the vocabulary of {vocab_size}")
        if number < n_examples:
            result.examples.append((tokens, weights))
        longest = max(longest, count_row(result, tokens, weights))
    if not result.counts["rows"]:
        raise DiagnoseError("there are no rows: the data set is empty")
    return result._replace(longest=longest)


def count_row(result, tokens, weights):
    """Enter one row into an Audit's counts; returns its length without pads."""
    at = np.flatnonzero(weights[1:]) + 1  # the first token is never predicted
    n = measure_length(tokens, at)
    result.counts.update({"rows": 1, "tokens": n, "supervised": len(at), "empty": not len(at)})
    result.starts[tuple(tokens[:2].tolist())] += 1
    if len(at):
        count_shape(result.counts, tokens, weights, at, n)
        count_inside(result, tokens, at)
        count_edges(result, tokens, int(at[0]), int(at[-1]))
    return n


def count_shape(counts, tokens, weights, at, n):
    """Count what kind of mask a row of n tokens has, supervised `at` these places."""
    first, last = int(at[0]), int(at[-1])
    counts["whole"] += first == 1 and len(at) == n - 1
    counts["prefix"] += first == 1 and len(at) == last and last < n - 1
    ends_in_run = last >= 3 and len(set(tokens[last - 2 : last + 1].tolist())) == 1
    counts["padded"] += ends_in_run and weights[last - 2] > 0
    counts["fractional"] += bool((weights[at] % 1).any())


def count_inside(result, tokens, at):
    """Count the spans of supervised tokens, and which tokens stand before others inside them."""
    inside = at[1:][np.diff(at) == 1]
    result.counts["spans"] += len(at) - len(inside)
    before = tokens[inside - 1]
    result.follows.update(before[before != tokens[inside]].tolist())


def count_edges(result, tokens, first, last):
    """Count the tokens around the first supervised place, at the last one, and after that."""
    for name, offset in EDGES.items():
        if 0 <= first + offset < len(tokens):
            result.edges[name][int(tokens[first + offset])] += 1
    after = int(tokens[last + 1]) if last + 1 < len(tokens) else None
    result.ends[int(tokens[last]), after] += 1


def measure_length(tokens, at):
    """Length without the trailing run of one token that carries no loss (a run of two at least)."""
    end = len(tokens)
    last = int(at[-1]) if len(at) else 0
    while end - 1 > last and tokens[end - 1] == tokens[-1]:
        end -= 1
    return end if len(tokens) - end > 1 else len(tokens)


def find_most_common(counter):
    """(most frequent key, its share of all), or (None, 0)."""
    if not counter:
        return None, 0.0
    ((key, n),) = counter.most_common(1)
    return key, n / sum(counter.values())


def find_stop_token(result):
    """The id that looks like end-of-sequence: what most rows' loss ends in, or else stops before."""
    for side in (0, 1):
        ends = Counter()
        for pair, n in result.ends.items():
            ends[pair[side]] += n
        token, share = find_most_common(ends)
        if share >= 0.8 and token is not None:
            return token
    return None


def find_suspicions(result, eos_id=None, show=str):
    """What looks wrong, as Findings whose evidence counts rows; show(id) -> text. Empty if nothing does."""
    return [
        *suspect_counts(result.counts),
        *suspect_start(result, show),
        *suspect_stop(result, find_stop_token(result) if eos_id is None else eos_id, show),
        *suspect_double_bos(result, show),
    ]


def suspect_counts(counts):
    """Rows without loss, and masks that most rows have and none should."""
    rows = counts["rows"]
    if n := counts["empty"]:
        yield Finding("marker_not_found", f"{n} of {rows} rows have no supervised token")
    if (n := counts["whole"]) >= SURE * rows:
        yield Finding("mask_not_applied", f"in {n} of {rows} rows every token carries loss")
    if (n := counts["prefix"]) >= SURE * rows:
        yield Finding("mask_inverted", f"in {n} of {rows} rows the start carries loss, the end none")
    if (n := counts["padded"]) > 0.5 * rows:
        yield Finding("pads_in_the_loss", f"{n} rows end in a supervised run of one token")


def suspect_start(result, show):
    """A mask that starts a token late or early, where the template's last token gives it away."""
    (_, before_that), (_, before), (first_token, first), (_, second) = (
        find_most_common(result.edges[name]) for name in EDGES
    )
    n_starts = sum(result.edges["first"].values())
    if result.counts["whole"] + result.counts["prefix"] or n_starts < FEW:
        return
    if before_that >= SURE and before < FREE:
        yield Finding(
            "mask_one_late",
            "the token before the first supervised one differs from row to row, the one before that "
            f"is the same in {before_that:.0%} of them",
        )
    elif first >= SURE and second < FREE and before < SURE:
        text = f"the first supervised token is {show(first_token)} in {first:.0%} of the rows"
        yield Finding("mask_one_early", text)


def suspect_stop(result, eos_id, show):
    """End-of-sequence masked or missing, and loss on what follows it in a packed row."""
    with_loss = sum(result.ends.values())
    if eos_id is None or not with_loss:
        return
    masked = sum(n for (last, after), n in result.ends.items() if last != eos_id and after == eos_id)
    missing = sum(n for (last, after), n in result.ends.items() if eos_id not in (last, after))
    if masked:
        yield Finding(
            "eos_masked",
            f"in {masked} of {with_loss} rows {show(eos_id)}, end-of-sequence or pad, comes after the "
            "last supervised token, and carries no loss",
        )
    if missing:
        yield Finding(
            "eos_cut",
            f"in {missing} of {with_loss} rows no {show(eos_id)} follows the answer; the longest row has "
            f"{result.longest} tokens",
        )
    if n := result.follows[eos_id]:
        yield Finding("boundary_in_the_loss", f"{n} tokens right after {show(eos_id)} carry loss")


def suspect_double_bos(result, show):
    """Nearly all rows begin with the same token twice."""
    pairs = Counter({start: n for start, n in result.starts.items() if len(start) == 2})
    start, share = find_most_common(pairs)
    if start and start[0] == start[1] and share >= SURE:
        first, second = start
        yield Finding("double_bos", f"{share:.0%} of the rows begin with {show(first)}, {show(second)}")
