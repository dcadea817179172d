"""Questions with choices: every choice has its reply, and the right one earns points."""

import html
from typing import NamedTuple


class Question(NamedTuple):
    """One question.

    text: what is asked.
    choices: {letter: the choice}.
    right: the letter of the right choice.
    replies: {letter: why it is right, or which thought leads there and what speaks against it}.
    """

    text: str
    choices: dict
    right: str
    replies: dict

    def __str__(self):
        return "\n".join([self.text, *(f"  ({letter}) {choice}" for letter, choice in self.choices.items())])

    __repr__ = __str__

    def _repr_html_(self):
        items = [f"<div>({letter}) {html.escape(choice)}</div>" for letter, choice in self.choices.items()]
        return f"<p>{html.escape(self.text)}</p>{''.join(items)}"


def read_letter(answer):
    """The letter that an answer such as "b", "B" or "(b)" means, or None."""
    letter = answer.strip().strip("().").lower() if isinstance(answer, str) else ""
    return letter or None


def judge_answer(question, answer):
    """("passed" or "wrong", the reply) for what a learner chose."""
    letter = read_letter(answer)
    if letter not in question.choices:
        return "wrong", f"{answer!r:.80} is none of the choices: return one of {', '.join(question.choices)}."
    return "passed" if letter == question.right else "wrong", question.replies[letter]
