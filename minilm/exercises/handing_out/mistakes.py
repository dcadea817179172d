"""What students get wrong, as a page: the sentences with which the checker answers known mistakes."""

import html
import re

import numpy as np

from ... import exercises
from . import handout

HEAD = """\
# What students get wrong

The checker knows these mistakes. Here is what it says to each, in the order of the course. Where a sentence
is about some of several outputs, their names come first. Use the page to prepare a class, or to see what a
student meant. It gives solutions away.
"""
OPEN = 6  # of the mistakes of one exercise, so many are open, the others folded
FOOT = "This page is made by `python lessons/build.py` from the checker's own lists in `minilm/exercises/`.\n"


def make_page():
    """The text of lessons/mistakes.md. Raises ValueError outside minilm's repository."""
    parts, lesson = [HEAD], None
    for place in handout.list_places(handout.read_lessons()):
        items = list_items(place.name)
        if not items:
            continue
        if place.lesson != lesson:
            parts.append(f"## [{place.title}]({place.lesson}.ipynb)\n")
            lesson = place.lesson
        parts.append(f"{describe(place.name)}\n{fold(items)}")
    return "\n".join([*parts, FOOT])


def describe(name):
    """The heading of an exercise: how its function is called, or the name of a question and what it asks."""
    if name in exercises.QUESTIONS:
        return f"### Question `{name}`\n\n{escape(exercises.QUESTIONS[name].text)}\n"
    return f"### `{exercises.EXERCISES[name].describe_call()}`\n"


def fold(items):
    """A list in Markdown whose later items are folded."""
    lines = [f"- {item}" for item in items]
    if len(lines) > OPEN + 1:
        summary = f"<details><summary>{len(lines) - OPEN} more</summary>"
        lines = [*lines[:OPEN], "", summary, "", *lines[OPEN:], "", "</details>"]
    return "\n".join([*lines, ""])


def list_items(name):
    """The known mistakes of an exercise, one line of Markdown each; none for a sealed case."""
    if name in exercises.QUESTIONS:
        asked = exercises.QUESTIONS[name]
        wrong = [letter for letter in asked.choices if letter != asked.right]
        pairs = [(asked.choices[letter].rstrip("."), asked.replies[letter]) for letter in wrong]
        return [f"*{escape(choice)}*: {escape(reply)}" for choice, reply in pairs]
    if name not in exercises.EXERCISES:
        return []
    exercise = exercises.EXERCISES[name]
    return [
        f"{name_labels(labels, exercise.labels)}{escape(sentence)}"
        for sentence, labels in collect_sentences(exercise).items()
    ]


def collect_sentences(exercise):
    """What is said of the known mistakes of an exercise: {sentence: labels of outputs, each once}."""
    labels_of = {}
    for args in exercise.make_cases():
        with np.errstate(all="ignore"):  # wrong answers may overflow
            mistakes = exercise.make_mistakes(*args)
        for label, sentences in mistakes.items():
            for sentence in sentences:
                labels_of.setdefault(sentence, {})[label] = True
    return {sentence: list(labels) for sentence, labels in labels_of.items()}


def name_labels(labels, of):
    """The outputs that a sentence is about, such as "`dq`, `dk`: "; "" if it is about all."""
    if len(labels) == len(of):
        return ""
    named = ", ".join(f"`{label}`" for label in labels[:3])
    return f"{named} and {len(labels) - 3} others: " if len(labels) > 3 else f"{named}: "


def escape(text):
    """Text that Markdown shows as it is, on one line: <eos> is no tag, unless it stands in backticks."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else html.escape(part, quote=False) for part in parts)
