"""Which mask fault does a training step have? Short controlled probes, a name, and the evidence.

    report = diagnose.pipeline(make_batch, step, examples, encode)
    print(report)

faults.py plants them; this package finds them, also in a step written in another style.

checks.run_checks lists every check in order. Each question has a module with its checks and their probes:
    mask_as_meant   is the mask as meant?
    mask_as_used    does the step use it?
    reading         what does a target read?
    denominator     what does the mean divide by, and what if there is nothing to divide by?
They look at a Case (case.py): a batch (batch.py) in which the examples' tokens are found again (locate.py)
and a step that is checked at every call (step.py). What they find is put into a Report (report.py).
Prepared data without a step: prepared.py reads it, audit.py counts, audit_text.py shows the counts.
"""

import numpy as np

from .. import batches, chat, data, model, recording
from . import checks, locate, mask_as_meant
from .batch import call_make_batch, make_each_alone
from .case import Case
from .report import DiagnoseError, Finding, Report
from .step import guard_step

__all__ = ["DiagnoseError", "Finding", "Report", "make_own_pipeline", "pipeline"]


def pipeline(make_batch, step, examples, encode=list, prompt_weight=0.0):
    """Probe a user's pipeline and step function; returns a Report.

    make_batch(examples) -> (ids, targets, mask, ...): integer (B, T), targets already shifted
        (targets[:, t] is what follows ids[:, t]; -100 where there is none), float mask (B, T).
        Anything beyond these three is handed to the step as it is.
    step(ids, targets, mask, ...) -> loss, or (loss, dlogits) with dlogits (B, T, V) the gradient of
        the loss in the logits. With the loss alone everything but the gradient is still tested.
    examples: (prompt, response) pairs or {"messages": ...}, two at least, of different lengths.
    encode(text) -> ids, without special tokens; left out, the parts are ids already.
    prompt_weight: the loss weight that prompt targets are meant to have.

    Raises DiagnoseError (a ValueError) where the pipeline cannot be run or understood.
    """
    examples = list(examples) if np.iterable(examples) else []
    data.loss_mask(np.zeros((1, 1), int), prompt_weight)  # checks the weight
    if len(examples) < 2:
        raise DiagnoseError(f"{len(examples)} examples were given: give two or more, of different lengths")
    parts = [locate.encode_parts(example, encode, prompt_weight) for example in examples]
    ids, targets, mask, extras = call_make_batch(make_batch, examples)
    shift = locate.find_shift(ids, targets)
    if shift != 1:
        return report_wrong_shift(shift)
    tokens = locate.join_tokens(ids, targets)
    documents = locate.locate_documents(tokens, parts)
    alone = make_each_alone(make_batch, examples, parts, prompt_weight)
    n_after = [len(example.after) for example in alone]
    roles, weights = locate.assign_roles(tokens, documents, n_after, prompt_weight)
    call = guard_step(step, extras)
    case = Case(call, ids, targets, mask, roles[:, 1:], weights[:, 1:], documents, alone, np.nan, None)
    if not mask.any() and not weights.any():
        raise DiagnoseError("the examples' messages all have weight 0: give some with answers to learn")
    if not mask.any():
        return Report([mask_as_meant.compare_mask(case)], ["the mask as made"], ["everything else"])
    loss, dlogits = call(ids, targets, mask)
    if not np.isfinite(loss):
        raise DiagnoseError(f"the step's loss is {loss} on a batch with {int((mask > 0).sum())} weights")
    with np.errstate(all="ignore"):  # a step's numbers may be as large as they like
        return checks.run_checks(case._replace(loss=loss, dlogits=dlogits))


def report_wrong_shift(shift):
    """The Report where targets do not follow the inputs, so that nothing else can be told."""
    name = {0: "not_shifted", 2: "shifted_twice", None: "targets_unrelated"}[shift]
    where = {0: "equal the inputs", 2: "are two places ahead"}.get(shift, "stand nowhere in the inputs")
    return Report(
        [Finding(name, f"targets {where}")], ["shift"], ["everything else: put the shift right first"]
    )


def make_own_pipeline(tokenizer, params, config, prompt_weight=0.0, gradient=True, packed=False):
    """minilm's own pipeline in the form that `pipeline` asks for: (make_batch, step, encode)."""

    def make_batch(examples):
        rows = [data.encode(read_example(example), tokenizer) for example in examples]
        rows = batches.pack_rows(rows, config.n_positions + 1) if packed else rows
        batch = data.collate(rows, prompt_weight)
        extras = [] if batch.documents is None else [batch.documents]
        return batch.ids, batch.targets, batch.loss_mask, *extras

    def step(ids, targets, mask, documents=None):
        with recording("losses.token_nll_backward") as dlogits:
            loss, _ = model.loss_and_grads(params, ids, targets, mask, config, documents)
        return (loss, dlogits[0][0]) if gradient else loss

    return make_batch, step, tokenizer.encode


def read_example(given):
    """A pair as a data.Example, messages as a chat.Conversation."""
    if not isinstance(given, dict):
        return data.Example(*given)
    return chat.Conversation(tuple(chat.Message(**message) for message in given["messages"]))


from .torch_loop import torch_step  # noqa: E402, F401  torch itself is imported when they are called
from .trainers import trainer  # noqa: E402, F401
