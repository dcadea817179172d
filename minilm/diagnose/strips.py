"""The examples themselves, token by token: the measured loss weight beside the meant one, as text."""

import numpy as np

from .. import views
from .examples import NAMES

WIDTH = 100  # characters of a line
LONG = 40  # tokens; of a longer example, only the surroundings of a change are shown
AROUND = 5  # tokens on each side of a change
SHOWN = 3  # examples
KEY = "Loss weight of each token, as a target: + is 1, - is 0, . is free"


def show_examples(case, scaled, differs):
    """Lines for the first examples, those first that differ from what is meant.

    scaled (B, T): measured loss weights, of which 1 is an answer's, or the mask's where nothing was measured.
    differs (B, T): which targets do not have the loss weight that is meant.
    """
    examples = case.layout.examples
    order = sorted(range(len(case.documents)), key=lambda k: (not differs[examples == k].any(), k))
    lines = [f"{KEY}."]
    for number in order[:SHOWN]:
        lines += [*show_example(case, number, scaled, differs), ""]
    rest = len(order) - SHOWN
    if rest > 0:
        lines.insert(-1, f"({rest} more examples are not shown)")
    return lines


def show_example(case, number, scaled, differs):
    """One example as lines: its tokens, what is meant, what was measured, and marks where they differ."""
    row = case.documents[number].row
    places = np.flatnonzero(case.layout.examples[row] == number)
    if not len(places):
        return [f"example {number}: no target in the batch"]
    is_free = case.layout.is_free | (case.layout.other != case.layout.meant)
    columns = [
        (
            show_token(case, case.targets[row, t]),
            "." if is_free[row, t] else show_weight(case.weights[row, t]),
            show_weight(scaled[row, t]),
            "^" if differs[row, t] else "",
        )
        for t in places
    ]
    head = (f"example {number}", "meant", "given" if case.measured is None else "measured", "")
    return wrap_columns(head, shorten(columns))


def show_weight(weight):
    """+ for 1, - for 0, else the number."""
    return "+" if abs(weight - 1) < 0.02 else "-" if abs(weight) < 2e-3 else f"{weight:.2g}"


def show_token(case, token):
    """A token's text on one line, or its id."""
    if token < 0:
        return "?"
    try:
        text = str(case.meant.decode([int(token)]))
    except Exception:  # there is none, or it takes no lone token
        text = str(int(token))
    return views.escape(text).replace(" ", "_") or "''"


def shorten(columns):
    """Columns of a long example without those that are far from every change of marks."""
    if len(columns) <= LONG:
        return columns
    changes = [k for k in range(1, len(columns)) if columns[k][1:] != columns[k - 1][1:]] + [0, len(columns)]
    kept = [min(abs(k - change) for change in changes) <= AROUND for k in range(len(columns))]
    shown = []
    for k, column in enumerate(columns):
        if kept[k]:
            shown.append(column)
        elif kept[k - 1]:
            shown.append(("..", "..", "..", ""))
    return shown


def wrap_columns(head, columns):
    """Columns of text as lines under each other, broken at WIDTH."""
    label = max(map(len, head)) + 2
    lines, start = [], 0
    while start < len(columns):
        end, used = start, label
        while end < len(columns) and (end == start or used + measure_width(columns[end]) < WIDTH):
            used += measure_width(columns[end])
            end += 1
        for k, name in enumerate(head):
            cells = "".join(f"{column[k]:>{measure_width(column)}}" for column in columns[start:end])
            line = f"  {name if start == 0 else '':<{label}}{cells}".rstrip()
            lines += [line] if line.strip() else []
        start = end
    return lines


def measure_width(column):
    """Characters that a column takes."""
    return max(map(len, column)) + 1


def show_differences(case, scaled, differs):
    """What differs, by example, role and turn, as lines."""
    layout, lines = case.layout, []
    names = np.stack([layout.examples, layout.parts, layout.roles], axis=-1)
    for example, part, role in np.unique(names[differs], axis=0):
        here = (names == (example, part, role)).all(axis=-1)
        wrong = here & differs
        at = tuple(np.argwhere(wrong)[0])
        turn = f" of turn {part + 1}" if part >= 0 else ""
        where = f"example {example}, {NAMES[role]}{turn}" if example >= 0 else f"{NAMES[role]} targets"
        lines.append(
            f"{where}: {int(wrong.sum())} of {int(here.sum())} targets, the first at [{at[0]}, {at[1]}]: "
            f"{scaled[at]:.2g} where {layout.meant[at]:.2g} is meant"
        )
    return lines
