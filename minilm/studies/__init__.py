"""The figures: one module each, and what they share.

Every figure's module holds compute(seeds, workers, report, steps, quick) -> a dict for JSON,
caption(result) -> sentences with the numbers it shows, chosen by the numbers, draw(result) -> figure,
and ALT, a description for who cannot see it. Drawing reads only what JSON gives back.
"""

import importlib

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
    return importlib.import_module(f"minilm.studies.{name}")
