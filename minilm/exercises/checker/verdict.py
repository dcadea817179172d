"""The checker's answer, as text and as HTML."""

import html
import itertools
import os
from typing import NamedTuple

TABLE = "margin:.4em 0;padding:0;background:none;color:inherit;font-family:monospace;overflow-x:auto"


class Verdict(NamedTuple):
    """The checker's answer. `status` is "passed", "wrong" or "to do".

    function: the learner's if it passed with arrays, else minilm's own, so that a notebook can go on with it.
    """

    name: str
    status: str
    message: str
    function: object

    @property
    def ok(self):
        """True if the exercise is passed."""
        return self.status == "passed"

    def grade(self):
        """The verdict itself; while nbgrader grades, None, or AssertionError for anything but "passed".

        nbgrader gives a cell its points unless it raises, and warns of a result that is no number.
        Everywhere else a notebook should go on, and show the verdict.
        """
        if not os.environ.get("NBGRADER_EXECUTION"):
            return self
        if not self.ok:
            raise AssertionError(str(self))
        return None

    def __str__(self):
        return f"{self.name}: {self.status}. {self.message}"

    __repr__ = __str__

    def _repr_html_(self):
        color = {"passed": "#009E73", "wrong": "#D55E00", "to do": "#767676"}[self.status]
        return (
            f'<div style="border-left:4px solid {color};padding:.3em .8em">'
            f"<b>{html.escape(self.name)}: {self.status}.</b> {write_html(self.message)}</div>"
        )


def write_html(message):
    """A message as HTML: lines that begin with two blanks are a table, and keep their columns."""
    parts = []
    for is_table, lines in itertools.groupby(message.split("\n"), lambda line: line.startswith("  ")):
        text = ("\n" if is_table else "<br>").join(map(html.escape, lines))
        parts.append(f'<pre style="{TABLE}">{text}</pre>' if is_table else text)
    return "".join(parts)
