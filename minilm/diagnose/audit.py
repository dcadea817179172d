"""What prepared data supervises: counts, the edges of the mask, and what looks wrong.

No step is called and no role is known. So a mask that starts late or early can only be suspected:
where a template ends in the same token in every row, the answer's first token is the one after it.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np

from .locate import DiagnoseError
from .naming import Finding

SURE = 0.95  # share of rows in which a token is the same, if it is the template's
FREE = 0.6  # share of rows that one answer's beginning stays below
FEW = 8  # fewer rows than this give no such suspicion


class Audit(NamedTuple):
    """Counts over all rows.

    counts: "rows", "tokens" (pads aside), "supervised", and rows that are "empty", "whole" (all is
    supervised), "prefix" (supervised from the start, not to the end), "padded" (a supervised
    run of one token at the end), "fractional" (weights between 0 and 1), "spans" (in all rows).
    edges: token ids at "first" (the first supervised token), "before" it, "before that", "second";
    ends: pairs (last supervised token, the one after it or None); starts: a row's first two tokens;
    follows: tokens before supervised ones inside a span; same: those that equal the next.
    """

    counts: Counter
    edges: dict
    ends: Counter
    starts: Counter
    follows: Counter
    same: Counter
    examples: list
    longest: int


EDGES = {"before that": -2, "before": -1, "first": 0, "second": 1}


def audit(rows, vocab_size=None, n_examples=3):
    """Look at every (tokens, weights) once and keep only counts and a few rows.

    Raises DiagnoseError for no rows, or an id that a vocabulary of `vocab_size` does not have.
    """
    found = Audit(Counter(), {name: Counter() for name in EDGES}, *(Counter() for _ in range(4)), [], 0)
    longest = 0
    for number, (tokens, weights) in enumerate(rows):
        if vocab_size is not None and (tokens >= vocab_size).any():
            bad = int(tokens[tokens >= vocab_size][0])
            raise DiagnoseError(f"row {number} (from 0): id {bad} is outside the vocabulary of {vocab_size}")
        if number < n_examples:
            found.examples.append((tokens, weights))
        longest = max(longest, count_row(found, tokens, weights))
    if not found.counts["rows"]:
        raise DiagnoseError("there are no rows: the data set is empty")
    return found._replace(longest=longest)


def count_row(found, tokens, weights):
    """Enter one row into an Audit's counts; returns its length without pads."""
    at = np.flatnonzero(weights[1:]) + 1
    n = length(tokens, at)
    counts = found.counts
    counts.update({"rows": 1, "tokens": n, "supervised": len(at), "empty": not len(at)})
    found.starts[tuple(tokens[:2].tolist())] += 1
    if not len(at):
        return n
    first, last = int(at[0]), int(at[-1])
    counts["whole"] += first == 1 and len(at) == n - 1
    counts["prefix"] += first == 1 and len(at) == last and last < n - 1
    counts["padded"] += (
        last >= 3 and len(set(tokens[last - 2 : last + 1].tolist())) == 1 and weights[last - 2] > 0
    )
    counts["fractional"] += bool((weights[at] % 1).any())
    inside = at[1:][np.diff(at) == 1]
    counts["spans"] += len(at) - len(inside)
    before = tokens[inside - 1]
    found.follows.update(before[before != tokens[inside]].tolist())
    found.same.update(before[before == tokens[inside]].tolist())
    for name, offset in EDGES.items():
        if 0 <= first + offset < len(tokens):
            found.edges[name][int(tokens[first + offset])] += 1
    after = int(tokens[last + 1]) if last + 1 < len(tokens) else None
    found.ends[int(tokens[last]), after] += 1
    return n


def length(tokens, at):
    """Length without the trailing run of one token that carries no loss (a run of two at least)."""
    end = len(tokens)
    last = int(at[-1]) if len(at) else 0
    while end - 1 > last and tokens[end - 1] == tokens[-1]:
        end -= 1
    return end if len(tokens) - end > 1 else len(tokens)


def share(counter):
    """(most frequent key, its share of all), or (None, 0)."""
    total = sum(counter.values())
    return (counter.most_common(1)[0][0], counter.most_common(1)[0][1] / total) if total else (None, 0.0)


def stop_token(found):
    """The id that looks like end-of-sequence: what most rows' loss ends in, or else stops before."""
    for side in (0, 1):
        ends = Counter()
        for pair, n in found.ends.items():
            ends[pair[side]] += n
        token, part = share(ends)
        if part >= 0.8 and token is not None:
            return token
    return None


def suspicions(found, eos_id=None, show=str):
    """What looks wrong, as Findings whose evidence counts rows; show(id) -> text. Empty if nothing does."""
    c, rows = found.counts, found.counts["rows"]
    said = []
    if c["empty"]:
        said.append(Finding("marker_not_found", f"{c['empty']} of {rows} rows have no supervised token"))
    if c["whole"] >= SURE * rows:
        said.append(Finding("mask_not_applied", f"in {c['whole']} of {rows} rows every token carries loss"))
    if c["prefix"] >= SURE * rows:
        said.append(
            Finding("mask_inverted", f"in {c['prefix']} of {rows} rows the start carries loss, the end none")
        )
    if c["padded"] > 0.5 * rows:
        said.append(Finding("pads_in_the_loss", f"{c['padded']} rows end in a supervised run of one token"))
    said += [*the_start(found, show), *the_stop(found, eos_id, show)]
    start, part = share(Counter({k: n for k, n in found.starts.items() if len(k) == 2}))
    if start and start[0] == start[1] and part >= SURE:
        first, second = start
        said.append(Finding("double_bos", f"{part:.0%} of the rows begin with {show(first)}, {show(second)}"))
    return said


def the_start(found, show):
    """A mask that starts a token late or early, where the template's last token gives it away."""
    (_, that), (_, b), (first, f), (_, second) = (share(found.edges[name]) for name in EDGES)
    if found.counts["whole"] + found.counts["prefix"] or sum(found.edges["first"].values()) < FEW:
        return []
    if that >= SURE and b < FREE:
        return [
            Finding(
                "mask_one_late",
                "the token before the first supervised one differs from row to row, the one before that "
                f"is the same in {that:.0%} of them",
            )
        ]
    if f >= SURE and second < FREE and b < SURE:
        return [
            Finding("mask_one_early", f"the first supervised token is {show(first)} in {f:.0%} of the rows")
        ]
    return []


def the_stop(found, eos_id, show):
    """End-of-sequence masked or missing, and loss on what follows it in a packed row."""
    eos_id = stop_token(found) if eos_id is None else eos_id
    with_loss = sum(found.ends.values())
    if eos_id is None or not with_loss:
        return []
    masked = sum(n for (last, after), n in found.ends.items() if last != eos_id and after == eos_id)
    missing = sum(n for (last, after), n in found.ends.items() if eos_id not in (last, after))
    said = []
    if masked:
        said.append(
            Finding(
                "eos_masked",
                f"in {masked} of {with_loss} rows {show(eos_id)}, end-of-sequence or pad, comes after the "
                "last supervised token, and carries no loss",
            )
        )
    if missing:
        said.append(
            Finding(
                "eos_cut",
                f"in {missing} of {with_loss} rows no {show(eos_id)} follows the answer; the longest row has "
                f"{found.longest} tokens",
            )
        )
    if found.follows[eos_id]:
        said.append(
            Finding(
                "boundary_in_the_loss",
                f"{found.follows[eos_id]} tokens right after {show(eos_id)} carry loss",
            )
        )
    return said
