"""Which tokens around an example belong to it, and which are pads?"""

from typing import NamedTuple

import numpy as np


class Side(NamedTuple):
    """What stands on one side of an example that is alone in its row, nearest token first."""

    tokens: list
    lit: list  # whether the mask lights each of them


def find_inner_sides(alone, singles, tokens, documents, meant, is_wrapped):
    """(tokens before, tokens after) every example without pads, nearest first; whether a stop may be a pad.

    alone: (row of tokens, Document) of each example by itself, from the Batches `singles`; tokens,
    documents: all examples together.
    """
    has_marks = all(single.is_real is not None for single in singles)
    inner = {}
    for is_end in (False, True):
        sides = [
            read_side(row[: len(row) - is_wrapped], document, single, is_end)
            for (row, document), single in zip(alone, singles, strict=True)
        ]
        far = [cut_side(tokens[document.row], document, is_end).tolist() for document in documents]
        pad_ids = find_pad_ids([side.tokens for side in sides], far)
        pad_ids |= set() if meant.pad_id is None else {meant.pad_id}
        inner[is_end] = [side.tokens for side in sides] if has_marks else remove_pads(sides, pad_ids, is_end)
    is_guess = not has_marks and is_kept_pad(sides, inner[True])
    if is_guess and meant.pad_id is not None and meant.pad_id not in meant.stop_ids:
        return inner[False], [[] for _ in alone], False
    return inner[False], inner[True], is_guess


def read_side(row, document, single, is_end):
    """The Side of an example in its own row, as far as the attention mask shows it."""
    real = np.ones(len(row), bool) if single.is_real is None else single.is_real[document.row][: len(row)]
    lit = np.concatenate([[False], single.mask[document.row] > 0])[: len(row)]
    shown = cut_side(real, document, is_end) & bool(document.answers or not is_end)  # a cut prompt has no end
    return Side(*(cut_side(array, document, is_end)[shown].tolist() for array in (row, lit)))


def cut_side(row, document, is_end):
    """What a row holds on one side of an example, nearest first."""
    return row[document.end :] if is_end else row[: document.start][::-1]


def is_kept_pad(sides, inner):
    """Whether the one token that is left behind every example is the first of a run that no loss lights."""
    lit = any(any(side.lit) for side in sides)
    runs = [count_run(side.tokens) == len(side.tokens) for side in sides if side.tokens]
    return not lit and all(runs) and any(inner) and any(len(side.tokens) > 1 for side in sides)


def find_pad_ids(alone, full):
    """The ids that fill rows: what stands beyond an example in the batch of all, and not when it is alone.

    alone, full: for each example the tokens on one side, nearest first, alone and among all others.
    """
    found = set()
    for near, far in zip(alone, full, strict=True):
        n = len(near)
        if len(far) > n and far[:n] == near and len(set(far[n:])) == 1:
            found.add(far[-1])
    return found


def remove_pads(sides, pad_ids=(), is_end=True):
    """The tokens of every side without pads: a run of one token at the outer end.

    Such a run is pads if its token is among pad_ids, or if its length varies, or, behind an example, if it
    is longer than two. Where pads are all that stands there, or the loss ends inside the run, the first
    of them is kept: it is a stop token with the pads' id.
    """
    outer = {side.tokens[-1] for side in sides if side.tokens} - {-1}
    runs = [count_run(side.tokens) for side in sides]
    pads = {pad for pad in outer if pad in pad_ids}
    if not pads and len(outer) == 1:
        lengths = {run for run in runs if run}
        if len(lengths) > 1 or (is_end and max(lengths, default=0) > 2):
            pads = outer
    inner = []
    for side, run in zip(sides, runs, strict=True):
        is_padded = bool(side.tokens) and side.tokens[-1] in pads | {-1}
        kept = len(side.tokens) - run if is_padded else len(side.tokens)
        ends_inside = is_padded and is_end and side.lit[kept] and not all(side.lit[kept:][1:] or [False])
        inner.append(side.tokens[: kept + ends_inside])
    if (
        is_end
        and any(side.tokens for side in sides)
        and not any(inner)
        and all(side.tokens for side in sides)
    ):
        return [side.tokens[:1] for side in sides]
    return inner


def count_run(tokens):
    """How many equal tokens a list ends in."""
    return next((k for k, token in enumerate(reversed(tokens)) if token != tokens[-1]), len(tokens))
