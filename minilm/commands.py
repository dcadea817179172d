"""What each command does. Options come checked for their form by argparse, not for their sense."""

import dataclasses
import math
import os
import shlex
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from . import (
    anatomy,
    checkpoint,
    data,
    experiments,
    gradcases,
    model,
    preview,
    report,
    runs,
    template,
    tokenizer,
)
from . import bench as benchmark
from . import export as exporter
from . import trace as stepper

TRAIN_DEFAULTS = {
    "level": "char",
    "prompt_weight": 0.0,
    "steps": 300,
    "lr": 3e-3,
    "seed": 0,
    "max_tokens": None,
}


def main_job(options):
    """The identities, the comparison of losses, the figures."""
    n_seeds, steps = (2, 100) if options.quick else (3 if options.data else 10, 300)
    n_seeds = n_seeds if options.seeds is None else options.seeds
    steps = steps if options.steps is None else options.steps
    if n_seeds < 1 or options.workers < 1:
        raise ValueError("--seeds and --workers must be 1 or more")
    if not options.data and (options.level or options.max_tokens is not None):
        raise ValueError("--level and --max-tokens are about your own rows: give them with --data")
    if options.data:
        task = experiments.jsonl_task(options.data, options.level or "char", steps, options.max_tokens)
    else:
        task = experiments.zoo_task(steps)
    name = "data" if options.data else "masked_vs_full"
    folder = options.out or ("figures/quick" if options.quick else "figures")
    check_writable(folder)
    print(report.overview(task) if options.data else report.mask_and_decomposition())
    with Progress("training") as progress:
        result = experiments.compare(task, range(n_seeds), options.workers, progress.report)
    print(report.comparison(result))
    print("\n" + report.samples(result) + "\n")
    if not options.data:
        write_figure(folder, "anatomy", "anatomy", anatomy.anatomy())
    write_figure(folder, name, "curves", result)


def write_figure(folder, name, kind, result):
    """NAME.json and, drawn from what was read back from it, NAME.png; prints the caption."""
    from . import plots  # matplotlib, only where something is drawn

    path = Path(folder) / f"{name}.json"
    texts = {"caption": getattr(plots, f"{kind}_caption")(result), "alt": plots.ALT[kind]}
    experiments.write_json(path, {"figure": name, **texts, **result})
    plots.save(getattr(plots, kind)(experiments.read_json(path)), path.with_suffix(".png"), plots.ALT[kind])
    print(f"{path.with_suffix('.png')} and {path.name}: {texts['caption']}\n")


def check_writable(folder):
    """Fail before the work rather than after it."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def mask(options):
    """Print the mask table of one example, or preview the rows of a file."""
    if options.rows is not None:
        if options.prompt is not None:
            raise ValueError("give either a PROMPT and a RESPONSE or --data, not both")
        return preview_rows(options)
    if options.response is None:
        raise ValueError("give a PROMPT and a RESPONSE, or rows with --data")
    if (options.row, options.policy, options.max_tokens, options.html) != (None,) * 4:
        raise ValueError("--row, --policy, --max-tokens and --html are about a file: give them with --data")
    example = data.Example(options.prompt, options.response)
    words = tokenizer.build(options.level or "word", example)
    row = data.encode(example, words, bos=not options.no_bos, eos=not options.no_eos)
    print(data.mask_table(row, words, options.prompt_weight))


def preview_rows(options):
    """Print some of a file's rows with their marks, or write them as a page, and sum all rows up."""
    check_page(options.html)
    for name, value, least in (("row", options.row, 0), ("max-tokens", options.max_tokens, 2)):
        if value is not None and value < least:
            raise ValueError(f"--{name} is {value}: it must be {least} or more")
    first = range(3 if options.html is None else 100)
    seen = preview.preview(
        options.rows,
        options.level or "char",
        options.policy or "response",
        first if options.row is None else range(options.row, options.row + 1),
        options.max_tokens,
        options.prompt_weight,
        bos=not options.no_bos,
        eos=not options.no_eos,
    )
    if options.html is None:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(preview.text(seen, colour))
    else:
        write_page(options.html, preview.page(seen))
        print("\n".join([*preview.summary(seen), f"{options.html} holds the rows: open it in a browser"]))


def check_page(path):
    """Fail before the work if `path`, where a page shall go, is a folder."""
    if path is not None and Path(path).is_dir():
        raise ValueError(f"{path} is a folder: give --html the name of a file, such as page.html")


def write_page(path, text):
    """Write a page; the file changes only when all of it is written."""
    with checkpoint.replacing(path) as file:
        file.write(text.encode("utf-8", errors="backslashreplace"))


def gradcheck(options):
    """Print every tensor's relative error; exit code 1 if a gradient differs."""
    bad = 0
    for name in [options.layer] if options.layer else [*gradcases.LAYERS, "model"]:
        print(name)
        for result in gradcases.check_named(name, np.random.default_rng(0), options.method):
            print(f"  {result.name:<26} relative error {result.error:.1e}  {result.problem or 'ok'}")
            bad += bool(result.problem)
    print(f"{bad} problems" if bad else "every gradient agrees")
    return 1 if bad else 0


