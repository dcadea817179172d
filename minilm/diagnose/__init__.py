"""Which mask fault does a training step have? Measure which targets carry how much loss, show it, name it.

    report = diagnose.pipeline(make_batch, step, examples, encode)
    print(report)

faults/ plants them; this package finds them, also in a step written in another style.

checks.run_checks lists every check in order. Each question has a module with its checks and their probes:
    mask_as_meant   is the mask as meant? (mistakes.py: the mask under each known mistake)
    mask_as_used    does the step use it? What does it weigh every target by?
    reading         what does a target read?
    packing         do documents in one row leave each other alone?
    denominator     what does the mean divide by, and what if there is nothing to divide by?
They look at a Case (case.py), which prepare.py makes: a batch (batch.py) in which the examples' tokens are
found again (examples.py, locate.py), all others are told apart (pads.py, template.py), and a step that is
checked at every call (step.py). What was meant is said in a Meant (meant.py). What is found is put into a
Report (report.py), which shows the examples first (strips.py). Trainers of torch have a folder, trainers/;
so has prepared data without a step, audit/.
"""

import numpy as np

from .. import batches, chat, data, model, recording
from . import checks, mask_as_meant, prepare
from .batch import call_make_batch
from .examples import encode_parts, list_pieces
from .meant import Meant, check_roles, read_meant
from .report import DiagnoseError, Finding, Report
from .trainers.loop import torch_step
from .trainers.whole import trainer

__all__ = [
    "DiagnoseError",
    "Finding",
    "Meant",
    "Report",
    "make_own_pipeline",
    "pipeline",
    "torch_step",
    "trainer",
]


def pipeline(make_batch, step, examples, encode=list, prompt_weight=0.0, **meant):
    """Measure which targets carry how much loss in a user's pipeline and step; returns a Report.

    make_batch(examples) -> (ids, targets, mask, ...): integer (B, T), targets already shifted
        (targets[:, t] is what follows ids[:, t]; -100 where there is none), float mask (B, T).
        Anything beyond these three is handed to the step as it is. Or a dict in transformers' form:
        input_ids and labels (B, n), labels at their own place with -100, attention_mask and what else
        there is; loss_mask, completion_mask, assistant_masks are loss weights.
    step(ids, targets, mask, ...) -> loss, or (loss, dlogits) with dlogits (B, T, V) the gradient of
        the loss in the logits. With the loss alone everything but the gradient is still tested.
        It gets the dict where make_batch returned one, and does the shift itself.
    examples: (prompt, response) pairs or {"messages": ...}, two at least, of different lengths.
        A message's "weight", and false in "train", "trainable", "training" or "loss", are obeyed.
    encode(text) -> ids, without special tokens; left out, the parts are ids already.
    prompt_weight and all other keywords: what was meant, the fields of `Meant`.

    Raises DiagnoseError (a ValueError) where the pipeline cannot be run or understood.
    """
    examples = list(examples) if np.iterable(examples) else []
    meant = read_meant(prompt_weight, meant, encode)
    if len(examples) < 2:
        raise DiagnoseError(f"{len(examples)} examples were given: give two or more, of different lengths")
    parts = [encode_parts(example, encode, meant) for example in examples]
    check_roles(meant, {role for example in examples for _, role, _ in list_pieces(example)})
    batch = call_make_batch(make_batch, examples, meant.ignore_index)
    wrong = prepare.find_wrong_shift(batch)
    if wrong:
        rest = ["everything else: put the shift right first"]
        return Report([Finding(*wrong)], ["shift"], rest)
    case, facts = prepare.make_case(make_batch, step, examples, parts, encode, meant, batch)
    mask, weights = case.mask, case.weights
    if not mask.any() and not weights.any():
        raise DiagnoseError("the examples' messages all have weight 0: give some with answers to learn")
    if not mask.any():
        return Report(mask_as_meant.check_mask(case), ["the mask as made"], ["everything else"], facts)
    loss, dlogits = case.call(case.ids, case.targets, mask)
    if not np.isfinite(loss):
        raise DiagnoseError(f"the step's loss is {loss} on a batch with {int((mask > 0).sum())} weights")
    with np.errstate(all="ignore"):  # a step's numbers may be as large as they like
        return checks.run_checks(case._replace(loss=loss, dlogits=dlogits), facts)


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
