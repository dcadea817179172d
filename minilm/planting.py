"""How a fault is entered in the zoo of faults.py, and planted."""

import contextlib
import inspect
import re
from typing import NamedTuple

from . import swap

FAULTS = {}  # name -> Fault, in the order of faults.py


class Fault(NamedTuple):
    """What is known of a fault.

    sentence: what goes wrong. sign: by what one knows it. met_in: where it was met. shown_by: what shows
    it, "rows" of prompt and response, conversations of several "turns", or "packing".
    replacements: {"module.function": the function that takes its place}.
    """

    sentence: str
    sign: str
    met_in: str
    shown_by: str
    replacements: dict


def fault(replaces, met_in, shown_by="rows", also=None):
    """A decorator that enters a function in FAULTS under its own name, and returns it as it is.

    The function replaces the one called `replaces`, as in "data.loss_mask"; `also` maps further names
    to their replacements. Sentence and sign are the docstring's first and second paragraph.
    """

    def enter(function):
        sentence, sign = inspect.getdoc(function).split("\n\n")
        replacements = {replaces: function, **(also or {})}
        FAULTS[function.__name__] = Fault(sentence, " ".join(sign.split()), met_in, shown_by, replacements)
        return function

    return enter


@contextlib.contextmanager
def plant(name):
    """Everything inside the block has this fault. Raises ValueError, listing all, for an unknown one."""
    if name not in FAULTS:
        raise ValueError(f"there is no fault {name!r}; there are {', '.join(FAULTS)}")
    with contextlib.ExitStack() as stack:
        for place, function in FAULTS[name].replacements.items():
            replace(stack, place, function)
        yield FAULTS[name]


def replace(stack, place, function):
    """Let `function` take the place of another, which it receives first, until the stack closes."""

    def call(*args, **kwargs):
        return function(original, *args, **kwargs)

    original = stack.enter_context(swap(place, call))


def table(with_signs=False):
    """The zoo as a Markdown table: name, what goes wrong, where it was met, and its sign if asked."""
    columns = ["fault", "what goes wrong", "met in"]
    rows = [[f"`{name}`", quote_tokens(known.sentence), known.met_in] for name, known in FAULTS.items()]
    if with_signs:
        columns.insert(2, "by what sign one knows it")
        for row, known in zip(rows, FAULTS.values(), strict=True):
            row.insert(2, quote_tokens(known.sign))
    head = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def quote_tokens(text):
    """The text with `<eos>` for <eos>, which Markdown would take for HTML."""
    return re.sub(r"<\w+>", r"`\g<0>`", text)
