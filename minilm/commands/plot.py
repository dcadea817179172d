"""`python -m minilm plot`."""

import math
from pathlib import Path

from .. import files
from . import terminal

SUMMARY = "Draw a run's history: NLL of prompts and answers, exact match."
EXAMPLE = "python -m minilm plot run"


def add_options(sub):
    """The options of this command."""
    sub.add_argument("dir", help="what train wrote with --out; history.png goes there")


def run(options):
    """Draw a run's history."""
    terminal.check_drawing()
    from ..figures import history, plots  # matplotlib, only where something is drawn

    stored = files.run.load(options.dir)
    terms, step = stored.run["terms"], stored.optimizer["step"]
    result = {
        "settings": terms,
        "history": files.history.read_run(options.dir, step, terms["steps"], terms["eval_every"]),
        "uniform": math.log(stored.config.vocab_size),
    }
    path = Path(options.dir) / "history.png"
    caption = history.caption(result)
    plots.save(history.draw(result), path, f"{history.ALT} {caption}")
    print(f"{path}: {caption}")
