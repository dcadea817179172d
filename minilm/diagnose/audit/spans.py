"""Runs of tokens with loss, and runs of known tokens, in one row."""

import numpy as np


def find_spans(lit):
    """(start, end) pairs of the runs of True in a boolean array (n,)."""
    edges = (np.flatnonzero(lit[1:] != lit[:-1]) + 1).tolist()
    if len(lit) and lit[0]:
        edges.insert(0, 0)
    if len(edges) % 2:
        edges.append(len(lit))
    return list(zip(edges[::2], edges[1::2], strict=True))


def find_main(row, spans):
    """Those of the spans of a Bare row whose loss weight is as large as any in the row."""
    if len(spans) < 2:
        return spans
    highest = np.maximum.reduceat(np.append(row.weights, 0.0), [k for span in spans for k in span])[::2]
    return [span for span, high in zip(spans, highest, strict=True) if high >= 0.999 * highest.max()]


def drop_starts(row, spans):
    """The spans of a Bare row without those of one token that begins a packed document."""
    if row.starts is None:
        return spans
    return [(a, b) for a, b in spans if b - a > 1 or not row.starts[a]]


def find_runs(tokens, run):
    """Indices at which a run of tokens, a tuple, begins in a list of tokens."""
    found, at = [], -1
    while run:
        try:
            at = tokens.index(run[0], at + 1)
        except ValueError:
            return found
        if tuple(tokens[at : at + len(run)]) == run:
            found.append(at)
    return found


def find_most_common(counter):
    """(most frequent key, its share of all), or (None, 0)."""
    if not counter:
        return None, 0.0
    ((key, n),) = counter.most_common(1)
    return key, n / sum(counter.values())
