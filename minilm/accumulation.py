"""A batch in parts, one after the other or on several machines, with the gradient of the whole."""

import numpy as np

from . import data, model, tree


def micro_batches(batch, size):
    """Cut a Batch into Batches of at most `size` rows, to be run one after the other."""
    if size < 1:
        raise ValueError(f"the size of a micro-batch is {size}: it must be 1 or more")
    starts = range(0, len(batch.ids), size)
    return [data.Batch(*(None if a is None else a[i : i + size] for a in batch)) for i in starts]


def accumulate(params, batches, config):
    """Loss and gradients of several Batches as if they were one, in the memory of the largest.

    loss = sum over all tokens of weight * nll / sum over all tokens of weight: each batch's mean
    counts by its share of the weights. The mean of the means would count a token of a batch with
    few supervised ones more (faults.py, mean_of_means). A batch without weights adds nothing.
    Raises ValueError as model.loss_and_grads does, and where no batch has a weight.
    """
    totals = [batch.loss_mask.sum() for batch in batches]
    if not sum(totals):
        raise ValueError("loss_mask is empty in every batch: no target has weight, the mean would be 0 / 0")
    loss, vector, gradient = 0.0, *tree.flat_view(tree.map_arrays(np.zeros_like, params))
    for batch, total in zip(batches, totals, strict=True):
        if total:
            share = float(total / sum(totals))
            part, grads = model.loss_and_grads(
                params, batch.ids, batch.targets, batch.loss_mask, config, batch.documents
            )
            loss = loss + share * part
            vector += share * tree.flatten(grads)
    return loss, gradient
