"""The diagnosis game: sealed cases, each a training run that has one fault of the zoo, or none.

    case = game.case("A")        # or game.deal(seed)[0]
    case                         # what a look at the run would show
    game.judge(case, "eos_masked")

A case holds its answer only as a digest: to read it takes a diagnosis, or at least some effort.
"""

import difflib
import hashlib
import textwrap
from typing import NamedTuple

import numpy as np

from .. import exercises, faults
from ..diagnose import signs
from . import evidence

HEALTHY = "healthy"
LESSON = dict(zip("ABC", (0, 4, 14), strict=True))  # places in the zoo
N_OPTIONS = 5


class Case(NamedTuple):
    """A sealed run: what is seen of it, the names to choose from, and a digest of the right one."""

    title: str
    text: str
    options: tuple
    digest: str

    def __str__(self):
        choice = textwrap.fill(f"One of: {', '.join(self.options)}", 96)
        return f"Case {self.title}\n\n{self.text}\n{choice}"

    __repr__ = __str__


def names():
    """All that a case can be: what rows of prompt and response show, or nothing."""
    return (*(name for name, fault in faults.FAULTS.items() if fault.shown_by == "rows"), HEALTHY)


def case(letter):
    """A case of the lesson, "A" to "C". Raises ValueError for another letter."""
    if letter not in LESSON:
        raise ValueError(f"there is no case {letter!r}: there are {', '.join(LESSON)}")
    return make(letter, names()[LESSON[letter]], names(), seed=ord(letter))


def deal(seed, n_cases=10):
    """Yield `n_cases` cases of different faults; the same seed deals the same. Made when asked for."""
    rng = np.random.default_rng(seed)
    for k, i in enumerate(rng.permutation(len(names()))[:n_cases]):
        right = names()[i]
        others = [name for name in names() if name != right]
        options = [right, *rng.choice(others, N_OPTIONS - 1, replace=False).tolist()]
        yield make(
            f"{k + 1} of {n_cases}", right, tuple(rng.permutation(options).tolist()), int(rng.integers(1000))
        )


def make(title, name, options, seed):
    """Train a model with the fault, look at it, and seal the name."""
    return Case(title, evidence.text(None if name == HEALTHY else name, seed), options, seal(title, name))


def seal(title, name):
    """What stands in a case for its answer."""
    return hashlib.sha256(f"{title} {name}".encode()).hexdigest()[:16]


def judge(case, answer):
    """An exercises.Verdict on an answer: right or wrong, what it was, and by what it is known."""
    if not isinstance(answer, str) or answer not in names():
        near = difflib.get_close_matches(str(answer).lower().replace(" ", "_"), names(), n=1)
        choice = f"Do you mean {near[0]!r}?" if near else f"Choose one of: {', '.join(names())}."
        return verdict(case, "wrong", f"{answer!r:.80} is no fault of the zoo. {choice}")
    right = next(name for name in names() if seal(case.title, name) == case.digest)
    if answer == right:
        return verdict(case, "passed", f"It is {right}. {signs.SIGNS[right]}")
    return verdict(case, "wrong", f"It is not {answer}: {signs.SIGNS[answer]} Here something else is seen.")


def check(case, function):
    """Judge what a learner's function without arguments returns; "to do" if it is not written yet."""
    outcome = exercises.sandbox.call(function, (), exercises.SECONDS)
    if outcome.todo:
        return verdict(case, "to do", "Read the case, and return the name of a fault, or 'healthy'.")
    if outcome.problem:
        return verdict(case, "wrong", f"Your function {outcome.problem}.")
    if outcome.result is None:
        return verdict(case, "wrong", "Your function returns None: is the return missing?")
    return judge(case, outcome.result)


def verdict(case, status, message):
    return exercises.Verdict(f"case {case.title}", status, message, None)


def quiz(seed, ask, say):
    """Ten cases on a terminal: say(text) shows, ask(prompt) -> answer, a name or its number. The score."""
    score = 0
    for k, sealed in enumerate(deal(seed)):
        say(f"\nCase {sealed.title}\n\n{sealed.text}")
        say("\n".join(f"  {i}  {name}" for i, name in enumerate(sealed.options, start=1)))
        answer = read_answer(sealed, ask, say)
        said = judge(sealed, answer)
        if not said.ok:
            right = next(name for name in sealed.options if seal(sealed.title, name) == sealed.digest)
            say(f"{said.message}\nIt is {right}. {signs.SIGNS[right]}")
        else:
            say(said.message)
        score += said.ok
        say(f"{score} of {k + 1}")
    return score


def read_answer(sealed, ask, say):
    """Ask until the answer is one of the options."""
    while True:
        given = ask(f"Which is it? 1 to {len(sealed.options)}: ").strip()
        if given in sealed.options:
            return given
        if given.isdigit() and 1 <= int(given) <= len(sealed.options):
            return sealed.options[int(given) - 1]
        say(f"{given!r} is none of them: type a number from 1 to {len(sealed.options)}, or a name")
