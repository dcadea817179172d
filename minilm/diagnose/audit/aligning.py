"""Where do labels stand? From the arrays of rows to tokens, each with the loss weight of predicting it.

Labels stand at their own place, where the loss does the shift (transformers), or one place ahead, already
shifted: the numbers tell which, and all rows of a data set do the same. A mask stands where its labels
do; without labels it stands at the token that is predicted.
"""

from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from ..report import DiagnoseError

IGNORED = -100
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
    ignored = IGNORED if ignore_index is None else ignore_index
    placed = iter(placed)
    first = list(islice(placed, DECIDING))
    placed = chain(first, placed)
    outcomes = [judge_labels(fields, ignored) for _, fields in first]
    if (False, False) in outcomes:
        refuse_labels(placed, ignored, ignore_index is not None)
    is_ahead = (False, True) in outcomes and (True, False) not in outcomes
    for place, fields in placed:
        if fields.labels is None:
            yield make_own(fields, fields.masks, None)
            continue
        if not fits(fields, ignored, is_ahead):
            where = "one place ahead" if is_ahead else "at their own place"
            raise DiagnoseError(
                f"{place}: labels are not the ids {where}, as in the rows before: a label is the id itself, "
                "at its own place or one place ahead, alike in all rows"
            )
        make = make_ahead if is_ahead else make_own
        yield make(fields, weigh(fields, ignored), fields.labels != ignored)


def judge_labels(fields, ignored):
    """Whether the labels of Fields can be (at their own place, one place ahead)."""
    return fits(fields, ignored, False), fits(fields, ignored, True)


def fits(fields, ignored, is_ahead):
    """Whether the labels of Fields are the ids at their own place, or one place ahead."""
    if fields.labels is None:
        return True
    labelled = fields.labels != ignored
    if is_ahead:
        return not len(find_differences(fields, labelled))
    return not (labelled & (fields.labels != fields.ids)).any()


def find_differences(fields, labelled):
    """Places of labels that are not the next id; one may stand where the row ends and pads follow it."""
    ids, labels = fields.ids, fields.labels
    places = np.flatnonzero(labelled[:-1] & (labels[:-1] != ids[1:]))
    if (
        len(places) == 1
        and not labelled[places[0] + 1 :].any()
        and len(set(ids[places[0] + 1 :].tolist())) == 1
    ):
        return places[:0]
    return places


def weigh(fields, ignored):
    """Loss weights (n,) at the labels' places. Raises DiagnoseError for a negative label with loss."""
    labelled = fields.labels != ignored
    if (fields.labels[labelled] < 0).any():
        raise DiagnoseError(f"a label is negative, and not {ignored}: mask labels with {ignored}")
    return labelled * (1.0 if fields.masks is None else fields.masks)


def make_own(fields, weights, labelled):
    """A PreparedRow of labels, or a mask alone, at their own place."""
    starts = find_starts(fields)
    return PreparedRow(fields.ids, weights, fields.attention, starts, mask_name=fields.mask_name)


def make_ahead(fields, weights, labelled):
    """A PreparedRow of labels one place ahead: the last target is in no id, so it is put in its place."""
    ids, n = fields.ids, len(fields.ids)
    used = np.flatnonzero(labelled)
    last = int(used[-1]) if len(used) else n - 1
    follows = last + 1 < n and fields.labels[last] == ids[last + 1]
    knows_end = len(used) and not follows
    tokens = np.insert(ids, last + 1, fields.labels[last]) if knows_end else ids
    weights = np.append(0.0, weights if knows_end else weights[:-1])
    attention, starts = (
        np.insert(array, last + 1, fill) if array is not None and knows_end else array
        for array, fill in ((fields.attention, 1), (find_starts(fields), False))
    )
    return PreparedRow(tokens, weights, attention, starts, True, not knows_end, fields.mask_name)


def find_starts(fields):
    """Where documents begin, by position_ids or by an attention_mask that counts documents; or None."""
    if fields.positions is not None:
        return fields.positions == 0
    if fields.attention is not None and fields.attention.max() > 1:
        return np.diff(fields.attention, prepend=0) > 0
    return None


def refuse_labels(placed, ignored, is_said):
    """Raise DiagnoseError: the labels of a row are neither; one constant in their stead is named."""
    placed = list(placed)
    for is_ahead in (False, True):
        values, n = collect_differences(placed, ignored, is_ahead)
        if len(values) == 1 and not is_said:
            value = values.pop()
            raise DiagnoseError(
                f"labels are {value} where they differ from input_ids, in {n:,} places: is {value} your "
                f"ignore index? say --ignore-index {value}"
            )
    place, fields = next(pair for pair in placed if judge_labels(pair[1], ignored) == (False, False))
    k = int(np.flatnonzero((fields.labels != ignored) & (fields.labels != fields.ids))[0])
    raise DiagnoseError(
        f"{place}: labels[{k}] is {fields.labels[k]}, but input_ids[{k}] is {fields.ids[k]}, nor are all "
        "labels the ids after them: a label is the id itself, at its own place or one place ahead"
    )


def collect_differences(placed, ignored, is_ahead):
    """The values of all labels that are not their ids, and how many there are; all values if none agrees."""
    values, n, n_agree = set(), 0, 0
    for _, fields in placed:
        labels, ids = (fields.labels[:-1], fields.ids[1:]) if is_ahead else (fields.labels, fields.ids)
        used = labels != ignored
        differs = used & (labels != ids)
        values.update(labels[differs].tolist())
        n, n_agree = n + int(differs.sum()), n_agree + int((used & ~differs).sum())
    return (values if n_agree else set()), n
