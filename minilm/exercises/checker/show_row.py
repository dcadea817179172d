"""A wrong mask as one row: what the tokens are, the learner's loss weights and the right ones.

target P P P R R E .
yours  0 0 0 0 1 1 0
right  0 0 0 1 1 1 0
             ^
"""

import numpy as np

from ... import data
from .compare import find_differences

LETTERS = ".BPRESUTH"  # of data.ROLES
WIDTH = 64  # of what is shown of a row


def name_roles(roles):
    """A letter for every role, (B, T) -> (B, T)."""
    return np.array(list(LETTERS))[roles]


def show_row(labels, got, right):
    """The first row with a difference, as lines that begin with two blanks; the caret is below the first."""
    off = find_differences(got, right)
    b = int(np.flatnonzero(off.any(axis=1))[0])
    t = int(np.argmax(off[b]))
    rows = {
        "target" if set(labels[b]) <= set(LETTERS) else "weight": list(map(str, labels[b])),
        "yours": [f"{x:.3g}" for x in got[b]],
        "right": [f"{x:.3g}" for x in right[b]],
    }
    width = 1 + max(len(cell) for row in rows.values() for cell in row)
    columns = WIDTH // width
    start = max(0, min(t - columns // 2, got.shape[1] - columns))  # so that the difference is in sight
    lines = []
    for name, row in rows.items():
        cells = [f"{cell:>{width}}" for cell in row[start : start + columns]]
        lines.append(f"  {name:<6}{''.join(cells)}")
    caret = " " * (len("  target") + (t - start + 1) * width - 1) + "^"
    return "\n".join([*lines, caret, *explain_letters(labels[b, start : start + columns])])


def explain_letters(labels):
    """What the letters of a row stand for, as a list of one line; of none where the labels are numbers."""
    names = [
        f"{letter} {data.ROLES[LETTERS.index(letter)]}"
        for letter in dict.fromkeys(labels)
        if letter in LETTERS
    ]
    return [f"  ({', '.join(names)})"] if names else []


def compare_roles(exercise, wrong):
    """Which roles have another loss weight than they should, or "" where it is no mask of roles."""
    if not all(np.isin(right, (0, 1)).all() for _, _, right in wrong):
        return ""
    found = {}
    for args, got, right in wrong:
        labels = exercise.row_labels(*args)
        for label in np.unique(labels):
            here = labels == label
            found.setdefault(str(label), set()).update(
                zip(got[here].tolist(), right[here].tolist(), strict=True)
            )
    if not found.keys() <= set(LETTERS):
        return ""
    found = {data.ROLES[LETTERS.index(letter)]: found[letter] for letter in LETTERS if letter in found}
    if all(len(pairs) == 1 for pairs in found.values()):
        return name_roles_off(found)
    if all(
        np.count_nonzero(got.any(axis=1)) == 1 < np.count_nonzero(right.any(axis=1))
        for _, got, right in wrong
    ):
        return "Only one row has a mask: does a loop end too early, or overwrite?"
    return name_some_off(found)


def name_roles_off(found):
    """What a mask that goes by roles alone, {role: {(yours, right)}}, gives to which role."""
    parts = {}
    for role, ((yours, due),) in found.items():
        if yours != due:
            parts.setdefault((yours, due), []).append(role)
    return " ".join(
        f"Targets of role {', '.join(roles)} have the loss weight {yours:g}: it should be {due:g}."
        for (yours, due), roles in parts.items()
    )


def name_some_off(found):
    """Of which roles some targets, not all, have too much or too little loss weight."""
    more = [role for role, pairs in found.items() if any(yours > due for yours, due in pairs)]
    less = [role for role, pairs in found.items() if any(yours < due for yours, due in pairs)]
    parts = [
        f"too {word} loss weight: {', '.join(roles)}"
        for word, roles in (("much", more), ("little", less))
        if roles
    ]
    return f"Some targets have {'; some '.join(parts)}."
