"""The diagnosis game: sealed cases, each a fine-tuning run that has one known fault, or none.

    case = quiz.case("A")        # or: for case in quiz.deal(seed)
    case                         # shows what a look at the run would show; LEGEND says how to read it
    quiz.judge(case, "eos_masked")

A case holds its answer only as a digest: reading it takes a diagnosis, or at least some effort.
"""

import difflib
import functools
import hashlib
import re
import textwrap
from typing import NamedTuple

import numpy as np

from .. import exercises, faults
from . import evidence
from .checker import sandbox
from .checker.judge import end_sentence
from .evidence import LEGEND  # noqa: F401  (for notebooks)

HEALTHY = "healthy"
SIGN_OF_HEALTH = (
    "The rows that predict answer and <eos> are lit, no others. The loss of both is the mean over all their "
    "trained targets, more pads change nothing, the ratio is 1, and a mask of zeros is refused."
)
LESSON_CASES = {  # letter -> (which of the options it is, counted in list_answers(); the options)
    "A": (0, "healthy mask_inverted mask_not_applied smoothing_ignores_mask"),
    "B": (5, "eos_cut eos_masked healthy mask_one_late shifted_twice"),
    "C": (17, "denominator_counts_all gradient_scaled healthy marker_not_found mean_of_means"),
}
N_OPTIONS = 5
LINES = {  # answer -> how the lines of evidence begin in which it would show
    "mask_not_applied": ("User: ->", "loss of the first alone"),
    "mask_one_late": ("Assistant: ->", "tall ->"),
    "mask_one_early": ("? ->", "tall ->"),
    "answer_start_masked": ("Assistant: ->", "river ->", "and ->"),
    "mask_inverted": ("User: ->", "Assistant: ->"),
    "eos_masked": ("Assistant: ->", "tall ->"),
    "eos_cut": ("tall ->",),
    "marker_not_found": ("Assistant: ->", "loss of the first alone"),
    "pads_in_the_loss": ("<eos> ->",),
    "not_shifted": ("User: ->",),
    "shifted_twice": ("User: ->",),
    "double_bos": ("<bos> ->",),
    "bos_eos_inside": ("Assistant: ->",),
    "empty_mask_nan": ("loss of both with a mask of zeros",),
    "empty_mask_silent": ("loss of both with a mask of zeros",),
    "denominator_counts_all": ("loss of both", "loss of both with 4 more"),
    "mean_of_means": ("loss of both", "loss of the first alone", "loss of the second alone"),
    "mask_after_reduction": ("<eos> ->", "loss of both", "loss of both with 4 more"),
    "gradient_scaled": ("gradient along",),
    "smoothing_ignores_mask": ("User: ->", "gradient along"),
    "auxiliary_loss_unmasked": ("User: ->", "loss of both", "gradient along"),
    "attention_mask_confused": ("loss of both", "loss of both after other prompts"),
    HEALTHY: (),
}


class Case(NamedTuple):
    """A sealed run: its evidence as text, the names to choose from, and a digest of the right one."""

    title: str
    text: str
    options: tuple
    digest: str

    def __str__(self):
        return f"Case {self.title}\n\n{self.text}\nWhich is it?\n{describe_options(self)}"

    __repr__ = __str__


@functools.cache
def case(letter):
    """A case of the lesson, "A" to "C". Raises ValueError for another letter."""
    if letter not in LESSON_CASES:
        raise ValueError(f"there is no case {letter!r}: there are {', '.join(LESSON_CASES)}")
    place, options = LESSON_CASES[letter]
    return make_case(letter, list_answers()[place], tuple(options.split()), seed=ord(letter))


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


def describe_options(case):
    """The names to choose from, numbered, each with what would go wrong."""
    width = max(map(len, case.options))
    lines = []
    for number, name in enumerate(case.options, start=1):
        sentence = "Nothing is wrong." if name == HEALTHY else faults.FAULTS[name].sentence
        start = f"  {number}  {name:<{width}}  "
        lines.append(textwrap.fill(start + sentence, 98, subsequent_indent=" " * len(start)))
    return "\n".join(lines)


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


def find_lines(case, name):
    """The lines of a case's evidence in which an answer would show, each as text after a line break."""
    text = case.text
    rows = re.findall(r"\S+ -> \S+ +\S+", text)
    lines = [" ".join(line.split()) for line in (*rows, *text.split("\n"))]
    found = (next((line for line in lines if line.startswith(start)), "") for start in LINES[name])
    return "".join(f"\n  {line}" for line in found if line)


def judge(case, answer):
    """An exercises.Verdict on an answer: right or wrong, the sign of what was named, and where to look."""
    if not isinstance(answer, str) or answer not in list_answers():
        return make_verdict(case, "wrong", f"{answer!r:.80} is no known fault. {suggest_name(case, answer)}")
    if answer == unseal_answer(case):
        return make_verdict(case, "passed", reveal(case))
    would = "In a healthy run" if answer == HEALTHY else f"With {answer}"
    sign, lines = get_sign(answer), find_lines(case, answer)
    message = f"It is not {answer}. {would} you would see this: {sign[0].lower()}{sign[1:]}"
    return make_verdict(case, "wrong", message + (lines and f" What you see here:{lines}"))


def reveal(case):
    """What a case is, by what sign one knows it, and the lines that show it."""
    right = unseal_answer(case)
    lines = find_lines(case, right)
    return f"It is {right}. {get_sign(right)}" + (lines and f" Seen here:{lines}")


def suggest_name(case, answer):
    """A sentence with the name that is most like an unknown answer, or else with the names of the case."""
    simplified = str(answer).lower().replace(" ", "_")
    nearest = difflib.get_close_matches(simplified, list_answers(), n=1)
    return f"Do you mean {nearest[0]!r}?" if nearest else f"Choose one of: {', '.join(case.options)}."


def check(case, function):
    """Judge what a learner's function without arguments returns; "to do" if it is not written yet."""
    outcome = sandbox.call(function, (), exercises.SECONDS)
    if outcome.todo:
        return make_verdict(case, "to do", "Read the case, and return the name of a fault, or 'healthy'.")
    if outcome.problem:
        return make_verdict(case, "wrong", end_sentence(f"Your function {outcome.problem}"))
    if outcome.result is None:
        return make_verdict(case, "wrong", "Your function returns None: is the return missing?")
    return judge(case, outcome.result)


def make_verdict(case, status, message):
    """An exercises.Verdict on a case, which has no function to go on with."""
    return exercises.Verdict(f"case {case.title}", status, message, None)
