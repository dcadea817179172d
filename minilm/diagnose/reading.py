"""What does a target read? Other inputs, the same targets: whose loss moves?"""

import numpy as np

from . import locate
from .case import NOISE, exchange_inputs, exchange_targets_at, mask_only
from .report import DiagnoseError, Finding, Untested


def check_order_of_reading(case):
    """The shift inside the step, seen from outside: a target reads the token before it, no later one."""
    seen = [reads for doc in case.documents if (reads := see_neighbours(case, doc)) is not None]
    if not seen:
        return Untested("the responses are too short")
    if all(sees_future for _, sees_future in seen):
        return Finding("future_read", "another token after the target changes its loss")
    if not any(sees_last for sees_last, _ in seen):
        return Finding("shifted_twice", "another token right before the target does not change its loss")
    return None


def check_prompt_is_read(case):
    """Other prompts, the same answers: the answers' loss must change."""
    is_read = reads_prompt(case)
    if is_read is None:
        return Untested("the prompts are too short, or carry all loss")
    if is_read:
        return None
    if reads_past(case) is False:
        raise DiagnoseError(
            "the model reads no past yet, neither prompts nor answers: is it not trained yet?"
        )
    return Finding("attention_mask_confused", "other prompts leave the answers' loss as it is")


def check_neighbour_is_not_read(case):
    """Another document before it in the row: a packed document's loss must not change."""
    is_read = reads_neighbour(case)
    if is_read is None:
        return Untested("no row holds two documents")
    if is_read:
        return Finding("packing_contamination", "another neighbour changes a document's loss")
    return None


def is_inert(case):
    """Whether the loss stays as it is though every input is another: a model that does not read yet."""
    everywhere = list(zip(*np.nonzero(case.ids >= 0), strict=True))
    return not case.has_moved(case.measure_loss(exchange_inputs(case, everywhere)), case.loss)


def inputs_move_loss(case, places, mask):
    """Whether the loss under a mask moves when the inputs at the places are others."""
    before = case.measure_loss(mask=mask)
    return case.has_moved(case.measure_loss(exchange_inputs(case, places), mask=mask), before)


def see_neighbours(case, doc):
    """Whether the loss at a response target sees the token before it, and whether the one after it.

    Returns (sees the last read token, sees the future), or None where there is no such place.
    """
    for at in range(*doc.answer):
        t = at - 1
        if 0 <= t < case.ids.shape[1] - 1 and case.targets[doc.row, t] >= 0:
            mask = mask_only(case, (doc.row, t))
            return tuple(inputs_move_loss(case, [(doc.row, place)], mask) for place in (t, t + 1))
    return None


def reads_prompt(case):
    """Whether the answers' loss changes with the prompts, all but their last token; None if too short.

    One document after the other: small changes of several could cancel.
    """
    mask = case.mask * np.isin(case.roles, (locate.RESPONSE, locate.STOP))
    prompts = [[(doc.row, t) for t in range(doc.start, doc.spans[0][1] - 1)] for doc in case.documents]
    prompts = [places for places in prompts if places and mask[places[0][0]].any()]
    if not prompts:
        return None
    return any(inputs_move_loss(case, places, mask) for places in prompts)


def reads_past(case):
    """Whether what a target's exchange does changes with the answer's earlier tokens; None if too short.

    A model that reads no past at all, as with values that are still 0, is told from one that is kept
    from reading the prompt alone.
    """
    is_read = None
    for doc in case.documents:
        start, end = doc.answer
        place = doc.row, end - 1  # reads the last token of the answer, predicts its stop token
        if end - start >= 2 and end <= case.ids.shape[1] and case.mask[place] and case.targets[place] >= 0:
            targets = exchange_targets_at(case, place)
            other_past = exchange_inputs(case, [(doc.row, t) for t in range(start, end - 1)])
            changes = [
                case.measure_loss(ids, targets) - case.measure_loss(ids) for ids in (case.ids, other_past)
            ]
            is_read = is_read or abs(changes[0] - changes[1]) > NOISE * abs(case.loss)
    return is_read


def reads_neighbour(case):
    """Whether a packed document's loss changes with the one before it; None where none is packed."""
    for doc in case.documents:
        before = [d for d in case.documents if d.row == doc.row and d.start < doc.start]
        start, end = doc.answer
        if before:
            mask = mask_only(case, (doc.row, slice(start - 1, end - 1)))
            places = [(doc.row, t) for d in before for a, b, _ in d.spans for t in range(a, b)]
            return inputs_move_loss(case, places, mask)
    return None
