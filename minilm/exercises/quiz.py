"""The diagnosis game: sealed cases, each a training run that has one known fault, or none.

    case = quiz.case("A")        # or: for case in quiz.deal(seed)
    case                         # shows what a look at the run would show
    quiz.judge(case, "eos_masked")

A case holds its answer only as a digest: reading it takes a diagnosis, or at least some effort.
"""

import difflib
import hashlib
import textwrap
from typing import NamedTuple

import numpy as np

from .. import exercises, faults
from . import evidence

HEALTHY = "healthy"
SIGN_OF_HEALTH = "The rows that predict answer and <eos> are lit, no others, and every measurement agrees."
LESSON_CASES = {"A": 0, "B": 4, "C": 14}  # letter -> place in list_answers()
N_OPTIONS = 5


class Case(NamedTuple):
    """A sealed run: its evidence as text, the names to choose from, and a digest of the right one."""

    title: str
    text: str
    options: tuple
    digest: str

    def __str__(self):
        choice = textwrap.fill(f"One of: {', '.join(self.options)}", 96)
        return f"Case {self.title}\n\n{self.text}\n{choice}"

    __repr__ = __str__


def case(letter):
    """A case of the lesson, "A" to "C". Raises ValueError for another letter."""
    if letter not in LESSON_CASES:
        raise ValueError(f"there is no case {letter!r}: there are {', '.join(LESSON_CASES)}")
    answers = list_answers()
    return make_case(letter, answers[LESSON_CASES[letter]], answers, seed=ord(letter))


def deal(seed, n_cases=10):
    """Yield `n_cases` cases with different answers; the same seed deals the same cases.

    A case takes a training run, which is done when the case is asked for.
    """
    rng = np.random.default_rng(seed)
    answers = list_answers()
    for number, i in enumerate(rng.permutation(len(answers))[:n_cases], start=1):
        right = answers[i]
        others = [name for name in answers if name != right]
        options = [right, *rng.choice(others, N_OPTIONS - 1, replace=False).tolist()]
        options = tuple(rng.permutation(options).tolist())
        yield make_case(f"{number} of {n_cases}", right, options, seed=int(rng.integers(1000)))


def list_answers():
    """All that a case can be: the faults that rows of prompt and response show, and "healthy"."""
    shown_by_rows = [name for name, fault in faults.FAULTS.items() if fault.shown_by == "rows"]
    return (*shown_by_rows, HEALTHY)


def make_case(title, right, options, seed):
    """Train a model with the fault `right`, write down the evidence, and seal the name."""
    text = evidence.describe_run(None if right == HEALTHY else right, seed)
    return Case(title, text, options, seal_answer(title, right))


def seal_answer(title, name):
    """The digest that a case holds in place of its answer."""
    return hashlib.sha256(f"{title} {name}".encode()).hexdigest()[:16]


def unseal_answer(case):
    """The right name: the one that has the case's digest."""
    return next(name for name in list_answers() if seal_answer(case.title, name) == case.digest)


def get_sign(name):
    """By what sign one knows a fault, or a healthy run."""
    return SIGN_OF_HEALTH if name == HEALTHY else faults.FAULTS[name].sign


def judge(case, answer):
    """An exercises.Verdict on an answer: right or wrong, and the sign of the fault that was named."""
    if not isinstance(answer, str) or answer not in list_answers():
        return make_verdict(case, "wrong", f"{answer!r:.80} is no known fault. {suggest_name(answer)}")
    if answer == unseal_answer(case):
        return make_verdict(case, "passed", f"It is {answer}. {get_sign(answer)}")
    return make_verdict(case, "wrong", f"It is not {answer}. Its sign would be: {get_sign(answer)}")


def suggest_name(answer):
    """A sentence with the name that is most like an unknown answer, or else with all names."""
    simplified = str(answer).lower().replace(" ", "_")
    nearest = difflib.get_close_matches(simplified, list_answers(), n=1)
    return f"Do you mean {nearest[0]!r}?" if nearest else f"Choose one of: {', '.join(list_answers())}."


def check(case, function):
    """Judge what a learner's function without arguments returns; "to do" if it is not written yet."""
    outcome = exercises.sandbox.call(function, (), exercises.SECONDS)
    if outcome.todo:
        return make_verdict(case, "to do", "Read the case, and return the name of a fault, or 'healthy'.")
    if outcome.problem:
        return make_verdict(case, "wrong", f"Your function {outcome.problem}.")
    if outcome.result is None:
        return make_verdict(case, "wrong", "Your function returns None: is the return missing?")
    return judge(case, outcome.result)


def make_verdict(case, status, message):
    """An exercises.Verdict on a case, which has no function to go on with."""
    return exercises.Verdict(f"case {case.title}", status, message, None)


def run_quiz(seed, ask, say):
    """Play ten cases on a terminal and return how many were named rightly.

    say(text) shows a text; ask(prompt) returns the player's answer, a name or its number.
    """
    score = 0
    for number, case in enumerate(deal(seed), start=1):
        say(f"\nCase {case.title}\n\n{case.text}")
        say("\n".join(f"  {i}  {name}" for i, name in enumerate(case.options, start=1)))
        verdict = judge(case, read_answer(case, ask, say))
        say(verdict.message)
        if not verdict.ok:
            right = unseal_answer(case)
            say(f"It is {right}. {get_sign(right)}")
        score += verdict.ok
        say(f"{score} of {number}")
    return score


def read_answer(case, ask, say):
    """Ask until the answer is one of the case's options, and return that option."""
    while True:
        answer = ask(f"Which is it? 1 to {len(case.options)}: ").strip()
        if answer in case.options:
            return answer
        if answer.isdigit() and 1 <= int(answer) <= len(case.options):
            return case.options[int(answer) - 1]
        say(f"{answer!r} is none of them: type a number from 1 to {len(case.options)}, or a name")