def train(options):
    """Train one model on a JSONL file in a run's folder, or go on with it; Ctrl-C saves and stops."""
    begun = runs.load(options.out) if options.resume else None
    kept = {**begun.run["options"], **begun.run["terms"]} if begun else {}
    chosen = {name: kept.get(name, value) for name, value in TRAIN_DEFAULTS.items()}  # flags left out
    chosen |= {name: getattr(options, name) for name in chosen if getattr(options, name, None) is not None}
    level, steps, cut = (chosen[name] for name in ("level", "steps", "max_tokens"))
    task = experiments.jsonl_task(options.data, level, steps, cut, lr=chosen["lr"])
    changes = {"prompt_weight": chosen["prompt_weight"], "seed": chosen["seed"]}
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

    with Progress("training") as progress:
        state = runs.run(options.out, task, options.resume, at_evaluation, chosen)
    path = Path(options.out) / runs.MODEL
    print(report.cut_note(task), end="")
    if state.step < steps:
        again = shlex.join(["--data", options.data, "--out", options.out, "--resume"])
        where = f"stopped; {path} holds step {state.step} of {steps}"
        print(f"minilm: {where}, go on with: python -m minilm train {again}", file=sys.stderr)
        return 130
    print(f"{path} holds the model after {steps} steps")


def plot(options):
    """Draw a run's history."""
    from . import plots, run_figure  # matplotlib, only where something is drawn

    begun = runs.load(options.dir)
    result = {
        "settings": begun.run["terms"],
        "history": runs.read_history(options.dir),
        "uniform": math.log(begun.config.vocab_size),
    }
    path = Path(options.dir) / "history.png"
    caption = run_figure.caption(result)
    plots.save(run_figure.draw(result), path, f"{run_figure.ALT} {caption}")
    print(f"{path}: {caption}")


def generate(options):
    """Print what a trained model answers."""
    params, config, words = checkpoint.load(Path(options.dir) / "model.npz")
    how = {"temperature": options.temperature, "top_k": options.top_k}
    how["rng"] = np.random.default_rng(options.seed)
    prompt = template.question(options.prompt, words)
    text = experiments.answer(params, config, words, prompt, options.max_new_tokens, **how)
    print(text)
    if not text.endswith("<eos>"):
        print("(cut off: no <eos> came before the limit or the model's last position)", file=sys.stderr)


def bench(options):
    """Print the benchmark's lines, each as soon as it is measured."""
    if options.batching:
        print(benchmark.batching())
        return
    print(benchmark.HEAD)
    with Progress("measuring") as progress:
        for done, size in enumerate(options.sizes, start=1):
            line = benchmark.line(size)
            progress.clear()
            print(line, flush=True)
            progress.report(done, len(options.sizes))


def trace(options):
    """Print the step-through of one example, or write it as a page."""
    check_page(options.html)
    example = data.Example(options.prompt, options.response)
    words = tokenizer.build(options.level, example)
    row = data.encode(example, words)
    config = model.Config(len(words.vocab), n_positions=len(row.tokens) - 1, n_layer=2, n_head=2, n_embd=16)
    params = model.init(config, np.random.default_rng(0), std=0.3, dtype=np.float64)
    steps = stepper.trace(params, row, config, words, options.prompt_weight)
    if options.html is None:
        print(steps, end="")
    else:
        write_page(options.html, steps.html())
        size = Path(options.html).stat().st_size / 1e6
        print(f"{options.html} holds the step-through, {size:.1f} MB: open it in a browser")


def export(options):
    """Write a checkpoint as a folder for transformers."""
    params, config, words = checkpoint.load(Path(options.dir) / "model.npz")
    exporter.write_folder(options.out, params, config, words)
    print(f"{options.out} holds the model: AutoModelForCausalLM.from_pretrained({options.out!r}) opens it")


def import_folder(options):
    """Write what such a folder holds as a checkpoint."""
    path = Path(options.out) / "model.npz"
    if path.exists():
        raise ValueError(f"{path} exists: name another folder, or move it away first")
    params, config, words = exporter.read_folder(options.dir)
    checkpoint.save(path, params, config, words)
    print(f"{path} holds the model: {config.n_layer} layers, {words.level} level")


def lessons(options):
    """Make the learners' notebooks from the authored ones."""
    from . import lessons as notebooks  # nbformat, only where notebooks are made

    with Progress("lessons") as progress:
        paths = notebooks.build(options.dir, not options.no_run, progress.report)
    print(f"{len(paths)} notebooks in {options.dir}/, made from {options.dir}/solutions/")


class Progress:
    """Time left, rewritten on one line of a terminal; silent elsewhere and in the first 2 s."""

    def __init__(self, label):
        self.label, self.start, self.shown = label, time.monotonic(), False

    def __enter__(self):
        return self

    def report(self, done, total):
        elapsed = time.monotonic() - self.start
        if sys.stderr.isatty() and elapsed > 2:
            self.shown = True
            left = elapsed / done * (total - done)
            print(
                f"\r{self.label} {done}/{total}, about {left:.0f} s left ",
                end="",
                file=sys.stderr,
                flush=True,
            )

    def clear(self):
        if self.shown:
            print("\r" + " " * 60 + "\r", end="", file=sys.stderr, flush=True)
            self.shown = False

    def __exit__(self, *_):
        self.clear()
