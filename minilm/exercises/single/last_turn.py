"""The exercise on a mask of conversations, which real_data takes in."""

import numpy as np

from ... import chat, data, masks
from ..checker import examples
from ..checker.exercise import Exercise
from ..checker.show_row import name_roles
from .mask_of_roles import IGNORED, NO_EOS, NO_TEXT, OF_ROW, OF_SUM, move_left

CHATS = (  # who speaks in the rows of a case
    ("system", "user", "assistant", "user", "assistant"),
    ("user", "assistant"),
    ("user", "assistant", "user"),
    ("user", "assistant", "tool", "assistant"),
    ("assistant", "user"),
    ("user", "assistant", "user", "assistant", "user", "assistant"),
)


def last_turn_mask(roles, turns):
    """1.0 on the last answer of every row, its <eos> included; roles and turns (B, T) of the targets."""
    return masks.response(roles) * masks.last_turn(roles, turns)


def make_turns(rng, dtype):
    """Roles and turns (B, T) of the targets of padded conversations, marker by marker."""
    rows = []
    for k in rng.permutation([*range(len(CHATS)), *rng.integers(0, len(CHATS), rng.integers(0, 6))]):
        row = [(data.BOS, 0)]
        for turn, speaker in enumerate(CHATS[k]):
            content = chat.ROLE_OF[speaker]
            row += [(data.HEADER, turn)] + [(content, turn)] * int(rng.integers(2, 8))
            if speaker == "assistant":
                row += [(data.EOS, turn)]
        rows.append(row)
    longest = max(map(len, rows)) + 1
    padded = np.array([row + [(data.PAD, 0)] * (longest - len(row)) for row in rows])
    return padded[:, 1:, 0], padded[:, 1:, 1]


def make_turn_mistakes(roles, turns):
    return {
        "weights": list_other_turns(roles, turns) | list_other_roles(roles, turns) | list_moved(roles, turns)
    }


def list_other_turns(roles, turns):
    """Answers of other turns than each row's last."""
    answers = masks.response(roles)
    of_answers = np.where(answers > 0, turns, -1)
    last, last_of_column = of_answers.max(axis=1, keepdims=True), of_answers.max(axis=0, keepdims=True)
    first = np.where(answers > 0, turns, 99).min(axis=1, keepdims=True)
    return {
        "All answers carry loss, not only the last of each row.": answers,
        "That is the last turn of the longest conversation: look along axis 1, row by row.": (
            answers * (turns == turns.max())
        ),
        "If a row ends with the user, nothing is lit: look for the last turn among answers.": (
            answers * (turns == turns.max(axis=1, keepdims=True))
        ),
        "The first row's last turn is looked for in all rows: each has its own.": (
            answers * (turns == turns[0].max())
        ),
        "That is the first answer of each row.": answers * (turns == first),
        "All answers but the last are lit.": answers * (turns != last),
        "That is the answer before the last one.": answers * (turns == last - 2),
        "The last two answers are lit: only the last one is asked for.": answers * (turns >= last - 2),
        "That is turn 1 of each row: the last answer's turn differs from row to row.": answers * (turns == 1),
        "The turn is read off the last column, where pads stand.": answers * (turns == turns[:, -1:]),
        "The largest turn is looked for in each column: axis 1 goes along a row.": (
            answers * (turns == last_of_column)
        ),
    }


def list_other_roles(roles, turns):
    """Other roles than response and <eos>."""
    last = masks.last_turn(roles, turns)
    mask, is_eos, is_user = masks.response(roles) * last, roles == data.EOS, roles == data.USER
    last_of_user = is_user * (turns == np.where(is_user, turns, -1).max(axis=1, keepdims=True))
    shorter = mask * np.pad(mask[:, :-1], ((0, 0), (1, 0)))
    after = turns >= np.where(mask > 0, turns, -1).max(axis=1, keepdims=True)
    to_the_end = np.arange(roles.shape[1]) >= turns.argmax(axis=1, keepdims=True)
    return {
        NO_EOS: mask * masks.without_eos(roles),
        "& binds more strongly than |: put brackets round response or <eos>.": (
            1.0 * ((roles == data.RESPONSE) | (is_eos & (last > 0)))
        ),
        "Every <eos> is lit, and nothing else.": 1.0 * is_eos,
        "Only <eos> is lit: the answer before it counts, too.": mask * is_eos,
        "The first token of the answer is left out: it is a target, too.": shorter,
        "The turn alone is not enough, and the last turn may be the user's: ask for answers.": (
            1.0 * (turns == turns.max(axis=1, keepdims=True))
        ),
        "The <eos> of earlier answers is lit, too: it has their turn.": np.maximum(mask, is_eos),
        "The marker <assistant> is lit, too: it has the answer's turn, but ends the prompt.": (
            np.maximum(mask, masks.headers(roles, turns) * last)
        ),
        "The turn alone is not enough: markers and pads have one. Ask for the role, too.": last,
        "Tool tokens are lit, too: a tool's answer is read, not written by the model.": (
            np.maximum(mask, roles == data.TOOL)
        ),
        "That is the user's last message: the assistant's is asked for.": 1.0 * last_of_user,
        "All that stands before the last answer is lit, too.": (
            1.0 * (turns <= np.where(mask > 0, turns, -1).max(axis=1, keepdims=True))
        ),
        "All that follows the last answer is lit, too: ask for the role, too.": 1.0 * after,
        "All that follows the row's last turn is lit: ask for answers.": 1.0 * to_the_end,
        "Everything but pads is lit: >= data.RESPONSE takes in system, user, tool and header.": (
            1.0 * (roles > 0)
        ),
        "Everything is lit.": np.ones(roles.shape),
    }


def list_moved(roles, turns):
    """The right mask in the wrong place, and results that are no mask."""
    mask = masks.response(roles) * masks.last_turn(roles, turns)
    return {
        "Inverted: all but the last answer is lit.": 1 - mask,
        "The mask is one late: roles and turns are those of the targets already.": (
            np.pad(mask[:, :-1], ((0, 0), (1, 0)))
        ),
        "The mask is one early: roles and turns are those of the targets already.": move_left(mask),
        "A column is cut: roles and turns are those of the targets already.": mask[:, 1:],
        "The first row's mask is used for all rows.": np.tile(mask[0], (len(mask), 1)),
        "Only the first row's mask is there: one for each row.": mask[0],
        "The turns themselves are returned: 1 on the last answer, 0 elsewhere.": 1.0 * turns,
        IGNORED: np.where(mask > 0, 1, -100),
        f"{NO_TEXT} And a row may end with the user, or with pads.": 0 * mask,
        OF_ROW: mask / mask.sum(axis=1, keepdims=True),
        OF_SUM: mask / mask.sum(),
    }


EXERCISES = {
    "last_turn_mask": Exercise(
        "last_turn_mask(roles, turns): from role and turn of every target, both (B, T), return the loss "
        "weights (B, T) as floats: 1 on the assistant's last answer of each row and its <eos>, 0 elsewhere.",
        ("weights",),
        last_turn_mask,
        make_turns,
        make_turn_mistakes,
        hints=(
            "Which turns belong to answers? The largest of them, row by row, is the last answer's.",
            "answer = data.response_mask(roles)\nlast = np.where(answer > 0, turns, -1).max(axis=1, "
            "keepdims=True)\nreturn answer * (turns == last)",
        ),
        row_labels=lambda roles, turns: name_roles(roles),
        show_off=examples.show_last_turn,
        is_tuple=False,
    ),
}
