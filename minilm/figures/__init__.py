"""The figures: one module each, and what they share.

Every figure's module holds compute(seeds, workers, report, steps, quick) -> a dict for JSON,
caption(result) -> sentences with the numbers it shows, chosen by the numbers, draw(result) -> figure,
and ALT, a description for who cannot see it. Drawing reads only what JSON gives back.
"""

import importlib
import textwrap
from pathlib import Path

from . import tasks as experiments

FIGURES = Path(__file__).parents[2] / "figures"  # in the repository; an installed package has none

NAMES = (
    "anatomy",
    "masked_vs_full",
    "why",
    "fingerprints",
    "forgetting",
    "few_shot",
    "prompt_weight",
    "confusion",
)


def study(name):
    """The module of one figure. Raises ValueError, listing all, for an unknown name."""
    if name not in NAMES:
        raise ValueError(f"there is no figure {name!r}; there are {', '.join(NAMES)}")
    return importlib.import_module(f"minilm.figures.{name}")


def result(name):
    """The numbers of a figure: those stored in the repository, or else two quick seeds, made now."""
    path = FIGURES / f"{name}.json"
    if path.is_file():
        return experiments.read_json(path)
    module = study(name)
    made = module.compute(range(2), quick=True)
    return {**made, "caption": module.caption(made), "alt": module.ALT}


def show(name, dpi=60):
    """A figure for a notebook, its caption printed above it."""
    numbers = result(name)
    print(textwrap.fill(numbers["caption"], 100))
    figure = study(name).draw(numbers)
    figure.set_dpi(dpi)
    return figure
