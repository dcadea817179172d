"""The diagnosis of a transformers or TRL trainer: its own rows, collator, count of items and loss."""

import contextlib
import copy
import itertools

import numpy as np

from ..report import DiagnoseError, Finding
from ..shares import close
from . import examples as trainer_examples
from . import rows as trainer_rows
from .loop import keep_state, torch_step


def trainer(trainer, examples=None, **meant):
    """Probe a trainer with its own prepared rows, collator and loss; returns a Report.

        print(diagnose.trainer(trainer, examples))

    trainer: a transformers or TRL trainer of a language model, before `train`; nothing of it changes.
    examples: (prompt, completion) pairs, {"prompt": ..., "completion": ...} or {"messages": ...}, two or
        more of those that its train_dataset was made from. They are looked up in the prepared rows.
        Left out, what is meant is what the rows' own labels say; then the mask itself is not tested.
    meant: what else is meant, as `pipeline` takes it.

    With args.gradient_accumulation_steps > 1, a window of two micro-batches is tested, too.
    Raises DiagnoseError for a trainer whose rows or batches have no input_ids and labels.
    """
    from .. import pipeline

    encode = meant.pop("encode", None) or make_encode(trainer)
    if trainer.processing_class is not None:
        meant.setdefault("decode", trainer.processing_class.decode)
    found = trainer_examples.find_examples(trainer.train_dataset, examples, encode)
    with keep_trainer(trainer):
        make_batch, step = make_step(trainer, found)
        report = pipeline(make_batch, step, found.examples, encode, **meant)
        if trainer.args.gradient_accumulation_steps > 1 and "the denominator" in report.tested:
            check_window(report, trainer, make_batch, step, found.examples)
    report.not_tested.extend(found.notes)
    return accept_empty_batches(report, trainer)


def make_encode(trainer):
    """encode(text) -> ids by the trainer's tokenizer, without special tokens; ids stay as they are."""
    tokenizer = getattr(trainer.processing_class, "tokenizer", trainer.processing_class)

    def encode(text):
        if isinstance(text, list):
            return text
        if tokenizer is None:
            raise DiagnoseError("the trainer has no processing_class: give encode=, text -> ids")
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    return encode


def accept_empty_batches(report, trainer):
    """The report, where what an empty batch gives is a fact if the loss is the library's own.

    Its preparation drops rows without targets, so its 0 or NaN of an empty batch is no fault of the user's.
    """
    maker = type(trainer).compute_loss.__module__.partition(".")[0]
    if maker not in ("transformers", "trl") or trainer.compute_loss_func is not None:
        return report
    of_empty = [finding for finding in report.findings if finding.fault.startswith("empty_mask")]
    findings = [finding for finding in report.findings if finding not in of_empty]
    facts = [f"{finding.evidence}: so {maker} means it" for finding in of_empty]
    return report._replace(findings=findings, facts=[*report.facts, *facts])


def make_step(trainer, found):
    """(make_batch, step) of the trainer's collator and loss, for the examples that were found."""
    collator = trainer._get_collator_with_removed_columns(trainer.data_collator)

    def collate(chosen):
        of_chosen = (any(example is one for one in chosen) for example in found.examples)
        documents = itertools.compress(found.documents, of_chosen)
        return collator(trainer_rows.take_documents(found.rows, list(documents)))

    def compute_loss(model, inputs):
        trainer.current_gradient_accumulation_steps = 1
        (inputs,), n_items = trainer.get_batch_samples(iter([inputs]), 1, trainer.args.device)
        with trainer.compute_loss_context_manager():
            return trainer.compute_loss(model, trainer._prepare_inputs(inputs), num_items_in_batch=n_items)

    make_batch, step = torch_step(trainer.model, collate, compute_loss)
    if getattr(trainer.args, "loss_type", None) == "dft":  # weighs every target by its own probability
        return make_batch, lambda batch: measure_loss(step, batch)
    return make_batch, step


