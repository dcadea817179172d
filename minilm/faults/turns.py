"""Faults that conversations of several turns show."""

import numpy as np

from .. import data, masks
from .arrays import shift_columns
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
    """Tool output carries loss: a fault at full weight in fine-tuning, a method at a small weight elsewhere.

    Rows that predict what a tool returned are lit, and the model learns to invent results. The methods:
    ECHO (arXiv 2605.24517), PaW (arXiv 2606.02388).
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


@fault("data.collate", met_in="maxtext #3284, TRL #4147, NeMo Automodel #3738", shown_by="turns")
def generation_prompt_trained(original, rows, prompt_weight=0.0):
    """The header that inference supplies carries loss: the model learns to write its own generation prompt.

    Rows that predict <assistant> are lit, those that predict other headers are dark.
    """
    batch = original(rows, prompt_weight)
    is_header = masks.headers(batch.roles, batch.turns)
    return batch._replace(loss_mask=np.maximum(batch.loss_mask, is_header * batch.weights))


@fault("data.collate", met_in="axolotl #1847, Prime Intellect renderers #66", shown_by="turns")
def earlier_stops_masked(original, rows, prompt_weight=0.0):
    """The <eos> of earlier answers is masked: only the last answer of a conversation learns to end.

    Rows that predict <eos> are dark after every answer but the last; all other rows of answers are lit.
    """
    batch = original(rows, prompt_weight)
    stays = masks.eos_of_last_turn(batch.roles, batch.turns, batch.documents)
    return batch._replace(loss_mask=batch.loss_mask * stays)


@fault("data.loss_mask", met_in="slime #1490 (the stop stands in the tool's message)", shown_by="turns")
def tool_call_stops_masked(original, roles, prompt_weight=0.0):
    """The <eos> after a tool call is masked: the model writes on where it should wait for the tool.

    Rows that predict <eos> are dark where a tool's output comes next, and lit after all other answers.
    """
    # The next message's marker, then its text: a tool that returns nothing leaves no trace in the roles.
    before_tool = shift_columns(roles == data.HEADER, -1) & shift_columns(roles == data.TOOL, -2)
    return original(roles, prompt_weight) * ~((roles == data.EOS) & before_tool)


@fault("data.loss_mask", met_in="unsloth-zoo #1270, oumi #2369", shown_by="turns")
def span_runs_on(original, roles, prompt_weight=0.0):
    """An answer's span runs on into the next message's header, and into the tool output after it.

    From an answer's start, all rows are lit up to what the user says next, headers and tool output, too.
    The headers after a user's message are dark.
    """
    goes_on = np.isin(roles, (data.EOS, data.HEADER, data.TOOL))
    places = np.maximum.accumulate(np.where(goes_on, 0, np.arange(roles.shape[1])), axis=1)
    spoken_last = np.take_along_axis(roles, places, axis=1)
    return np.maximum(original(roles, prompt_weight), spoken_last == data.RESPONSE)
