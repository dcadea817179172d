"""Figure 1: where gradient is and is not, on one example. A random model: no training, no spread."""

from . import identities as anatomy
from . import plots

ALT = plots.ALT["anatomy"]
caption = plots.anatomy_caption
draw = plots.anatomy


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """Gradient norms for the first seed's model; there is nothing to train."""
    return anatomy.anatomy(seed=seeds[0])
