"""`python -m minilm train`."""

import dataclasses
import shlex
import subprocess
import sys
from pathlib import Path

from .. import files, masks, tree
from ..figures import processes, tasks
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
    "processes": 1,
    "max_tokens": None,
}


def add_options(sub):
    """Add the options of this command."""
    required = sub.add_argument_group("required")
    required.add_argument(
        "--data",
        required=True,
        metavar="JSONL",
        help='rows {"prompt": ..., "completion": ...} or {"messages": [...]}',
    )
    required.add_argument("--out", required=True, metavar="DIR", help="model.npz and history.jsonl go there")
    sub.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in DIR with its own settings. Other rows or settings are refused. So is "
        "another --steps: the learning rate falls until the last step, so it would be another run",
    )
    sub.add_argument("--level", choices=("char", "byte"), help="tokens (default char)")
    sub.add_argument(
        "--prompt-weight",
        type=float,
        metavar="W",
        help="loss weight of prompts: 0 masked (default) .. 1 full",
    )
    sub.add_argument(
        "--policy", choices=masks.POLICIES, help="the mask, as `mask --policy` shows it (default response)"
    )
    sub.add_argument("--steps", type=int, metavar="N", help="(default 300)")
    sub.add_argument("--lr", type=float, help="peak learning rate (default 0.003)")
    sub.add_argument("--seed", type=terminal.seed, help="(default 0)")
    sub.add_argument("--processes", type=int, metavar="N", help="N processes share a batch (default 1)")
    sub.add_argument("--max-tokens", type=int, metavar="N", help="cut rows to N tokens (default 256)")


def run(options):
    """Train one model on a JSONL file in a folder, or resume it. A stop saves, with exit code 130."""
    begun = files.run.load(options.out) if options.resume else None
    chosen = choose_settings(options, begun)
    if chosen["policy"] == "full":
        terminal.refuse_options(options, ("prompt_weight",), "with --policy full, whose weights are all 1")
    task = prepare_task(options.data, chosen)
    first_step = begun.optimizer["step"] if begun else 0

    def show_entry(entry, params):
        progress.clear()
        if entry["step"] == 0:
            print(describe_training(task, params), flush=True)
        print(describe_entry(entry), flush=True)
        if entry["step"]:
            progress.report(entry["step"] - first_step, task.settings.steps - first_step)

    processes.keep_freed_memory()
    with terminal.Progress("training") as progress:
        state = files.run.start_or_resume(options.out, task, options.resume, show_entry, chosen)
    path = Path(options.out) / files.run.MODEL
    if state.step < task.settings.steps:
        join = subprocess.list2cmdline if sys.platform == "win32" else shlex.join
        flags = join(["--data", options.data, "--out", options.out, "--resume"])
        print(
            f"minilm: stopped; {path} holds step {state.step} of {task.settings.steps}, continue with: "
            f"python -m minilm train {flags}",
            file=sys.stderr,
        )
        return 130
    print(f"{path} holds the model after {state.step} steps")


def choose_settings(options, begun):
    """Return every setting of TRAIN_DEFAULTS: as typed, else as the resumed run has it, else the default."""
    stored = {**begun.run["options"], **begun.run["terms"]} if begun else {}
    chosen = {}
    for name, default in TRAIN_DEFAULTS.items():
        typed = getattr(options, name)
        chosen[name] = stored.get(name, default) if typed is None else typed
    return chosen


def prepare_task(path, chosen):
    """Read the rows of a file and return the Task that trains on them with the chosen settings."""
    level, steps, cut = (chosen[name] for name in ("level", "steps", "max_tokens"))
    task = tasks.make_rows_task(path, level, steps, cut, lr=chosen["lr"])
    changes = {name: chosen[name] for name in ("prompt_weight", "policy", "seed", "processes")}
    return task._replace(settings=dataclasses.replace(task.settings, **changes))


def describe_training(task, params):
    """Say what is trained on what; and, on a second line, which rows are cut or left out, if any are."""
    settings = task.settings
    summary = (
        f"{len(task.rows)} training rows, {len(task.held_out)} held out; {tree.count(params):,} parameters; "
        f"mask policy {settings.policy}, prompt weight {settings.prompt_weight:g}; "
        f"{settings.steps} steps of {settings.batch_size} rows"
    )
    return "\n".join(filter(None, [summary, task.note]))


def describe_entry(entry):
    """Say in one line what an entry of the history holds."""
    loss = "" if entry["train_loss"] is None else f"train loss {entry['train_loss']:.3f}  "
    return (
        f"step {entry['step']:>4}  {loss}held out: -log P(y|x) {entry['response_nll']:.3f}  "
        f"-log P(x) {entry['prompt_nll']:.3f}  exact match {entry['exact_match']:.3f}"
    )
