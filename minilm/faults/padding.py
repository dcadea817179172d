"""A fault that left padding shows. minilm pads on the right: planted, it pads on the left, too."""

import numpy as np

from .. import data
from .planting import fault


def pad_on_the_left(original, rows, name, fill):
    """data.pad_part with the pads in front."""
    array = original(rows, name, fill)
    pads = [array.shape[1] - len(row.tokens) for row in rows]
    return np.stack([np.roll(line, k) for line, k in zip(array, pads, strict=True)])


def count_prompt_tokens(row):
    """How many tokens of a Row stand before its first answer, <bos> included; all if it has none."""
    return int(np.argmax([*(row.roles == data.RESPONSE), True]))


@fault(
    "data.collate",
    met_in="Qwen3-ASR #70, #212",
    shown_by="left padding",
    also={"data.pad_part": pad_on_the_left},
)
def prefix_masked_by_column(original, rows, prompt_weight=0.0):
    """Under left padding, the prompt is masked by its length from column 0: pads count, its end is lit.

    Of the prompt, as many tokens are lit at its end as pads stand in front: none in the longest row.
    """
    batch = original(rows, prompt_weight)
    columns = np.arange(1, batch.ids.shape[1] + 1)  # of the targets; their ids stand one before
    pads = np.array([[len(columns) + 1 - len(row.tokens)] for row in rows])
    lengths = np.array([[count_prompt_tokens(row)] for row in rows])
    is_prompt = (columns >= pads) & (columns < pads + lengths)
    mask = np.where(is_prompt & (columns >= lengths), 1.0, batch.loss_mask)
    documents = 0 if batch.documents is None else np.maximum(batch.documents, 0)
    documents = np.where(columns <= pads, -1, documents)  # no token reads a pad; positions begin after them
    return batch._replace(loss_mask=mask, documents=documents)
