"""Where do labels stand? From the arrays of rows to tokens, each with the loss weight of predicting it.

Labels stand at their own place, where the loss does the shift (transformers), or one place ahead, already
shifted: the numbers of labels with loss tell which, and all rows of a data set do the same. A mask stands
where its labels do; without labels it stands at the token that is predicted.
"""

from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from . import judging

DECIDING = 500  # rows that decide where labels stand


class PreparedRow(NamedTuple):
    """One row: weights[k] is the loss weight of predicting tokens[k] from what stands before it; both (n,).

    attention: (n,) or None. starts: whether a document of a packed row begins there, (n,), or None.
    is_ahead: its labels were shifted already. ends_unknown: the last target, being masked, is not in the
    file. mask_name: the field that gave the mask, or None. owners: whose each token is, (n,) texts, where
    minilm itself made the row.
    """

    tokens: np.ndarray
    weights: np.ndarray
    attention: np.ndarray | None = None
    starts: np.ndarray | None = None
    is_ahead: bool = False
    ends_unknown: bool = False
    mask_name: str | None = None
    owners: list | None = None


def align_rows(placed, ignore_index=None):
    """(place, Fields (n,)) pairs, `place` a text for errors -> PreparedRows, one by one.

    Raises DiagnoseError for labels that are neither the ids nor the ids after them.
    """
    ignored = judging.IGNORED if ignore_index is None else ignore_index
    placed = iter(placed)
    first = list(islice(placed, DECIDING))
    placed = chain(first, placed)
    outcomes = [judging.judge_labels(fields, ignored) for _, fields in first]
    if (False, False) in outcomes:
        judging.refuse_labels(placed, ignored, ignore_index is not None)
    is_ahead = (False, True) in outcomes and (True, False) not in outcomes
    for place, fields in placed:
        if not judging.fits(fields, ignored, is_ahead):
            judging.refuse_row(place, fields, ignored, is_ahead)
        yield (make_ahead if is_ahead and fields.labels is not None else make_own)(fields, ignored)


def make_own(fields, ignored):
    """A PreparedRow of labels, or a mask alone, at their own place."""
    weights = fields.masks if fields.labels is None else weigh(fields, ignored)
    return PreparedRow(fields.ids, weights, fields.attention, fields.starts, mask_name=fields.mask_name)


def weigh(fields, ignored):
    """Loss weights (n,) at the labels' places."""
    return (fields.labels != ignored) * (1.0 if fields.masks is None else fields.masks)


def make_ahead(fields, ignored):
    """A PreparedRow of labels one place ahead: token k + 1 is label k where the ids end, or pads follow.

    The last target stands in no id: it takes the place of the first pad, or is put behind the last id.
    """
    ids, labels, n = fields.ids, fields.labels, len(fields.ids)
    known, weights = labels != ignored, weigh(fields, ignored)
    tokens, weights = np.concatenate((ids, labels[-1:])), np.concatenate(([0.0], weights))
    begin = max(judging.find_last_run(ids) - 1, 0)
    ends = np.flatnonzero(known[begin:-1] & (labels[begin:-1] != ids[begin + 1 :])) + begin + 1
    end = int(ends[0]) if len(ends) else None
    if end is not None:
        tokens[end] = labels[end - 1]
    size = n + bool(weights[-1] > 0 or (end is None and known[-1] and not is_last_pad(fields)))
    attention = see_targets(fields.attention, tokens, weights, end)
    starts = None if fields.starts is None else np.concatenate((fields.starts, [False]))
    arrays = (None if array is None else array[:size] for array in (tokens, weights, attention, starts))
    return PreparedRow(*arrays, True, end is None and not known[-1], fields.mask_name)


def is_last_pad(fields):
    """Whether the last label is what pads the row."""
    ids, label = fields.ids, fields.labels[-1]
    if fields.attention is not None:
        return fields.attention[-1] == 0 or label in ids[fields.attention == 0]
    return len(ids) > 1 and label == ids[0] == ids[1]  # pads on the left


def see_targets(attention, tokens, weights, end):
    """The attention_mask of targets: that of the inputs, and the target of the last one that is seen.

    That target is the row's own if it stands at `end`, or has loss and does not repeat the token before.
    """
    if attention is None:
        return None
    seen = np.concatenate((attention, attention[-1:]))
    for k in (np.flatnonzero((attention[:-1] > 0) & (attention[1:] == 0)) + 1).tolist():
        if k == end or (weights[k] > 0 and tokens[k] != tokens[k - 1]):
            seen[k] = seen[k - 1]
    return seen
