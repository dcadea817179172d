"""One recording for every target of an example, laid out by position, and their sums under any loss mask.

Gradients are linear in the loss mask: the gradient under any mask is the sum of these recordings,
each times the loss weight of its target.
"""

import numpy as np

from .. import data, swap
from . import record, steps


def record_set(trace, batch):
    """targets (T,), nll (T,), gram (T, T), values {name: (T, K)}, recordings [t] {name: (t + 1, K)}."""
    calls, _, _ = record.record_calls(trace.params, batch, trace.config)
    values = record.name_values(calls, trace.config.n_layer)
    recordings, flat = [], []
    for t, (gradients, vector, _) in enumerate(record.record_each_target(trace.params, batch, trace.config)):
        recordings.append(
            {n: lay_out(gradients[steps.name_gradient(n)])[: t + 1] for n in values if n != "probs"}
        )
        flat.append(vector)
    flat = np.array(flat)
    return {
        "targets": batch.targets[0].tolist(),
        "nll": values["nll"][0],
        "gram": flat @ flat.T,
        "values": {name: lay_out(value) for name, value in values.items()},
        "recordings": recordings,
    }


def sum_recordings(recordings, loss_mask):
    """{name: (T, K)}: the gradient of the loss that is summed with the weights loss_mask (T,)."""
    sums = {name: np.zeros((len(recordings), *rows.shape[1:])) for name, rows in recordings[0].items()}
    for weight, recording in zip(loss_mask, recordings, strict=True):
        if weight:
            for name, rows in recording.items():
                sums[name][: len(rows)] += weight * rows
    return sums


def lay_out(array):
    """One row for each position: (1, H, T, K) -> (T, H K), (1, T, C) -> (T, C), (1, T) -> (T, 1)."""
    array = array[0] if array.ndim > 2 or len(array) == 1 else array
    if array.ndim == 3:
        array = array.swapaxes(0, 1)
    return array.reshape(len(array), -1)


def exchange_targets(batch):
    """The targets, with another token of the example in place of every prompt target."""
    used = np.unique([batch.ids, batch.targets])
    following = used[(np.searchsorted(used, batch.targets) + 1) % len(used)]
    return np.where(data.prompt_mask(batch.roles) > 0, following, batch.targets)


def record_hidden(trace, batch):
    """record_set where positions with a response target see only each other, not the prompt."""

    def hide_prompt(ids, documents):
        causal, places = original(ids, documents)
        return causal & ~np.outer(is_answer, ~is_answer), places

    is_answer = data.response_mask(batch.roles)[0] > 0
    with swap("model.causal_and_places", hide_prompt) as original:
        return record_set(trace, batch)
