"""`python -m minilm train`."""

import dataclasses
import shlex
import sys
from pathlib import Path

from .. import files, masks
from ..figures import report, tasks
from . import terminal

SUMMARY = "Train on your rows; can be stopped (Ctrl-C) and resumed."
EXAMPLE = "python -m minilm train --data rows.jsonl --out run --prompt-weight 0"
TRAIN_DEFAULTS = {
    "level": "char",
    "prompt_weight": 0.0,
    "policy": "response",
    "steps": 300,
    "lr": 3e-3,
    "seed": 0,
    "max_tokens": None,
}


def add_options(sub):
    """The options of this command."""
    sub.add_argument(
        "--data",
        required=True,
        metavar="JSONL",
        help='rows {"prompt": ..., "completion": ...} or {"messages": [...]}',
    )
    sub.add_argument("--out", required=True, metavar="DIR", help="model.npz and history.jsonl go there")
    sub.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in DIR, with its settings: they, and the rows, must be the same. Another "
        "--steps is refused, too: the learning rate comes down to 0 at the last step, so it is another run",
    )
    sub.add_argument("--level", choices=("char", "byte"), help="tokens (default char)")
    sub.add_argument("--prompt-weight", type=float, metavar="W", help="0 masked (default) .. 1 full")
    sub.add_argument(
        "--policy", choices=masks.POLICIES, help="the mask, as `mask --policy` shows it (default response)"
    )
    sub.add_argument("--steps", type=int, help="(default 300)")
    sub.add_argument("--lr", type=float, help="peak learning rate (default 0.003)")
    sub.add_argument("--seed", type=terminal.seed, help="(default 0)")
    sub.add_argument(
        "--max-tokens", type=int, metavar="N", help="cut rows to N tokens (conversations: default 256)"
    )


def run(options):
    """Train one model on a JSONL file in a run's folder, or go on with it; Ctrl-C saves and stops."""
    begun = files.run.load(options.out) if options.resume else None
    kept = {**begun.run["options"], **begun.run["terms"]} if begun else {}
    chosen = {name: kept.get(name, value) for name, value in TRAIN_DEFAULTS.items()}  # flags left out
    chosen |= {name: getattr(options, name) for name in chosen if getattr(options, name, None) is not None}
    level, steps, cut = (chosen[name] for name in ("level", "steps", "max_tokens"))
    task = tasks.make_rows_task(options.data, level, steps, cut, lr=chosen["lr"])
    changes = {name: chosen[name] for name in ("prompt_weight", "policy", "seed")}
    task = task._replace(settings=dataclasses.replace(task.settings, **changes))
    first = begun.optimizer["step"] if begun else 0

    def at_evaluation(entry, params):
        progress.clear()
        loss = "" if entry["train_loss"] is None else f"train loss {entry['train_loss']:.3f}  "
        print(
            f"step {entry['step']:>4}  {loss}held out: -log P(y|x) {entry['response_nll']:.3f}  "
            f"-log P(x) {entry['prompt_nll']:.3f}  exact match {entry['exact_match']:.3f}",
            flush=True,
        )
        if entry["step"]:
            progress.report(entry["step"] - first, steps - first)

    with terminal.Progress("training") as progress:
        state = files.run.run(options.out, task, options.resume, at_evaluation, chosen)
    path = Path(options.out) / files.run.MODEL
    print(report.note_cut_rows(task), end="")
    if state.step < steps:
        again = shlex.join(["--data", options.data, "--out", options.out, "--resume"])
        where = f"stopped; {path} holds step {state.step} of {steps}"
        print(f"minilm: {where}, go on with: python -m minilm train {again}", file=sys.stderr)
        return 130
    print(f"{path} holds the model after {steps} steps")
