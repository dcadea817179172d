"""Figure 2: the main comparison, masked against weight 0.1 against full, over training steps."""

from . import plots, runs
from . import tasks as experiments

ALT = plots.ALT["curves"]
caption = plots.curves_caption
draw = plots.curves


def compute(seeds, workers=0, report=None, steps=None, quick=False):
    """The main job's comparison on the zoo."""
    return experiments.compare(experiments.zoo_task(runs.how_many(steps, quick)), seeds, workers, report)
