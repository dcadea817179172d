"""Do documents in one row leave each other alone? What a target's exchange does, packed and alone."""

import numpy as np

from .case import mask_only
from .reading import list_targets, reads_inputs
from .report import DiagnoseError, Finding, Untested

SAME = 0.01  # relative: effects that differ by less are the same


def check_neighbour_is_not_read(case):
    """Another document before it in the row: a packed document's loss must not change."""
    is_read = reads_neighbour(case)
    if is_read is None:
        return Untested("no row holds two documents")
    if is_read:
        return Finding("packing_contamination", "another neighbour changes a document's loss")
    return None


def check_positions(case):
    """A packed document's loss must be the one that it has alone; asked where no neighbour is read."""
    packed = [(k, document) for k, document in enumerate(case.documents) if find_before(case, document)]
    if not packed:
        return Untested("no row holds two documents")
    firsts = [(k, document) for k, document in enumerate(case.documents) if not find_before(case, document)]
    usual = [ratio for k, document in firsts for ratio in compare_alone(case, k, document)]
    moved = [ratio for k, document in packed for ratio in compare_alone(case, k, document)]
    if not usual or not moved or case.resolution.is_coarse:
        return Untested("the loss does not tell")
    if np.abs(np.array(usual) / np.median(usual) - 1).max() > SAME:
        return Untested("the first documents of the rows have another loss alone, too")
    off = np.array(moved) / np.median(usual)
    if np.abs(off - 1).max() > SAME:
        return Finding(
            "positions_not_reset",
            f"an exchanged target of a packed document counts {off[np.abs(off - 1).argmax()]:.4f} times what "
            "it counts in a batch of its own; no neighbour is read",
            certain=False,
        )
    return None


def find_before(case, document):
    """The documents that stand before one in its row."""
    return [d for d in case.documents if d.row == document.row and d.start < document.start]


def reads_neighbour(case):
    """Whether a packed document's loss changes with the one before it; None where none is packed."""
    for document in case.documents:
        before = find_before(case, document)
        places = list_targets(case, document, document.answer)
        if before and places:
            inputs = [(document.row, t) for d in before for a, b, _ in d.spans for t in range(a, b)]
            return reads_inputs(case, places[0], inputs)[0]
    return None


def compare_alone(case, number, document):
    """What exchanges of an answer's targets do in the batch over what they do alone, as ratios."""
    example, ratios = case.alone[number], []
    here = list_targets(case, document, document.answer)[:2]
    own = example.document.answer[0] - document.answer[0]
    for row, t in here:
        there = example.document.row, t + own
        if not 0 <= there[1] < example.batch.ids.shape[1]:
            continue
        others = case.pool[:: max(1, len(case.pool) // 3)]
        try:
            packed = measure_exchanges(case.call, case, (row, t), others)
            alone = measure_exchanges(example.call, example.batch, there, others)
        except DiagnoseError:
            continue
        floor = 100 * case.resolution.relative * max(abs(case.loss), 1e-30)
        ratios += [p / a for p, a in zip(packed, alone, strict=True) if min(abs(p), abs(a)) > floor]
    return ratios


def measure_exchanges(call, batch, place, others):
    """How the loss of one target alone changes when it becomes each of the other ids."""
    mask, targets = mask_only(batch, place), batch.targets.copy()
    before, changes = call(batch.ids, targets, mask)[0], []
    for other in others:
        targets[place] = other
        changes.append(call(batch.ids, targets, mask)[0] - before)
    return changes
