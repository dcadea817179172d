"""A user's own rows: train on them, stop, resume, plot, ask, and go out to other tools."""

import dataclasses
import math
import shlex
import sys
from pathlib import Path

import numpy as np

from .. import files, masks, template
from ..figures import report, tasks
from . import terminal

TRAIN_DEFAULTS = {
    "level": "char",
    "prompt_weight": 0.0,
    "policy": "response",
    "steps": 300,
    "lr": 3e-3,
    "seed": 0,
    "max_tokens": None,
}


def add_options(command):
    """The options of these commands; `command` is __main__'s."""
    for add in (
        add_train,
        add_plot,
        add_generate,
        add_export,
    ):
        add(command)


def add_train(command):
    sub = command(
        "train",
        train,
        "Train on your rows; can be stopped (Ctrl-C) and resumed.",
        "python -m minilm train --data rows.jsonl --out run --prompt-weight 0",
    )
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


def train(options):
    """Train one model on a JSONL file in a run's folder, or go on with it; Ctrl-C saves and stops."""
    begun = files.run.load(options.out) if options.resume else None
    kept = {**begun.run["options"], **begun.run["terms"]} if begun else {}
    chosen = {name: kept.get(name, value) for name, value in TRAIN_DEFAULTS.items()}  # flags left out
    chosen |= {name: getattr(options, name) for name in chosen if getattr(options, name, None) is not None}
    level, steps, cut = (chosen[name] for name in ("level", "steps", "max_tokens"))
    task = tasks.jsonl_task(options.data, level, steps, cut, lr=chosen["lr"])
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
    print(report.cut_note(task), end="")
    if state.step < steps:
        again = shlex.join(["--data", options.data, "--out", options.out, "--resume"])
        where = f"stopped; {path} holds step {state.step} of {steps}"
        print(f"minilm: {where}, go on with: python -m minilm train {again}", file=sys.stderr)
        return 130
    print(f"{path} holds the model after {steps} steps")


def add_plot(command):
    sub = command(
        "plot",
        plot,
        "Draw a run's history: NLL of prompts and answers, exact match.",
        "python -m minilm plot run",
    )
    sub.add_argument("dir", help="what train wrote with --out; history.png goes there")


def plot(options):
    """Draw a run's history."""
    from ..figures import history, plots  # matplotlib, only where something is drawn

    begun = files.run.load(options.dir)
    result = {
        "settings": begun.run["terms"],
        "history": files.run.read_history(options.dir),
        "uniform": math.log(begun.config.vocab_size),
    }
    path = Path(options.dir) / "history.png"
    caption = history.caption(result)
    plots.save(history.draw(result), path, f"{history.ALT} {caption}")
    print(f"{path}: {caption}")


def add_generate(command):
    sub = command(
        "generate",
        generate,
        "Let a trained model answer a prompt.",
        'python -m minilm generate run "What is the capital of France?"',
    )
    sub.add_argument("dir", help="what train wrote with --out")
    sub.add_argument("prompt")
    sub.add_argument("--max-new-tokens", type=int, default=100, metavar="N")
    sub.add_argument("--temperature", type=float, default=0.0, metavar="T", help="0 is greedy (default)")
    sub.add_argument("--top-k", type=int, metavar="K", help="draw from the K most likely tokens only")
    sub.add_argument("--seed", type=terminal.seed, default=0)


def generate(options):
    """Print what a trained model answers."""
    params, config, words = files.checkpoint.load(Path(options.dir) / "model.npz")
    how = {"temperature": options.temperature, "top_k": options.top_k}
    how["rng"] = np.random.default_rng(options.seed)
    prompt = template.question(options.prompt, words)
    text = tasks.answer(params, config, words, prompt, options.max_new_tokens, **how)
    print(text)
    if not text.endswith("<eos>"):
        print("(cut off: no <eos> came before the limit or the model's last position)", file=sys.stderr)


def add_export(command):
    sub = command(
        "export",
        export,
        "Write a trained model as a folder that transformers opens.",
        "python -m minilm export run hf",
    )
    sub.add_argument("dir", help="what train wrote with --out")
    sub.add_argument("out", help="the new folder: config, weights and tokenizer of a GPT-2")
    sub = command(
        "import",
        import_folder,
        "Read such a folder back, say after transformers or TRL trained it further.",
        "python -m minilm import hf run2",
    )
    sub.add_argument("dir", help="a folder of export's, or what save_pretrained made of it")
    sub.add_argument("out", help="model.npz goes there")


def export(options):
    """Write a checkpoint as a folder for transformers."""
    params, config, words = files.checkpoint.load(Path(options.dir) / "model.npz")
    files.export.write_folder(options.out, params, config, words)
    print(f"{options.out} holds the model: AutoModelForCausalLM.from_pretrained({options.out!r}) opens it")


def import_folder(options):
    """Write what such a folder holds as a checkpoint."""
    path = Path(options.out) / "model.npz"
    if path.exists():
        raise ValueError(f"{path} exists: name another folder, or move it away first")
    params, config, words = files.export.read_folder(options.dir)
    files.checkpoint.save(path, params, config, words)
    print(f"{path} holds the model: {config.n_layer} layers, {words.level} level")
