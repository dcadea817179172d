"""The exercises on one sequence: the shift and the loss mask."""

import numpy as np

from .. import data
from .exercise import Exercise, draw_roles, draw_sizes
from .question import Question

PADS_COUNT = "Pads are counted: a pad is neither prompt nor response."
LATE = "The mask is one late: the first answer token carries no loss. It follows the target, roles[:, 1:]."
NO_EOS = "<eos> is left out: it belongs to the response, and teaches the model where to stop."


def shift(tokens):
    """ids and targets (B, T) of tokens (B, T + 1)."""
    return tokens[:, :-1], tokens[:, 1:]


def make_tokens(rng, dtype):
    B, T = draw_sizes(rng, "B", "T", low=3)
    return (rng.integers(0, 99, (B, T + 1)),)


def make_shift_mistakes(tokens):
    ids, targets = shift(tokens)
    rolled = np.roll(tokens, -1, axis=1)
    return {
        "ids": {
            "One column too many: the last token has no successor to predict.": tokens,
            "ids and targets are exchanged: the model reads token t and predicts t + 1.": targets,
            "This drops a row: the first axis is the batch, write tokens[:, :-1].": tokens[:-1],
        },
        "targets": {
            "targets equal ids: without the shift the model learns to copy.": ids,
            "This drops a row: the first axis is the batch, write tokens[:, 1:].": tokens[1:],
            "One column too many: the first token is never a target.": tokens,
            "np.roll brings the first token to the end, where nothing follows: cut instead.": rolled[:, 1:],
            "np.roll keeps the first token, at the end: cut it off.": rolled,
            "Shifted twice: the target of position t is token t + 1.": tokens[:, 2:],
        },
    }


def loss_mask(roles):
    """1.0 where the target is response or <eos>; token roles (B, T + 1) -> (B, T)."""
    return data.response_mask(roles[:, 1:])


def make_mask_mistakes(roles):
    targets, unshifted = roles[:, 1:], data.response_mask(roles)
    mask, late = unshifted[:, 1:], unshifted[:, :-1]
    early = np.pad(unshifted[:, 2:], ((0, 0), (0, 1)))
    shorter, longer = mask * late, np.maximum(mask, early)
    return {
        "loss_mask": {
            LATE: late,
            "One column too many: it is not shifted; cut it with the targets, roles[:, 1:].": unshifted,
            "The mask is one early: it lights the last prompt token.": early,
            "The first answer token is left out: it is a target, read off at the last prompt token.": shorter,
            "The last prompt token is lit, too: as a target it still belongs to the prompt.": longer,
            NO_EOS: 1.0 * (targets == data.RESPONSE),
            "Only <eos> is lit: the answer before it counts, too.": 1.0 * (targets == data.EOS),
            "Inverted: prompt tokens carry loss and answers none.": data.prompt_mask(targets),
            "Inverted: prompt and pads carry loss and answers none.": 1 - mask,
            "This is full-sequence loss: the prompt is not masked.": data.loss_mask(targets, 1.0),
            "The prompt is not masked, and pads count, too.": np.ones(targets.shape),
            PADS_COUNT: 1.0 * (targets != data.PROMPT),
        }
    }


EXERCISES = {
    "shift": Exercise(
        "shift(tokens): from tokens (B, T + 1) return (ids, targets), both (B, T): what the model "
        "reads, and what it should predict at each position.",
        ("ids", "targets"),
        shift,
        make_tokens,
        make_shift_mistakes,
        hints=(
            "Write a row on paper. Which tokens are read? Which are predicted?",
            "tokens[:, :-1] and tokens[:, 1:]",
        ),
    ),
    "loss_mask": Exercise(
        "loss_mask(roles): from the role of every token (B, T + 1), an index of data.ROLES, return the "
        "loss weight of every target (B, T) as a float: 1 on response and <eos>, 0 elsewhere.",
        ("loss_mask",),
        loss_mask,
        lambda rng, dtype: (draw_roles(rng),),
        make_mask_mistakes,
        hints=(
            "The loss weight belongs to the token that is predicted.",
            "roles[:, 1:] >= data.RESPONSE, as floats",
        ),
        is_tuple=False,
    ),
}

QUESTIONS = {
    "which_token": Question(
        "A language model is fine-tuned on this example: ['User:', 'What', 'is', '2+2?', 'Assistant:', "
        "'4']. It should learn to answer. On which token or tokens is the loss calculated?",
        {
            "a": "on all six",
            "b": "on 'Assistant:' and '4'",
            "c": "on '4'",
            "d": "on 'Assistant:'",
            "e": "on the five from 'User:' to 'Assistant:'",
        },
        "c",
        {
            "a": "All six are read, and you grade all that is read. That is full-sequence loss: it also "
            "trains the model to write what users write. Chatbot B of lesson 0 was trained so, and writes a "
            "whole question when nobody asks. Nor could all six be graded here: nothing stands before "
            "'User:', so nothing predicts it.",
            "b": "You count the marker as a part of the answer. But the prompt ends with it: whoever asks "
            "also writes 'Assistant:', and the model only goes on from there. In the table below, the line "
            "whose target is 'Assistant:' has loss weight 0.",
            "c": "One target of five carries loss. The model predicts it from the five tokens of the "
            "prompt: it reads them all, and is graded on none of them.",
            "d": "You name the token that is read, not the one that is predicted. The loss is calculated at "
            "the position that reads 'Assistant:', on the target of this position, which is '4'. A mask "
            "that mixes up the two is one position off.",
            "e": "You take what is read for what is graded. The model needs the prompt to predict '4', but "
            "these five come from the user. With loss on them alone, the model would learn to ask and never "
            "to answer.",
        },
    ),
}
