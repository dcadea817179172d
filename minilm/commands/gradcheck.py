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
    """Print every tensor's relative error; exit code 1 if a gradient differs."""
    bad = 0
    for name in [options.layer] if options.layer else [*gradcheck.PAIRS, "model"]:
        print(name)
        for result in gradcheck.check_named(name, np.random.default_rng(0), options.method):
            print(f"  {result.name:<26} relative error {result.error:.1e}  {result.problem or 'ok'}")
            bad += bool(result.problem)
    print(f"{bad} problems" if bad else "every gradient agrees")
    return 1 if bad else 0
