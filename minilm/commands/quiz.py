"""`python -m minilm quiz`."""

import textwrap

from ..diagnose import DiagnoseError
from . import terminal

SUMMARY = "Ten sealed runs: which fault does each have? You answer, it explains."
EXAMPLE = "python -m minilm quiz --seed 1"
N_CASES = 10


def add_options(sub):
    """The options of this command."""
    sub.add_argument("--seed", type=terminal.seed, default=0, help="another seed deals other cases")


def run(options):
    """Play ten sealed cases; answers come from the keyboard, or from a pipe."""
    print(f"{N_CASES} runs, each with one known fault, or none. Say which.")
    try:
        score, n_answered = play(options.seed, input, print)
    except EOFError:
        raise DiagnoseError("the answers ended before the last case: q ends the quiz") from None
    print(f"\nYou named {score} of {n_answered}.")
    if n_answered < N_CASES:
        print(f"`python -m minilm quiz --seed {options.seed}` deals the same cases again.")


def play(seed, ask, say):
    """Deal the cases and judge the answers, to the last one or to `q`; returns (named rightly, answered).

    say(text) shows a text; ask(prompt) returns what the player types.
    """
    from ..exercises import quiz  # which trains, and loads what that needs

    score = 0
    say(f"\n{quiz.LEGEND}")
    for n_answered, case in enumerate(quiz.deal(seed, N_CASES)):
        say(f"\n{case}")
        answer = read_answer(case, quiz.LEGEND, ask, say)
        if answer is None:
            return score, n_answered
        verdict = quiz.judge(case, answer)
        score += verdict.ok
        say(wrap_lines(verdict.message if verdict.ok else f"{verdict.message}\n{quiz.reveal(case)}"))
        say(f"{score} of {n_answered + 1}")
    return score, N_CASES


def wrap_lines(text):
    """The text with no line longer than a terminal shows."""
    return "\n".join(textwrap.fill(line, 96) for line in text.split("\n"))


def read_answer(case, legend, ask, say):
    """Ask until the answer is one of the case's options, and return that option; None for `q`."""
    last = len(case.options)
    while True:
        answer = ask(f"1 to {last}, ? to see the case again, q to stop: ").strip()
        if answer == "q":
            return None
        if answer == "?":
            say(f"{legend}\n{case}")
        elif answer in case.options:
            return answer
        elif answer.isdigit() and 1 <= int(answer) <= last:
            return case.options[int(answer) - 1]
        else:
            say(f"{answer!r} is none of them: type a number from 1 to {last}, a name, ? or q")
