"""The figures: one module each, and what they share.

Every figure's module holds compute(seeds, workers, report, steps, quick) -> a dict for JSON,
caption(result) -> a takeaway chosen by the numbers, then the numbers, draw(result) -> figure,
and ALT, a description for those who cannot see it. Drawing reads only what JSON gives back.
"""

import base64
import html
import importlib
import textwrap
from pathlib import Path

from . import results

HERE = Path(__file__).parent
STORED = HERE / "stored"  # where pyproject.toml puts the repository's figures/ in an installed package
FIGURES = STORED if STORED.is_dir() else HERE.parents[1] / "figures"

NAMES = (
    "lattice",
    "anatomy",
    "strip",
    "masked_vs_full",
    "rates",
    "from_scratch",
    "fingerprints",
    "forgetting",
    "few_shot",
    "prompt_weight",
    "confusion",
)


def find_module(name):
    """The module of one figure. Raises ValueError, listing all, for an unknown name."""
    if name not in NAMES:
        raise ValueError(f"there is no figure {name!r}; there are {', '.join(NAMES)}")
    return importlib.import_module(f"minilm.figures.{name}")


def load_result(name):
    """The numbers of a figure: those stored, or else two quick seeds, made now."""
    path = FIGURES / f"{name}.json"
    if path.is_file():
        return results.read_json(path)
    return find_module(name).compute(range(2), quick=True)


class Picture:
    """A figure as a notebook shows it: a PNG with its alternative text."""

    def __init__(self, png, alt):
        self.png, self.alt = png, alt

    def __repr__(self):
        return self.alt

    def _repr_html_(self):  # JupyterLab shows no alternative text of a bare image
        source = base64.b64encode(self.png).decode("ascii")
        style = "max-width:100%;background:#fff"  # drawn on white, also in a dark theme
        return f'<img alt="{html.escape(self.alt)}" style="{style}" src="data:image/png;base64,{source}">'


def show(name, result=None):
    """The Picture of a figure, its caption printed above it; of your own `result`, or the stored one."""
    module = find_module(name)
    result = result or load_result(name)
    print(textwrap.fill(module.caption(result), 100))
    return take_picture(module.draw(result), module.ALT)


def draw(name):
    """The Picture of a drawing of the lessons: minilm/figures/drawings/NAME.py has draw() and ALT."""
    module = importlib.import_module(f"minilm.figures.drawings.{name}")
    return take_picture(module.draw(), module.ALT)


def take_picture(figure, alt, dpi=80):
    """The Picture of a matplotlib figure, which is closed; `alt` says what it shows."""
    from . import plots  # matplotlib, only where something is drawn

    return Picture(plots.encode_png(figure, alt, dpi), alt)
