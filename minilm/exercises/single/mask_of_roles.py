"""The exercise on the loss mask, which one_sequence takes in."""

import numpy as np

from ... import data
from ..checker import examples
from ..checker.exercise import Exercise, draw_roles
from ..checker.show_row import name_roles

BESIDES = " Besides, >= takes in system, user, tool and header."
EARLY = "The mask is one early: it lights the last prompt token."
IGNORED = (
    "-100 marks labels that a loss should ignore, in other libraries. Here a position without loss has "
    "the loss weight 0."
)
LATE = "The mask is one late: the first answer token carries no loss. It follows the target, roles[:, 1:]."
MARKERS = (
    "Other roles are lit, too: data.ROLES has nine, and those after <eos> (system, user, tool, header) are "
    "the prompt's. Ask for the two that you mean: np.isin(roles[:, 1:], (data.RESPONSE, data.EOS))."
)
NO_EOS = "<eos> is left out: it belongs to the response, and teaches the model where to stop."
NO_TEXT = (
    "It is 0 everywhere: a role is a number, an index of data.ROLES, and no text; and no token has two roles."
)
OF_ROW = "Each row is divided by its sum: a loss weight is 1 here, the mean comes later."
OF_SUM = "It is divided by its sum: a loss weight is 1 here, the mean comes later."
PADS_COUNT = "Pads are counted: a pad is neither prompt nor response."
UNSHIFTED = "One column too many: it is not shifted; cut it with the targets, roles[:, 1:]."


def loss_mask(roles):
    """1.0 where the target is response or <eos>; token roles (B, T + 1) -> (B, T)."""
    return data.response_mask(roles[:, 1:])


def make_roles(rng, dtype):
    """Roles (B, T + 1) of a padded batch; the prompt of every second row is a conversation's."""
    roles = draw_roles(rng)
    talk = [data.HEADER, data.SYSTEM, data.HEADER, data.USER, data.USER, data.HEADER, data.TOOL]
    for row in roles[1::2]:
        prompt = np.flatnonzero(row == data.PROMPT)
        row[prompt] = [*(2 * talk)[1 - len(prompt) :], data.HEADER]
    return (roles,)


def make_mask_mistakes(roles):
    return {"loss_mask": list_moved(roles) | list_other_roles(roles) | list_no_weights(roles)}


def list_moved(roles):
    """Masks of the right roles that stand in the wrong place, or of the wrong ones, moved as well."""
    unshifted, others = data.response_mask(roles), 1.0 * (roles >= data.RESPONSE)
    from_first = np.tile(1.0 * (np.cumsum(unshifted[0, 1:]) > 0), (len(roles), 1))
    mask, late, early = unshifted[:, 1:], unshifted[:, :-1], move_left(unshifted[:, 1:])
    return {
        LATE: late,
        UNSHIFTED: unshifted,
        EARLY: early,
        "The first answer token is left out: it is a target, read off at the last prompt token.": mask * late,
        "The last prompt token is lit, too: as a target it belongs to the prompt.": np.maximum(mask, early),
        "np.roll keeps the first token, at the end: cut, roles[:, 1:].": np.roll(unshifted, -1, axis=1),
        "A row is cut: the first axis is the batch, write roles[:, 1:].": data.response_mask(roles[1:]),
        "Both ends are cut: the last token is a target, too; write roles[:, 1:].": mask[:, :-1],
        "The first row's mask is used for all: prompts differ in length.": np.tile(mask[0], (len(mask), 1)),
        "Everything from the first row's first answer token on is lit, in all rows.": from_first,
        "All but pads is lit from the first row's first answer token on: prompts differ in length.": (
            from_first * (roles[:, 1:] != data.PAD)
        ),
        MARKERS: others[:, 1:],
        LATE + BESIDES: others[:, :-1],
        EARLY + BESIDES: move_left(others[:, 1:]),
        UNSHIFTED + BESIDES: others,
    }


def move_left(mask):
    """A mask moved one position to the front, with 0 at the end."""
    return np.pad(mask[:, 1:], ((0, 0), (0, 1)))


def list_other_roles(roles):
    """Masks of other roles than response and <eos>."""
    roles = roles[:, 1:]
    mask, prompt = data.response_mask(roles), data.prompt_mask(roles)
    is_pad, is_prompt = 1.0 * (roles == data.PAD), 1.0 * (roles == data.PROMPT)
    starts = mask * (np.cumsum(mask, axis=1) == 1)
    last = np.zeros(roles.shape)
    last[:, -1] = 1
    return {
        NO_EOS: 1.0 * (roles == data.RESPONSE),
        "Only <eos> is lit: the answer before it counts, too.": 1.0 * (roles == data.EOS),
        "Only the first answer token of each row is lit: the whole answer counts.": starts,
        "Only the last column is lit: answers are longer than one token, and pads come last.": last,
        "Inverted: prompt tokens carry loss and answers none.": prompt,
        "Inverted: role PROMPT carries loss and answers none.": is_prompt,
        "Inverted: prompt and pads carry loss and answers none.": 1 - mask,
        "Inverted: answers carry no loss." + BESIDES: 1.0 * (roles < data.RESPONSE),
        "This is full-sequence loss: the prompt is not masked.": mask + prompt,
        "The prompt is not masked, and pads count, too.": np.ones(roles.shape),
        PADS_COUNT: mask + is_pad,
        "All but role PROMPT is lit: there are nine roles, ask for the two that you mean.": 1 - is_prompt,
    }


def list_no_weights(roles):
    """Results that are no loss weights 0 and 1."""
    roles = roles[:, 1:]
    mask = data.response_mask(roles)
    return {
        NO_TEXT: 0 * mask,
        IGNORED: np.where(mask > 0, 1, -100),
        "These are labels with -100; asked for are loss weights, 1 and 0.": np.where(mask > 0, roles, -100),
        "The prompt is NaN, and NaN spreads through every sum: use 0.": np.where(mask > 0, 1, np.nan),
        OF_SUM: mask / mask.sum(),
        OF_ROW: mask / mask.sum(axis=1, keepdims=True),
        "The roles themselves are used as loss weights: write 1 for response and <eos>.": roles * mask,
        "Only the lit roles are there: keep the shape (B, T), with 0 elsewhere.": roles[mask > 0],
        "These are the indices of lit targets: return loss weights (B, T).": np.argwhere(mask > 0),
    }


def find_prompt_weight(label, wrong):
    """A sentence for a mask that is right but for one loss weight on prompt targets, or ""."""
    found = set()
    for (roles,), got, right in wrong:
        is_prompt = data.prompt_mask(roles[:, 1:]) > 0
        if not np.array_equal(got[~is_prompt], right[~is_prompt]):
            return ""
        found.update(got[is_prompt].tolist())
    return (
        f"Prompt targets still have the loss weight {found.pop():g}: it should be 0."
        if len(found) == 1
        else ""
    )


EXERCISES = {
    "loss_mask": Exercise(
        "loss_mask(roles): from the role of every token (B, T + 1), an index of data.ROLES, return the "
        "loss weight of every target (B, T) as a float: 1 on data.RESPONSE and data.EOS (np.isin), else 0.",
        ("loss_mask",),
        loss_mask,
        make_roles,
        make_mask_mistakes,
        hints=(
            "The loss weight belongs to the token that is predicted.",
            "np.isin(roles[:, 1:], (data.RESPONSE, data.EOS)).astype(float)",
        ),
        is_tuple=False,
        diagnose=find_prompt_weight,
        row_labels=lambda roles: name_roles(roles[:, 1:]),
        show_off=examples.show_mask,
    ),
}
