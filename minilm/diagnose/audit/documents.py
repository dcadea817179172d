"""Where the documents of a packed row begin, by whatever a trainer gives: one array of starts is made of it.

position_ids                                       0 where a document begins
seq_lengths                                        tokens of each document
cu_seqlens, cu_seq_lens, and these with _q, _k     0 and the end of each document
attention_mask                                     1, 2, 3, ... by document, 0 at pads
"""

import numpy as np

from ..report import DiagnoseError

LENGTHS = ("seq_lengths",)
ENDS = tuple(f"{stem}{end}" for stem in ("cu_seqlens", "cu_seq_lens") for end in ("", "_q", "_k"))
SPANS = frozenset((*LENGTHS, *ENDS))


def find_starts(row, shape, attention, positions):
    """Whether a document begins at each place: an array of bool of this shape, or None where nothing tells.

    row: a dict of lists or arrays; attention, positions: arrays of the shape, or None. What several
    fields tell is joined. Raises DiagnoseError for lengths that do not fill the row.
    """
    told = [] if positions is None else [positions == 0]
    if attention is not None and attention.max() > 1:
        told.append(np.diff(attention, prepend=0) > 0)
    told += [mark_rows(name, row[name], shape) for name in SPANS & row.keys()]
    return np.logical_or.reduce(told) if told else None


def mark_rows(name, values, shape):
    """Where documents begin in a row of shape (n,), or in rows of shape (B, T): one list for each of them."""
    is_one = len(shape) == 1 or (shape[0] == 1 and np.ndim(values) == 1)
    given = [values] if is_one or np.ndim(values) == 0 else list(values)
    n_rows = 1 if is_one else shape[0]
    if len(given) != n_rows:
        raise DiagnoseError(f"{name} is of {len(given)} rows, but there are {n_rows} rows of ids")
    return np.reshape([mark_starts(name, one, shape[-1]) for one in given], shape)


def mark_starts(name, values, n):
    """Lengths, or ends, of the documents in a row of n tokens -> whether one begins at each place, (n,)."""
    numbers = np.asarray(values) if is_flat(values) else np.zeros(0)
    if numbers.dtype.kind not in "iu" or numbers.ndim != 1:
        raise DiagnoseError(f"{name} is {values!r:.80}: it must be one list of integers a row")
    numbers = numbers.astype(np.int64)
    ends = np.cumsum(numbers) if name in LENGTHS else numbers
    if name in ENDS and numbers[0] != 0:
        raise DiagnoseError(f"{name} begins with {numbers[0]}: it must begin with 0")
    if (np.diff(ends, prepend=0) < 0).any():
        raise DiagnoseError(f"{name} is {numbers.tolist()!r:.80}: no document has a negative length")
    if ends[-1] != n:
        raise DiagnoseError(f"{name} tells of {ends[-1]} tokens, but the row has {n}")
    starts = np.zeros(n + 1, bool)
    starts[0], starts[ends] = True, True
    return starts[:n]


def is_flat(values):
    """Whether this is a list or array of one axis that is not empty."""
    if isinstance(values, np.ndarray):
        return values.ndim == 1 and values.size > 0
    return isinstance(values, list) and bool(values) and all(type(value) is int for value in values)
