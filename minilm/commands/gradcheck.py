"""`python -m minilm gradcheck`."""

import numpy as np

from .. import gradcheck

SUMMARY = "Compare the hand-written gradients with numeric ones; exit code 1 if any differs."
EXAMPLE = "python -m minilm gradcheck --layer attention"


def add_options(sub):
    """The options of this command."""
    sub.add_argument("--layer", choices=gradcheck.PAIRS, help="one pair (default: all, and the model)")
    sub.add_argument("--method", choices=("complex", "central"), default="complex")


def run(options):
    """Print the relative error of every tensor; returns exit code 1 if a gradient differs."""
    n_problems = 0
    names = [options.layer] if options.layer else [*gradcheck.PAIRS, "model"]
    for name in names:
        print(name)
        for result in gradcheck.check_named(name, np.random.default_rng(0), options.method):
            print(f"  {result.name:<26} relative error {result.error:.1e}  {result.problem or 'ok'}")
            if result.problem:
                n_problems += 1
    print(f"{n_problems} problems" if n_problems else "every gradient agrees")
    return 1 if n_problems else 0
