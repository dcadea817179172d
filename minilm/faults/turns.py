"""Faults that conversations of several turns show."""

import numpy as np

from .. import data, masks
from .planting import fault


@fault("data.collate", met_in="GLM-4 #803, NeMo Speech #16284", shown_by="turns")
def last_turn_only(original, rows, prompt_weight=0.0):
    """Only the last assistant turn carries loss: earlier answers are read, never learned.

    Of several answers in a conversation, only the rows of the last are lit.
    """
    batch = original(rows, prompt_weight)
    is_last = masks.last_turn(batch.roles, batch.turns, batch.documents)
    return batch._replace(loss_mask=batch.loss_mask * is_last)


@fault("data.loss_mask", met_in="ARPO #9", shown_by="turns")
def tool_output_trained(original, roles, prompt_weight=0.0):
    """Tool output carries full loss in fine-tuning: the model learns to invent results.

    Rows that predict what a tool returned are lit. A small loss weight on them is a method elsewhere
    (ECHO, arXiv 2605.24517; PaW, arXiv 2606.02388).
    """
    return original(roles, prompt_weight) + (roles == data.TOOL)


@fault("data.encode", met_in="prime-rl #2644, slime #514", shown_by="turns")
def stop_in_next_message(original, example, tokenizer, bos=True, eos=True):
    """The stop token is written in front of the next message, not after the answer: turns never end.

    Rows that predict <eos> are dark between messages, and no <eos> follows the last answer.
    """
    row = original(example, tokenizer, bos, eos)
    if row.roles[-1] == data.EOS:
        row = row.take(slice(-1))
    return row._replace(roles=np.where(row.roles == data.EOS, data.HEADER, row.roles))
