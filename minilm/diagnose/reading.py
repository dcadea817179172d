"""Probes of what a target's loss reads: other inputs, the same targets."""

import numpy as np

from . import locate, probes


def edited(case, places):
    """Inputs with another id of the batch at each of the places."""
    ids, pool = case.ids.copy(), np.unique(case.ids)
    for place in places:
        ids[place] = pool[(np.searchsorted(pool, ids[place]) + 1) % len(pool)]
    return ids


def is_inert(case):
    """Whether the loss stays as it is though every input is another: a model that does not read yet."""
    everywhere = list(zip(*np.nonzero(case.ids >= 0), strict=True))
    return not probes.moved(case, case.call(edited(case, everywhere), case.targets, case.mask)[0], case.loss)


def reads(case, doc):
    """Whether the loss at a response target sees the token before it, and whether the one after it.

    Returns (sees the last read token, sees the future), or None where there is no such place.
    """
    for at in range(*doc.spans[-1][:2]):
        t = at - 1
        if 0 <= t < case.ids.shape[1] - 1 and case.targets[doc.row, t] >= 0:
            mask = np.zeros_like(case.mask)
            mask[doc.row, t] = 1.0
            now, *then = (
                case.call(edited(case, places), case.targets, mask)[0]
                for places in ([], [(doc.row, t)], [(doc.row, t + 1)])
            )
            return tuple(probes.moved(case, loss, now) for loss in then)
    return None


def prompt_is_read(case):
    """Whether the answers' loss changes with the prompts, all but their last token; None if too short.

    One document after the other: small changes of several could cancel.
    """
    mask = case.mask * np.isin(case.roles, (locate.RESPONSE, locate.STOP))
    edits = [[(doc.row, t) for t in range(doc.spans[0][0], doc.spans[0][1] - 1)] for doc in case.documents]
    edits = [places for places in edits if places and mask[places[0][0]].any()]
    if not edits:
        return None
    now = case.call(case.ids, case.targets, mask)[0]
    return any(probes.moved(case, case.call(edited(case, e), case.targets, mask)[0], now) for e in edits)


def past_is_read(case):
    """Whether what a target's exchange does changes with the answer's earlier tokens; None if too short.

    A model that reads no past at all, as with values that are still 0, is told from one that is kept
    from reading the prompt alone.
    """
    told = None
    for doc in case.documents:
        start, end, _ = doc.spans[-1]
        place = doc.row, end - 1  # reads the last token of the answer, predicts its stop token
        if end - start >= 2 and end <= case.ids.shape[1] and case.mask[place] and case.targets[place] >= 0:
            targets = case.targets.copy()
            targets[place] = probes.exchanged(case)[place]
            changes = []
            for ids in (case.ids, edited(case, [(doc.row, t) for t in range(start, end - 1)])):
                losses = [case.call(ids, wanted, case.mask)[0] for wanted in (targets, case.targets)]
                changes.append(losses[0] - losses[1])
            told = told or abs(changes[0] - changes[1]) > probes.NOISE * abs(case.loss)
    return told


def neighbour_is_read(case):
    """Whether a packed document's loss changes with the one before it; None where none is packed."""
    for doc in case.documents:
        before = [d for d in case.documents if d.row == doc.row and d.spans[0][0] < doc.spans[0][0]]
        start, end, _ = doc.spans[-1]
        if before:
            mask = np.zeros_like(case.mask)
            mask[doc.row, start - 1 : end - 1] = 1.0
            places = [(doc.row, t) for d in before for a, b, _ in d.spans for t in range(a, b)]
            now, then = (case.call(edited(case, p), case.targets, mask)[0] for p in ([], places))
            return probes.moved(case, now, then)
    return None
