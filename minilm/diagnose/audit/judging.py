"""Are labels the ids at their own place, or one place ahead? What is neither is refused, with its reason.

Only labels with loss are compared: those without may be anything.
"""

from collections import Counter

import numpy as np

from ..report import DiagnoseError

IGNORED = -100
UNSIGNED = (2**8, 2**16, 2**32)  # what unsigned integers add to a negative number


def judge_labels(fields, ignored):
    """Whether the labels of Fields can be (at their own place, one place ahead)."""
    return fits(fields, ignored, False), fits(fields, ignored, True)


def fits(fields, ignored, is_ahead):
    """Whether the labels of Fields are the ids at their own place, or one place ahead, where they have loss.

    One label ahead may differ: the last, where the row ends and pads follow it.
    """
    if fields.labels is None:
        return True
    ids, labels, lit = fields.ids, fields.labels, find_lit(fields, ignored)
    if not is_ahead:
        return not (lit & (labels != ids)).any()
    places = np.flatnonzero(lit[:-1] & (labels[:-1] != ids[1:]))
    if len(places) == 1 and not lit[places[0] + 1 :].any():
        return places[0] >= find_last_run(ids) - 1
    return not len(places)


def find_lit(fields, ignored):
    """Whether each label carries loss: it is not the ignore index, and its mask is not 0."""
    labelled = fields.labels != ignored
    return labelled if fields.masks is None else labelled & (fields.masks > 0)


def find_last_run(ids):
    """Where the run of one id begins with which a row ends."""
    others = np.flatnonzero(ids != ids[-1])
    return int(others[-1]) + 1 if len(others) else 0


def refuse_labels(placed, ignored, is_said):
    """Raise DiagnoseError: the labels of a row are neither; one constant in their stead is named."""
    placed = list(placed)
    for is_ahead in (False, True):
        value, n = find_constant([fields for _, fields in placed], ignored, is_ahead)
        if value is not None:
            raise DiagnoseError(
                f"labels are {value} where they differ from input_ids, in {n:,} places"
                + advise(value, ignored, is_said, holds_ignored(placed, ignored))
            )
    outcomes = [judge_labels(fields, ignored) for _, fields in placed]
    is_ahead = outcomes.count((False, True)) > outcomes.count((True, False))
    refuse_row(*placed[outcomes.index((False, False))], ignored, is_ahead)


def find_constant(rows, ignored, is_ahead):
    """The one value of all labels that are not their ids, and how many there are; (None, 0) without one.

    A value that could be an id should stand at two places or more in most rows: one is a wrong label.
    """
    values, n_agree, n_often, n_labelled = Counter(), 0, 0, 0
    for fields in rows:
        if fields.labels is None:
            continue
        labels, ids, lit = fields.labels, fields.ids, find_lit(fields, ignored)
        if is_ahead:
            labels, ids, lit = labels[:-1], ids[1:], lit[:-1]
        differs = lit & (labels != ids)
        values.update(labels[differs].tolist())
        n_agree, n_often = n_agree + int((lit & ~differs).sum()), n_often + (differs.sum() > 1)
        n_labelled += 1
    value, n = values.most_common(1)[0] if values else (None, 0)
    if len(values) != 1 or not n_agree or (value >= 0 and n_often <= 0.5 * n_labelled):
        return None, 0
    return value, n


def holds_ignored(placed, ignored):
    """Whether any label is the ignore index."""
    return any((fields.labels == ignored).any() for _, fields in placed if fields.labels is not None)


def advise(value, ignored, is_said, is_used):
    """What to do about the one value of labels that are not ids."""
    if value - IGNORED in UNSIGNED:
        return f": {IGNORED} became {value} in unsigned integers; write labels as int32 or int64"
    if is_used:
        return f", and {ignored} at others: if both mean no loss, write {IGNORED} for both"
    if is_said:
        return f", and never {ignored}, the ignore index that was given: is {value} the one?"
    return f": is {value} your ignore index? say --ignore-index {value}"


def refuse_row(place, fields, ignored, is_ahead):
    """Raise DiagnoseError for a row with a label that is not its id."""
    ids, labels, lit = fields.ids, fields.labels, find_lit(fields, ignored)
    step = int(is_ahead)
    n = len(ids) - step
    k = int(np.flatnonzero(lit[:n] & (labels[:n] != ids[step:]))[0])
    other = "the ids at their own places" if is_ahead else "the ids after them"
    raise DiagnoseError(
        f"{place}: labels[{k}] is {labels[k]}, but input_ids[{k + step}] is {ids[k + step]}, nor are all "
        f"labels {other}: a label is the id itself, at its own place or one place ahead, alike in all rows"
    )
