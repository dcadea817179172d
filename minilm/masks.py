"""What a loss mask can say about a conversation, one small function each.

All of them take arrays about the targets, (B, T) as in data.Batch: `roles`, indices of data.ROLES,
and `turns`, the message that a target belongs to, from 0. All return float loss weights (B, T). Some
are masks. The others are factors that switch part of a mask off, and are multiplied with it:

    response(roles) * last_turn(roles, turns) * without_eos(roles)      the last answer, no <eos>
    response(roles) * batch.weights                                     each message as its file says
    np.maximum(response(roles), headers(roles, turns))                  <assistant> is trained, too
    data.loss_mask(roles, 1.0) * without_system_and_tool(roles)         what the user or the model wrote

In every mask, pads, <bos> and the first token of a packed document have loss weight 0.
"""

import numpy as np

from . import data


def response(roles):
    """Mask: 1 on every answer of the assistant and its <eos>, in all turns. The usual loss of SFT.

    Its terms are the sum over turns of log P(answer | all before it).
    """
    return data.response_mask(roles)


def prompt_weighted(roles, prompt_weight):
    """Mask: 1 on answers, `prompt_weight` on all else, headers included; 1 is the full sequence.

    Raises ValueError unless 0 <= prompt_weight <= 1.
    """
    return data.loss_mask(roles, prompt_weight)


def last_turn(roles, turns, documents=None):
    """Factor: 1 on the assistant's last message of every row, 0 elsewhere.

    With `documents` (B, T): on the last one of every document in packed rows. Earlier answers are then
    read, but not learned: the choice where they come from another model, or were wrong.
    """
    documents = np.zeros_like(turns) if documents is None else documents + 1  # pads have -1
    row = np.arange(len(turns))[:, None]
    last = np.full((len(turns), documents.max() + 1), -1)
    np.maximum.at(last, (row, documents), np.where(data.response_mask(roles) > 0, turns, -1))
    return (turns == last[row, documents]).astype(float)


def per_message(turns, weights):
    """Factor: weights[b][m] on the targets of message m in row b; messages not named have 1.

    `weights` holds one sequence of numbers a row. What a file says is in batch.weights already.
    Raises ValueError for another number of rows.
    """
    if len(weights) != len(turns):
        raise ValueError(f"there are {len(weights)} rows of weights for {len(turns)} rows of targets")
    table = np.ones((len(turns), turns.max() + 1))
    for row, numbers in zip(table, weights, strict=True):
        row[: len(numbers)] = numbers[: len(row)]
    return np.take_along_axis(table, turns, axis=1)


def without_eos(roles):
    """Factor: 0 on every <eos>. Nothing then teaches the model to stop."""
    return (roles != data.EOS).astype(float)


def eos_of_last_turn(roles, turns, documents=None):
    """Factor: 0 on every <eos> but that of the last answer."""
    return np.where(roles == data.EOS, last_turn(roles, turns, documents), 1.0)


def headers(roles, turns):
    """Mask: 1 on the <assistant> markers. A prompt ends with one, so the model need not write it.
    With loss on it, the model learns when its turn comes."""
    row = np.arange(len(turns))[:, None]
    answers = np.zeros((len(turns), turns.max() + 1))
    np.maximum.at(answers, (row, turns), data.response_mask(roles))
    return (roles == data.HEADER) * answers[row, turns]


def without_headers(roles):
    """Factor: 0 on every marker."""
    return (roles != data.HEADER).astype(float)


def without_system_and_tool(roles):
    """Factor: 0 on instructions and tool output, which neither user nor model wrote, whatever the
    prompt weight."""
    return ((roles != data.SYSTEM) & (roles != data.TOOL)).astype(float)


# For `mask --policy` and `train --policy`: name -> the mask of a Batch as data.collate makes it. Its
# loss_mask is 1 on answers and the prompt weight elsewhere, both times the messages' weights.
POLICIES = {
    "response": lambda batch: batch.loss_mask,
    "last": lambda batch: batch.loss_mask * last_turn(batch.roles, batch.turns, batch.documents),
    "full": lambda batch: prompt_weighted(batch.roles, 1.0) * batch.weights,
    "no-eos": lambda batch: batch.loss_mask * without_eos(batch.roles),
    "last-eos": lambda batch: batch.loss_mask * eos_of_last_turn(batch.roles, batch.turns, batch.documents),
    "headers": lambda batch: np.maximum(batch.loss_mask, headers(batch.roles, batch.turns) * batch.weights),
    "no-system": lambda batch: batch.loss_mask * without_system_and_tool(batch.roles),
}