@contextlib.contextmanager
def keep_trainer(trainer):
    """Put the trainer's attributes and metrics back at the end."""
    before, metrics = dict(vars(trainer)), copy.deepcopy(getattr(trainer, "_metrics", None))
    try:
        yield
    finally:
        vars(trainer).clear()
        vars(trainer).update(before)
        if metrics is not None:
            trainer._metrics = metrics


# ---------------------------------------------------------------- a window of two micro-batches


def check_window(report, trainer, make_batch, step, examples):
    """Enter into the report whether a window's loss is the mean over the tokens of both its micro-batches."""
    batches = sorted((make_batch([example]) for example in examples), key=count_targets)
    batches = [batches[0], batches[-1]]
    counts = np.array([count_targets(batch) for batch in batches])
    if counts[0] == counts[1]:
        report.not_tested.append("accumulation: the rows have equally many targets that carry loss")
        return
    report.not_tested[:] = [line for line in report.not_tested if not line.startswith("accumulation")]
    report.not_tested.append("workers: one process does not show them")
    shares = np.array([measure_share(trainer, step, batches, k) for k in range(2)])
    report.tested.append("accumulation: a window of two micro-batches")
    if not close(shares, counts / counts.sum()):
        is_flat = close(shares, shares.mean())
        before_empty = sum(not finding.fault.startswith("empty_mask") for finding in report.findings)
        report.findings.insert(
            before_empty,
            Finding(
                "mean_of_means" if is_flat else "denominator_differs",
                f"in a window of two micro-batches of {counts[0]} and {counts[1]} targets, their means count "
                f"{shares[0]:.4f} and {shares[1]:.4f}; right is {counts[0] / counts.sum():.4f} and "
                f"{counts[1] / counts.sum():.4f}",
            ),
        )


def count_targets(batch):
    """How many targets of a batch carry loss."""
    labels = batch["shift_labels"] if "shift_labels" in batch else batch["labels"][:, 1:]
    return int((labels != -100).sum())


def measure_share(trainer, step, batches, k):
    """What the k-th micro-batch's mean counts in its window: change one label, compare how both move."""
    name = "shift_labels" if "shift_labels" in batches[k] else "labels"
    row, column = np.argwhere(batches[k][name] != -100)[-1]
    others = [batch["input_ids"].max() for batch in batches] + [batch["input_ids"].min() for batch in batches]
    changed = []
    for other in others:
        labels = batches[k][name].copy()
        labels[row, column] = other
        changed.append([{**batch, name: labels} if j == k else batch for j, batch in enumerate(batches)])
    alone, window = measure_loss(step, batches[k]), measure_window(trainer, batches)
    moves = [measure_loss(step, batch[k]) - alone for batch in changed]
    best = int(np.argmax(np.abs(moves)))
    if moves[best] == 0:
        raise DiagnoseError("another label leaves the trainer's loss as it is: does it use its labels?")
    return (measure_window(trainer, changed[best]) - window) / moves[best]


def measure_loss(step, batch):
    """The loss that a step returns, with or without a gradient."""
    returned = step(batch)
    return returned[0] if isinstance(returned, tuple) else returned


def measure_window(trainer, batches):
    """The loss of a window by the trainer's own training_step, without its backward pass and dropout."""
    import torch

    model, accelerator = trainer.model, trainer.accelerator
    tensors = [
        {name: torch.as_tensor(x) if isinstance(x, np.ndarray) else x for name, x in batch.items()}
        for batch in batches
    ]
    with keep_state(model):
        model.train, accelerator.backward = lambda mode=True: model, lambda loss, **kwargs: None
        try:
            trainer.current_gradient_accumulation_steps = len(batches)
            samples, n_items = trainer.get_batch_samples(iter(tensors), len(batches), trainer.args.device)
            return sum(float(trainer.training_step(model, sample, n_items)) for sample in samples)
        finally:
            del model.train, accelerator.backward
