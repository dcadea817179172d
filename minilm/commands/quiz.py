"""`python -m minilm quiz`."""

from ..diagnose import DiagnoseError
from . import terminal

SUMMARY = "Ten sealed runs: which fault does each have? You answer, it explains."
EXAMPLE = "python -m minilm quiz --seed 1"


def add_options(sub):
    """The options of this command."""
    sub.add_argument("--seed", type=terminal.seed, default=0, help="another seed deals other cases")


def run(options):
    """Play ten sealed cases; answers come from the keyboard, or from a pipe."""
    from ..exercises import quiz  # which trains, and loads what that needs

    print("Ten runs, each with one known fault, or none. Say which.")
    try:
        score = quiz.run_quiz(options.seed, input, print)
    except EOFError:
        raise DiagnoseError("the answers ended before the tenth case") from None
    print(f"\nYou named {score} of 10.")
