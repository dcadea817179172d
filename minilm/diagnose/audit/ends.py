"""The ends of a row: which tokens are pads, and what remains without them."""

from collections import Counter
from typing import NamedTuple

import numpy as np

NEIGHBOURS = 0.6  # share of neighbouring rows that are equally wide, where rows are padded in batches
SHORTEST_RUN = 3  # pads of the row that has the most
PADDED = 0.2  # share of rows that are padded, at least, where no attention_mask says so
LIT_PADS = 3  # tokens of one id with loss at a row's end that are more than a stop token


class Pads(NamedTuple):
    """The ids that pad rows on the left and on the right; None where nothing does."""

    left: int | None
    right: int | None


class Bare(NamedTuple):
    """A row without its pads: tokens and weights (n,), how many pads it had on each side, and how many
    pads have loss. The first token is never predicted, its weight is 0. starts: (n,) or None."""

    tokens: np.ndarray
    weights: np.ndarray
    left: int
    right: int
    lit_pads: int
    starts: np.ndarray | None
    ends_unknown: bool


def measure_runs(row):
    """Lengths of the runs of one token at both ends of a row."""
    differs = np.flatnonzero(np.diff(row.tokens))
    if not len(differs):
        return len(row.tokens), len(row.tokens)
    return int(differs[0]) + 1, len(row.tokens) - int(differs[-1]) - 1


def learn_pads(sample):
    """Pads of rows that have no attention_mask: a run of one id whose length varies from row to row.

    On the left rows should also be equally wide, since images, too, may begin with such a run.
    """
    widths = [len(row.tokens) for row in sample]
    alike = np.mean(np.diff(widths) == 0) if len(widths) > 1 else 0.0
    sides = []
    for side, at in ((0, 0), (1, -1)):
        runs = [(int(row.tokens[at]), measure_runs(row)[side]) for row in sample]
        long = Counter(token for token, n in runs if n >= 2)
        token, n_long = long.most_common(1)[0] if long else (None, 0)
        if n_long < PADDED * len(sample) or max(n for first, n in runs if first == token) < SHORTEST_RUN:
            sides.append(None)
            continue
        lengths = {n if first == token else 0 for first, n in runs}
        varies = len(lengths) > 1 and (side == 1 or alike >= NEIGHBOURS)
        sides.append(token if varies or (side == 1 and token is not None and is_dark_end(sample)) else None)
    return Pads(*sides)


def is_dark_end(sample):
    """Whether rows end in two equal tokens without loss, all in a run of the same length."""
    return all(not row.weights[-2:].any() and len(set(row.tokens[-2:].tolist())) == 1 for row in sample)


def strip_pads(row, pads):
    """A PreparedRow -> Bare."""
    if row.attention is not None:
        left, right = find_attended(row)
    else:
        left, right = find_pads(row, pads)
    tokens, weights = row.tokens[left:right], row.weights[left:right].astype(float)
    lit_pads = int((row.weights[:left] > 0).sum() + (row.weights[right:] > 0).sum())
    lit_pads -= int(left > 0 and row.weights[0] > 0)
    lit_pads -= int(left > 1 and row.weights[left - 1] > 0 and not row.weights[: left - 1].any())  # a begin
    if len(weights):
        weights[0] = 0.0
    starts = None if row.starts is None else row.starts[left:right]
    n_right = len(row.tokens) - right
    return Bare(tokens, weights, left, n_right, lit_pads, starts, row.ends_unknown and not n_right)


def find_attended(row):
    """(first, end) of what attention sees, if what lies outside is one id on each side; else of the row."""
    seen = np.flatnonzero(row.attention)
    if len(seen) in (0, len(row.tokens)):
        return 0, len(row.tokens)
    first, end = int(seen[0]), int(seen[-1]) + 1
    is_padded = all(len(set(part.tolist())) <= 1 for part in (row.tokens[:first], row.tokens[end:]))
    return (first, end) if is_padded else (0, len(row.tokens))


def find_pads(row, pads):
    """(first, end) of a row without its runs of pads. A pad that is also the stop stays where it has loss."""
    tokens, n = row.tokens, len(row.tokens)
    left_run, right_run = measure_runs(row)
    first = left_run if pads.left is not None and tokens[0] == pads.left else 0
    end = n
    if pads.right is not None and tokens[-1] == pads.right and right_run < n:
        n_lit = int((row.weights[n - right_run :] > 0).sum())
        end = n - right_run
        if n_lit and (n_lit < LIT_PADS or row.weights[end - 1] > 0):
            end += 1 if n_lit >= LIT_PADS else n_lit
    return (first, end) if first < end else (0, n)
