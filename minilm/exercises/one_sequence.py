"""The exercises of lesson 1: the shift and the mask."""

import numpy as np

from .. import data
from .exercise import Exercise, sizes, uneven_roles


def shift(tokens):
    """ids and targets (B, T) of tokens (B, T + 1)."""
    return tokens[:, :-1], tokens[:, 1:]


def loss_mask(roles):
    """1.0 where the target is response or <eos>; token roles (B, T + 1) -> (B, T)."""
    return data.response_mask(roles[:, 1:])


def make_tokens(rng, dtype):
    B, T = sizes(rng, "B", "T", low=3)
    return (rng.integers(0, 99, (B, T + 1)),)


def full(roles):
    return data.loss_mask(roles, 1.0)


NO_EOS = "<eos> is left out: it belongs to the response, and the model learns from it where to stop."


LATE = "The mask is one late: the first answer token carries no loss. It follows the target, roles[:, 1:]."


PADS_COUNT = "Pads are counted: a pad is neither prompt nor response."


EXERCISES = {
    "shift": Exercise(
        "shift(tokens): from tokens (B, T + 1) return (ids, targets), both (B, T): what the model "
        "reads, and what it shall predict at each place.",
        ("ids", "targets"),
        shift,
        make_tokens,
        (
            ("ids", "One column too many: the last token has no successor to predict.", lambda t: t),
            (
                "ids",
                "ids and targets are exchanged: the model reads token t and predicts t + 1.",
                lambda t: t[:, 1:],
            ),
            (
                "targets",
                "targets equal ids: without the shift the model learns to copy.",
                lambda t: t[:, :-1],
            ),
            ("ids", "This drops a row: the first axis is the batch, write tokens[:, :-1].", lambda t: t[:-1]),
            (
                "targets",
                "This drops a row: the first axis is the batch, write tokens[:, 1:].",
                lambda t: t[1:],
            ),
            ("targets", "One column too many: the first token is never a target.", lambda t: t),
            (
                "targets",
                "np.roll brings the first token to the end, where nothing follows: cut instead.",
                lambda t: np.roll(t, -1, axis=1)[:, 1:],
            ),
            (
                "targets",
                "np.roll keeps the first token, at the end: cut it off.",
                lambda t: np.roll(t, -1, axis=1),
            ),
            ("targets", "Shifted twice: the target of place t is token t + 1.", lambda t: t[:, 2:]),
        ),
        (
            "Write a row on paper. Which tokens are read? Which are predicted?",
            "tokens[:, :-1] and tokens[:, 1:]",
        ),
    ),
    "loss_mask": Exercise(
        "loss_mask(roles): from the role of every token (B, T + 1), an index of data.ROLES, return the "
        "float weight of every target (B, T): 1 on response and <eos>, 0 elsewhere.",
        ("loss_mask",),
        loss_mask,
        lambda rng, dtype: (uneven_roles(rng),),
        (
            ("loss_mask", LATE, lambda r: data.response_mask(r[:, :-1])),
            (
                "loss_mask",
                "One column too many: it is not shifted; cut it with the targets, roles[:, 1:].",
                data.response_mask,
            ),
            (
                "loss_mask",
                "The mask is one early: it lights the last prompt token.",
                lambda r: np.pad(data.response_mask(r[:, 2:]), ((0, 0), (0, 1))),
            ),
            (
                "loss_mask",
                "The first answer token is left out: it is a target, read off at the last prompt token.",
                lambda r: data.response_mask(r[:, 1:]) * data.response_mask(r[:, :-1]),
            ),
            (
                "loss_mask",
                "The last prompt token is lit, too: as a target it still belongs to the prompt.",
                lambda r: np.maximum(
                    data.response_mask(r[:, 1:]), np.pad(data.response_mask(r[:, 2:]), ((0, 0), (0, 1)))
                ),
            ),
            ("loss_mask", NO_EOS, lambda r: (r[:, 1:] == data.RESPONSE) * 1.0),
            (
                "loss_mask",
                "Only <eos> is lit: the answer before it counts, too.",
                lambda r: (r[:, 1:] == data.EOS) * 1.0,
            ),
            (
                "loss_mask",
                "Inverted: prompt tokens carry loss and answers none.",
                lambda r: data.prompt_mask(r[:, 1:]),
            ),
            (
                "loss_mask",
                "Inverted: prompt and pads carry loss and answers none.",
                lambda r: 1 - data.response_mask(r[:, 1:]),
            ),
            ("loss_mask", "This is full-sequence loss: the prompt is not masked.", lambda r: full(r[:, 1:])),
            (
                "loss_mask",
                "The prompt is not masked, and pads count, too.",
                lambda r: np.ones(r[:, 1:].shape),
            ),
            ("loss_mask", PADS_COUNT, lambda r: (r[:, 1:] != data.PROMPT) * 1.0),
        ),
        ("The weight belongs to the token that is predicted.", "roles[:, 1:] >= data.RESPONSE, as floats"),
        is_tuple=False,
    ),
}
