"""Rows of pieces -> batches of many shapes, as (ids, targets, mask, *extras) or as a dict."""

import numpy as np

from .templates import PAD

IGNORE = -100


def take_tokens(row):
    return [piece.token for piece in row]


def take_weights(row):
    """The first token is predicted by nothing."""
    return [0.0] + [piece.weight for piece in row[1:]]


def fill(lists, value, left=False, length=0, multiple=1, dtype=int):
    """Lists to one array, filled up to the longest, to a length, or to a multiple."""
    length = max(length, *map(len, lists), 1)
    length += -length % multiple
    pads = [[value] * (length - len(line)) for line in lists]
    return np.array([p + line if left else line + p for p, line in zip(pads, lists, strict=True)], dtype)


def fill_rows(rows, pad=PAD, **how):
    """Tokens, weights, which places are real, positions: (B, n) each."""
    ids = fill([take_tokens(row) for row in rows], pad, **how)
    weights = fill([take_weights(row) for row in rows], 0.0, **how, dtype=float)
    real = fill([[1] * len(row) for row in rows], 0, **how)
    return ids, weights, real, np.maximum(real.cumsum(axis=1) - 1, 0)


def pad(rows, blank=False, **how):
    """ids, targets, mask; blank: targets are -100 where dark."""
    ids, weights, _, _ = fill_rows(rows, **how)
    targets = np.where(weights > 0, ids, IGNORE) if blank else ids
    return ids[:, :-1], targets[:, 1:], weights[:, 1:]


def pad_with_attention(rows, **how):
    """..., positions, attention mask: what left padding needs."""
    ids, weights, real, positions = fill_rows(rows, **how)
    return ids[:, :-1], ids[:, 1:], weights[:, 1:], positions[:, :-1], real[:, :-1]


def split_and_pad(rows, pad=PAD, left=False):
    """Inputs and targets are cut apart first and padded afterwards."""
    inputs = fill([take_tokens(row)[:-1] for row in rows], pad, left)
    targets = fill([take_tokens(row)[1:] for row in rows], IGNORE, left)
    weights = fill([take_weights(row)[1:] for row in rows], 0.0, left, dtype=float)
    if not left:
        return inputs, targets, weights
    real = fill([[1] * (len(row) - 1) for row in rows], 0, left)
    return inputs, targets, weights, np.maximum(real.cumsum(axis=1) - 1, 0), real


def roll(rows, **how):
    """All n places are kept; the last target comes round from the front, in the dark."""
    ids, weights, _, _ = fill_rows(rows, **how)
    return ids, np.roll(ids, -1, axis=1), np.roll(weights, -1, axis=1)


def join(rows):
    """One row of all: tokens, weights, positions, documents, ends (cu_seqlens)."""
    lengths = [len(row) for row in rows]
    tokens = np.array([token for row in rows for token in take_tokens(row)])
    weights = np.array([weight for row in rows for weight in take_weights(row)])
    positions = np.concatenate([np.arange(n) for n in lengths])
    return tokens, weights, positions, np.repeat(np.arange(len(rows)), lengths), np.cumsum([0, *lengths])


def flatten(rows, extras=("positions", "documents"), rolled=False):
    """(1, total) with the extras that are asked for."""
    tokens, weights, positions, documents, ends = join(rows)
    last = len(tokens) if rolled else -1
    more = {"positions": positions[None, :last], "documents": documents[None, :last], "ends": ends}
    targets, lit = np.roll(tokens, -1), np.roll(weights, -1)
    return tokens[None, :last], targets[None, :last], lit[None, :last], *(more[name] for name in extras)


def fill_lines(rows, size=2, order=list, pad=PAD):
    """Several documents to a line, the lines padded: tokens, weights, documents (-1: pad), positions."""
    rows = order(rows)
    lines = [join(rows[k : k + size]) for k in range(0, len(rows), size)]
    columns = [[line[k].tolist() for line in lines] for k in range(4)]
    ids, positions, documents = fill(columns[0], pad), fill(columns[2], 0), fill(columns[3], -1)
    return ids, fill(columns[1], 0.0, dtype=float), documents, positions


def pack(rows, **how):
    """ids, targets, mask, positions, documents."""
    ids, weights, documents, positions = fill_lines(rows, **how)
    return ids[:, :-1], ids[:, 1:], weights[:, 1:], positions[:, :-1], documents[:, :-1]


def collect(rows, mask="", attention=True, **how):
    """A dict as transformers' collators give; mask: a key that carries the weights, beside full labels."""
    ids, weights, real, positions = fill_rows(rows, **how)
    batch = {"input_ids": ids, "labels": np.where(real > 0 if mask else weights > 0, ids, IGNORE)}
    if mask:
        batch[mask] = weights
    if attention:
        batch |= {"attention_mask": real}
    return batch | ({"position_ids": positions} if how.get("left") else {})


def collect_flat(rows, ends=False):
    """A dict of one row without pads, with position_ids; ends: cu_seq_lens_q, too."""
    tokens, weights, positions, _, bounds = join(rows)
    labels = np.where(weights > 0, tokens, IGNORE)
    batch = {"input_ids": tokens[None], "labels": labels[None], "position_ids": positions[None]}
    return batch | ({"cu_seq_lens_q": bounds} if ends else {})


def sort_by_length(rows):
    """The longest first, as samplers do that group by length."""
    return sorted(rows, key=len, reverse=True)
