"""Rows on their way into training: in random order, by length, several in one row, in parts.

Padding costs time. `sort_batches` brings rows of similar length together; `pack_rows` puts several
into one row, a Row with `documents`. Attention stays inside a document, its positions begin at 0,
and its first token is no target, so each document in a packed row has the loss it would have alone.
"""

import bisect

import numpy as np

from . import data, losses, model, tree


def shuffle_batches(n_rows, batch_size, rng):
    """Yield index arrays without end: every row once in random order, then again in a new order."""
    check_sizes(n_rows, batch_size)
    queue = np.array([], dtype=int)
    while True:
        while len(queue) < batch_size:
            queue = np.concatenate([queue, rng.permutation(n_rows)])
        yield queue[:batch_size]
        queue = queue[batch_size:]


def sort_batches(lengths, batch_size, rng):
    """Yield index arrays without end: rows of similar length together, the batches in random order.

    Each round has every row once, and rows of equal length meet others than in the round before.
    One batch of a round may be smaller. Raises ValueError as check_sizes does.
    """
    lengths = np.asarray(lengths)
    check_sizes(len(lengths), batch_size)
    while True:
        order = rng.permutation(len(lengths))
        order = order[np.argsort(lengths[order], kind="stable")]
        starts = range(0, len(order), batch_size)
        for i in rng.permutation(len(starts)):
            yield order[starts[i] : starts[i] + batch_size]


def check_sizes(n_rows, batch_size):
    """Raise ValueError unless there are rows, and a batch holds some."""
    if not n_rows > 0:
        raise ValueError("there are no rows to make batches of")
    data.check_whole(1, batch_size=batch_size)


def pack_rows(rows, max_tokens):
    """Put Rows together into few packed Rows of at most `max_tokens` tokens; returns these.

    Best fit: the longest rows first, each where it leaves the least room. For a model, take
    n_positions + 1: the last token is only predicted. Rows that are packed already keep their
    documents. Raises ValueError for a row that is longer, and what data.check_rows raises.
    """
    data.check_rows(rows)
    lengths = np.array([len(row.tokens) for row in rows])
    if lengths.max() > max_tokens:
        number = int(lengths.argmax())
        raise ValueError(
            f"row {number} (from 0) has {lengths[number]} tokens, more than the {max_tokens} of a packed "
            "row: cut it, or allow more"
        )
    groups, room = [], []  # the rows of each packed row; (tokens left, its number), sorted
    for i in np.argsort(-lengths, kind="stable"):
        place = bisect.bisect_left(room, (lengths[i], -1))  # the least room that is enough
        if place < len(room):
            left, number = room.pop(place)
        else:
            left, number = max_tokens, len(groups)
            groups.append([])
        groups[number].append(rows[i])
        bisect.insort(room, (left - lengths[i], number))
    return [join_rows(group) for group in groups]


def join_rows(rows):
    """One packed Row of Rows. Documents and turns are counted on: each turn belongs to one document."""
    parts, first_turn, first_document = [], 0, 0
    for row in rows:
        n = len(row.tokens)
        # Nothing in its own document predicts a first token, be it <bos> or not.
        roles = np.concatenate([[data.BOS], row.roles[1:]]).astype(np.int8)
        turns, documents = (
            np.zeros(n, int) if part is None else part.astype(int) for part in (row.turns, row.documents)
        )
        loss_weights = np.ones(n) if row.weights is None else row.weights
        parts.append((row.tokens, roles, turns + first_turn, loss_weights, documents + first_document))
        first_turn, first_document = first_turn + turns.max() + 1, first_document + documents.max() + 1
    return data.Row(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def split_batch(batch, size):
    """Cut a Batch into Batches of at most `size` rows, to be run one after the other."""
    check_sizes(len(batch.ids), size)
    starts = range(0, len(batch.ids), size)
    return [data.Batch(*(None if a is None else a[i : i + size] for a in batch)) for i in starts]


def compute_in_turn(params, batches, config):
    """Yield loss and gradient vector of every Batch; parallel.py has one that does it side by side."""
    for batch in batches:
        arguments = batch.ids, batch.targets, batch.loss_mask, config, batch.documents
        loss, grads = model.loss_and_grads(params, *arguments)
        yield loss, tree.flatten(grads)


def accumulate_gradients(params, batches, config, compute_each=compute_in_turn):
    """Loss and gradients of several Batches as if they were one, in the memory of the largest.

    loss = sum over all tokens of loss_mask * nll / sum over all tokens of loss_mask: the mean of
    each batch counts by its share of the loss weights. A mean of the means would give more to the
    tokens of a batch with few supervised ones (faults/reductions.py, mean_of_means). A batch without loss
    weights adds nothing. `params` stand in the order of model.init. Raises ValueError as
    model.loss_and_grads does, and if no batch has any.
    """
    for batch in batches:
        losses.check_loss_mask(batch.loss_mask, batch.targets.shape)
    totals = [batch.loss_mask.sum(dtype=float) for batch in batches]
    if not sum(totals):
        raise ValueError("loss_mask is empty in every batch: no target has weight, the mean would be 0 / 0")
    loss, vector, gradient = 0.0, *tree.flat_view(tree.map_arrays(np.zeros_like, params))
    with_loss = [batch for batch, total in zip(batches, totals, strict=True) if total]
    fractions = [float(total / sum(totals)) for total in totals if total]
    for fraction, (mean, part) in zip(fractions, compute_each(params, with_loss, config), strict=True):
        loss = loss + fraction * mean
        vector += fraction * part
    return loss, gradient
