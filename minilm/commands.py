"""What each command does. Options come checked for their form by argparse, not for their sense."""

import dataclasses
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from . import anatomy, checkpoint, data, experiments, gradcases, model, report, studies, tokenizer
from . import bench as benchmark
from . import trace as stepper
from . import train as trainer


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
        write_figure(folder, "anatomy", studies.study("anatomy"), anatomy.anatomy())
    write_figure(folder, name, studies.study("masked_vs_full"), result)


def figures(options):
    """Compute and draw the figures named, or all of them, each as soon as its runs are done."""
    modules = {name: studies.study(name) for name in options.names or studies.NAMES}
    n_seeds = (2 if options.quick else 10) if options.seeds is None else options.seeds
    if n_seeds < 1 or options.workers < 1:
        raise ValueError("--seeds and --workers must be 1 or more")
    if options.steps is not None and options.steps < 1:
        raise ValueError(f"--steps is {options.steps}: it must be 1 or more")
    folder = options.out or ("figures/quick" if options.quick else "figures")
    check_writable(folder)
    for number, (name, module) in enumerate(modules.items(), start=1):
        with Progress(f"{name} ({number} of {len(modules)}): run") as progress:
            result = module.compute(
                range(n_seeds), options.workers, progress.report, options.steps, options.quick
            )
        write_figure(folder, name, module, result)


def write_figure(folder, name, study, result):
    """NAME.json and, drawn from what was read back from it, NAME.png; prints the caption."""
    from . import plots  # matplotlib, only where something is drawn

    path = Path(folder) / f"{name}.json"
    caption = study.caption(result)
    experiments.write_json(path, {"figure": name, "caption": caption, "alt": study.ALT, **result})
    plots.save(study.draw(experiments.read_json(path)), path.with_suffix(".png"), study.ALT)
    print(f"{path.with_suffix('.png')} and {path.name}: {caption}\n", flush=True)


def check_writable(folder):
    """Fail before the work rather than after it."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def mask(options):
    """Print the mask table of one example."""
    example = data.Example(options.prompt, options.response)
    words = tokenizer.build(options.level, example)
    row = data.encode(example, words, bos=not options.no_bos, eos=not options.no_eos)
    print(data.mask_table(row, words, options.prompt_weight))


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
    """Train one model on a JSONL file and keep its checkpoint up to date at every evaluation."""
    task = experiments.jsonl_task(
        options.data, options.level, options.steps, options.max_tokens, lr=options.lr
    )
    settings = dataclasses.replace(task.settings, prompt_weight=options.prompt_weight, seed=options.seed)
    check_writable(options.out)
    path = Path(options.out) / "model.npz"

    def report(entry, params):
        progress.clear()
        loss = "" if entry["train_loss"] is None else f"train loss {entry['train_loss']:.3f}  "
        print(
            f"step {entry['step']:>4}  {loss}held out: -log P(y|x) {entry['response_nll']:.3f}  "
            f"-log P(x) {entry['prompt_nll']:.3f}  exact match {entry['exact_match']:.3f}",
            flush=True,
        )
        if entry["step"]:  # every entry's parameters are finite: the last good ones are kept
            checkpoint.save(path, params, task.config, task.tokenizer)
            progress.report(entry["step"], options.steps)

    params = model.init(task.config, np.random.default_rng(options.seed))
    with Progress("training") as progress:
        trainer.train(params, task.config, task.rows, task.held_out, settings, report)
    print(f"{path} holds the model after {options.steps} steps")


def generate(options):
    """Print what a trained model answers."""
    params, config, words = checkpoint.load(Path(options.dir) / "model.npz")
    how = {"temperature": options.temperature, "top_k": options.top_k}
    how["rng"] = np.random.default_rng(options.seed)
    prompt = data.prompt_text(options.prompt, words.level)
    text = experiments.answer(params, config, words, prompt, options.max_new_tokens, **how)
    print(text)
    if not text.endswith("<eos>"):
        print("(cut off: no <eos> came before the limit or the model's last position)", file=sys.stderr)


def bench(options):
    """Print the benchmark's lines, each as soon as it is measured."""
    print(benchmark.HEAD)
    with Progress("measuring") as progress:
        for done, size in enumerate(options.sizes, start=1):
            line = benchmark.line(size)
            progress.clear()
            print(line, flush=True)
            progress.report(done, len(options.sizes))


def trace(options):
    """Print the step-through of one example, or write it as a page."""
    if options.html is not None and Path(options.html).is_dir():
        raise ValueError(f"{options.html} is a folder: give --html the name of a file, such as trace.html")
    example = data.Example(options.prompt, options.response)
    words = tokenizer.build(options.level, example)
    row = data.encode(example, words)
    config = model.Config(len(words.vocab), n_positions=len(row.tokens) - 1, n_layer=2, n_head=2, n_embd=16)
    params = model.init(config, np.random.default_rng(0), std=0.3, dtype=np.float64)
    steps = stepper.trace(params, row, config, words, options.prompt_weight)
    if options.html is None:
        print(steps, end="")
    else:
        with checkpoint.replacing(options.html) as file:
            file.write(steps.html().encode("utf-8"))
        size = Path(options.html).stat().st_size / 1e6
        print(f"{options.html} holds the step-through, {size:.1f} MB: open it in a browser")


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
