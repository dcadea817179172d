"""Register a fault in FAULTS, and plant it."""

import contextlib
import inspect
import re
from typing import NamedTuple

from .. import swap

FAULTS = {}  # name -> Fault, in the order in which __init__.py imports the modules


class Fault(NamedTuple):
    """What is known of a fault.

    sentence: what goes wrong. sign: how to recognise it. met_in: where it was met. shown_by: what shows
    it, "rows" of prompt and response, conversations of several "turns", "packing", or "left padding".
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

    def register(function):
        sentence, sign = inspect.getdoc(function).split("\n\n")
        replacements = {replaces: function, **(also or {})}
        FAULTS[function.__name__] = Fault(sentence, " ".join(sign.split()), met_in, shown_by, replacements)
        return function

    return register


@contextlib.contextmanager
def plant(name):
    """Everything inside the block has this fault; None plants nothing.

    Raises ValueError, listing all faults, for an unknown name.
    """
    if name is None:
        yield None
        return
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
    """The faults as a Markdown table: name, what goes wrong, where it was met, and its sign if asked."""
    columns = ["fault", "what goes wrong", "met in"]
    rows = [[f"`{name}`", quote_tokens(known.sentence), known.met_in] for name, known in FAULTS.items()]
    if with_signs:
        columns.insert(2, "how to recognise it")
        for row, known in zip(rows, FAULTS.values(), strict=True):
            row.insert(2, quote_tokens(known.sign))
    head = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def quote_tokens(text):
    """The text with `<eos>` for <eos>, which Markdown would take for HTML."""
    return re.sub(r"<\w+>", r"`\g<0>`", text)
