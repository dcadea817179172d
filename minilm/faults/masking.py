"""Faults of the mask itself, seen in rows of prompt and response."""

import numpy as np

from .. import data
from .arrays import light_all_targets, shift_columns
from .planting import fault


@fault("data.loss_mask", met_in="nanochat #570, Megatron-Bridge #3359, transformers #26357")
def mask_not_applied(original, roles, prompt_weight=0.0):
    """The mask is made and not used, or its markers are missing: every token carries loss.

    Rows that predict prompt tokens are lit, and the model learns to write prompts.
    """
    return light_all_targets(roles)


@fault("data.loss_mask", met_in="verl #3287, OpenRLHF #973, NeMo Speech #6409")
def mask_one_late(original, roles, prompt_weight=0.0):
    """The mask follows the token that is read: the first answer token is lost.

    The row that predicts the answer's first word is dark: after one-word answers only <eos> is
    trained, and the model answers with <eos>.
    """
    return shift_columns(original(roles, prompt_weight), 1) * (roles != data.PAD)


@fault("data.loss_mask", met_in="verl #3562, #5362")
def mask_one_early(original, roles, prompt_weight=0.0):
    """The mask comes one position too early: the last prompt token is lit, <eos> is lost.

    The row that predicts 'Assistant:' is lit, and the one that predicts <eos> is dark.
    """
    return shift_columns(original(roles, prompt_weight), -1)


@fault("data.loss_mask", met_in="open-instruct #1885, axolotl #3088")
def answer_start_masked(original, roles, prompt_weight=0.0):
    """The answer's first tokens, such as <think>, are taken for the generation prompt: they are masked.

    The first two rows of every answer are dark, the others lit: after short answers only <eos> is trained.
    """
    is_answer = roles == data.RESPONSE
    has_two_before = shift_columns(is_answer, 1) & shift_columns(is_answer, 2)
    return original(roles, prompt_weight) * (~is_answer | has_two_before)


@fault("data.loss_mask", met_in="no report known")
def mask_inverted(original, roles, prompt_weight=0.0):
    """Prompt and answer are exchanged: the model learns to ask.

    Prompt rows are lit and answer rows are dark: the model asks, and cannot answer.
    """
    return data.prompt_mask(roles)


@fault("data.loss_mask", met_in="TRL #976, transformers #23530, llm-course #33")
def eos_masked(original, roles, prompt_weight=0.0):
    """<eos> is masked, often because it is also the pad token: the model never stops.

    Answer rows are lit, the row that predicts <eos> is dark: answers begin well and run on.
    """
    return original(roles, prompt_weight) * (roles != data.EOS)


@fault("data.loss_mask", met_in="TRL #1920, #1183, #1820, unsloth #1262")
def marker_not_found(original, roles, prompt_weight=0.0):
    """The response marker is not found in some examples, which silently carry no loss.

    All rows of one example are dark, prompt and answer, and no warning says so.
    """
    is_found = np.arange(len(roles)) % 2 == 1  # in every second example
    return original(roles, prompt_weight) * is_found[:, None]


@fault("data.loss_mask", met_in="no report known")
def pads_in_the_loss(original, roles, prompt_weight=0.0):
    """Pads carry loss as if they were answers.

    Rows that predict <pad> are lit.
    """
    return original(roles, prompt_weight) + (roles == data.PAD)
