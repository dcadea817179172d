"""Less padding: batches of rows of similar length, or several rows in one, each for itself.

A packed row is a Row with `documents`. Attention stays inside a document, its positions begin at
0, and its first token is no target, so a packed row has just the losses of its documents alone.
"""

import bisect

import numpy as np

from . import data


def sorted_batches(lengths, batch_size, rng):
    """Endless index arrays: every row once, batches of similar length in random order, then again.

    Rows of one length meet in a new order each time; one batch of a round may be smaller.
    Raises ValueError for no rows.
    """
    lengths = np.asarray(lengths)
    if not len(lengths):
        raise ValueError("there are no rows to make batches of")
    while True:
        order = rng.permutation(len(lengths))
        order = order[np.argsort(lengths[order], kind="stable")]
        batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        for i in rng.permutation(len(batches)):
            yield batches[i]


def pack(rows, max_tokens):
    """Put Rows together into as few packed Rows of at most `max_tokens` tokens as best fit finds.

    Longest rows first, each where it leaves the least room. For a model take n_positions + 1: the
    last token is only predicted. Raises ValueError for no rows, or one longer than that.
    """
    if not rows:
        raise ValueError("there are no rows to pack")
    lengths = np.array([len(row.tokens) for row in rows])
    if lengths.max() > max_tokens:
        number = int(lengths.argmax())
        raise ValueError(
            f"row {number} (from 0) has {lengths[number]} tokens, more than the {max_tokens} of a packed "
            "row: cut it, or allow more"
        )
    members, room = [], []  # rows of each packed row; (tokens left, packed row), sorted
    for i in np.argsort(-lengths, kind="stable"):
        fits = bisect.bisect_left(room, (lengths[i], -1))
        left, number = room.pop(fits) if fits < len(room) else (max_tokens, len(members))
        if number == len(members):
            members.append([])
        members[number].append(rows[i])
        bisect.insort(room, (left - lengths[i], number))
    return [join(part) for part in members]


def join(rows):
    """One packed Row of Rows. Messages are counted on, so that a turn belongs to one document."""
    parts, first_turn = [], 0
    for number, row in enumerate(rows):
        n = len(row.tokens)
        # Nothing in its own document predicts a first token, be it <bos> or not.
        roles = np.concatenate([[data.BOS], row.roles[1:]]).astype(np.int8)
        turns = (np.zeros(n, int) if row.turns is None else row.turns.astype(int)) + first_turn
        weights = np.ones(n) if row.weights is None else row.weights
        parts.append((row.tokens, roles, turns, weights, np.full(n, number, np.int32)))
        first_turn = turns.max() + 1
    return data.Row(*(np.concatenate(part) for part in zip(*parts, strict=True)))
