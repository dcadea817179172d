"""A prediction that stays in the notebook, and the measured value set beside it.

    dark = predict("How many of the 6 rows of dlogits are exactly 0?", yours=None, of=6)
    ...
    dark.compare(5)             # you: 2 of 6; measured: 5 of 6

The learner writes over `None`, in the notebook itself: it is saved with it, and Run All does not touch it.
"""

import math
import numbers

from .checker.verdict import write_html
from .question import read_letter


class Prediction:
    """What a learner expects. `problem` says why `yours` cannot be taken, "" if it can."""

    def __init__(self, yours, choices, of):
        self.choices, self.of = choices, of
        self.problem = find_problem(yours, choices, of)
        self.yours = None if self.problem else yours

    def compare(self, measured):
        """A Note that sets the measured value beside the prediction."""
        yours = "no prediction" if self.yours is None else self.describe(self.yours)
        return Note(f"you: {yours}; measured: {self.describe(measured)}")

    def describe(self, value):
        """A value in words: a choice with its text, a number with what it is counted from."""
        if self.choices:
            letter = read_letter(value)
            return f"({letter}) {self.choices[letter]}"
        text = f"{value:.4g}" if is_number(value) else str(value)
        return f"{text} of {self.of}" if self.of is not None else text

    def __repr__(self):
        if self.yours is not None:
            return f"Your prediction: {self.describe(self.yours)}. Now run the next cell."
        return f"No prediction. {self.problem or f'Write {self.name_kind()} over None, and run this cell.'}"

    def _repr_html_(self):
        return make_box(repr(self))

    def name_kind(self):
        """What is to be written."""
        if self.choices:
            return " or ".join(f'"{letter}"' for letter in self.choices)
        return "a number or a line of text" if self.of is None else f"a number from 0 to {self.of}"


class Note(str):
    """Text that a notebook shows as text, not as a quoted string."""

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        return make_box(self)


def predict(question, yours=None, choices=None, of=None):
    """A Prediction. `yours` is the learner's: None until they write there.

    question: read in the cell itself; choices: {letter: text} to choose from; of: the largest number
    possible, the smallest being 0; without these two, `yours` may be any number or line of text. What
    cannot be taken is said where the cell shows its result; nothing is raised, so that a notebook goes on.
    """
    return Prediction(yours, choices, of)


def find_problem(yours, choices, of):
    """Why a prediction cannot be taken, as a sentence, or ""."""
    if yours is None or (isinstance(yours, str) and not choices and of is None):
        return ""
    if choices:
        return "" if read_letter(yours) in choices else f"{yours!r:.80} is none of {', '.join(choices)}."
    if not is_number(yours):
        quoted = isinstance(yours, str) and yours.strip().isdecimal()
        return f"{yours!r:.80} is no number{': leave out the quotes' if quoted else ''}."
    return f"{yours!r:.80} is not from 0 to {of}." if of is not None and not 0 <= yours <= of else ""


def is_number(value):
    """Whether a value is a finite number, and no truth value."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def make_box(text):
    """Text as HTML with a rule on its left that both themes show."""
    return f'<div style="border-left:4px solid #56B4E9;padding:.3em .8em">{write_html(text)}</div>'
