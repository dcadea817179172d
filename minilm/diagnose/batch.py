"""What make_batch returns, checked, and every example in a batch of its own."""

import numpy as np

from . import locate, mask_as_meant
from .case import Alone
from .report import DiagnoseError


def call_make_batch(make_batch, examples):
    """(ids, targets, mask, extras) from a user's make_batch. Raises DiagnoseError for anything else."""
    try:
        ids, targets, mask, *extras = make_batch(examples)
        ids, targets, mask = (np.array(a) for a in (ids, targets, mask))
    except Exception as error:
        raise DiagnoseError(
            f"make_batch failed on {len(examples)} examples: {type(error).__name__}: {error}; it must return "
            "(ids, targets, mask), rectangular arrays of shape (B, T)"
        ) from error
    for name, array, kinds in (("ids", ids, "iu"), ("targets", targets, "iu"), ("mask", mask, "biuf")):
        if array.ndim != 2 or array.shape != ids.shape or array.dtype.kind not in kinds:
            raise DiagnoseError(
                f"make_batch returned {name} of shape {array.shape}, {array.dtype}: ids and targets are "
                f"integers and mask numbers, all of one shape (B, T)"
            )
    mask = mask.astype(float)
    if not np.isfinite(mask).all() or (mask < 0).any():
        raise DiagnoseError("make_batch returned a mask with negative or non-finite weights")
    if ids.shape[1] < 3:
        raise DiagnoseError(f"the rows have {ids.shape[1]} targets: give longer examples, of 3 at least")
    return ids.astype(np.int64), targets.astype(np.int64), mask, extras


def make_each_alone(make_batch, examples, parts, prompt_weight):
    """An Alone for every example, in a batch where no neighbour hides what belongs to it."""
    batches = [call_make_batch(make_batch, [example]) for example in examples]
    rows = [locate.join_tokens(ids, targets) for ids, targets, _, _ in batches]
    docs = [locate.locate_documents(tokens, [part])[0] for tokens, part in zip(rows, parts, strict=True)]
    befores, afters = split_off_pads(rows, docs)
    alone = []
    for (_, _, mask, _), tokens, doc, before, after in zip(batches, rows, docs, befores, afters, strict=True):
        roles, weights = locate.assign_roles(tokens, [doc], [len(after)], prompt_weight)
        known = np.isin(roles[:, 1:], mask_as_meant.KNOWN_PARTS)
        alone.append(Alone(before, after, mask_as_meant.agree(mask, weights[:, 1:], known)))
    return alone


def split_off_pads(rows, docs):
    """The tokens before and after each example in its row, without pads: (befores, afters)."""
    befores, afters = [], []
    for tokens, doc in zip(rows, docs, strict=True):
        befores.append(tokens[doc.row, : doc.start].tolist()[::-1])  # outermost last, as remove_pads expects
        afters.append(tokens[doc.row, doc.end :].tolist())
    return [before[::-1] for before in locate.remove_pads(befores)], locate.remove_pads(afters)
