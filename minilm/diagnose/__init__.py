"""Which mask fault does a training step have? Short controlled probes, a name, and the evidence.

    report = diagnose.pipeline(make_batch, step, examples, encode)
    print(report)

The bug zoo (faults.py) plants faults; this finds them, also in a step written in another style.
"""

from typing import NamedTuple

import numpy as np

from .. import batches, chat, data, model, recording
from . import locate, naming
from .case import Case, caller
from .locate import DiagnoseError
from .naming import Finding
from .series import Report, examine

__all__ = ["DiagnoseError", "Finding", "Report", "own", "pipeline"]


def pipeline(make_batch, step, examples, encode=list, prompt_weight=0.0):
    """Probe a user's pipeline and step function; returns a Report.

    make_batch(examples) -> (ids, targets, mask, ...): integer (B, T), targets already shifted
        (targets[:, t] is what follows ids[:, t]; -100 where there is none), float mask (B, T).
        Anything beyond these three is handed to the step as it is.
    step(ids, targets, mask, ...) -> loss, or (loss, dlogits) with dlogits (B, T, V) the gradient of
        the loss in the logits. With the loss alone everything but the gradient is still tested.
    examples: (prompt, response) pairs or {"messages": ...}, two at least, of different lengths.
    encode(text) -> ids, without special tokens; left out, the parts are ids already.
    prompt_weight: the weight that prompt targets are meant to have.

    Raises DiagnoseError (a ValueError) where the pipeline cannot be run or understood.
    """
    examples = list(examples) if np.iterable(examples) else []
    data.loss_mask(np.zeros((1, 1), int), prompt_weight)  # checks the weight
    if len(examples) < 2:
        raise DiagnoseError(f"{len(examples)} examples were given: give two or more, of different lengths")
    parts = [locate.parts_of(example, encode, prompt_weight) for example in examples]
    ids, targets, mask, more = arrays_of(make_batch, examples)
    shift = locate.shift_of(ids, targets)
    if shift != 1:
        return unshifted(shift)
    tokens = locate.tokens_of(ids, targets)
    documents = locate.documents(tokens, parts)
    alone = each_alone(make_batch, examples, parts, prompt_weight)
    ends = [len(a.after) for a in alone]
    roles, weights = locate.roles_and_weights(tokens, documents, ends, prompt_weight)
    call = caller(step, more)
    case = Case(call, ids, targets, mask, roles[:, 1:], weights[:, 1:], documents, np.nan, None)
    if not mask.any() and not weights.any():
        raise DiagnoseError("the examples' messages all have weight 0: give some with answers to learn")
    if not mask.any():
        return Report([naming.of_the_mask(mask, case)], ["the mask as made"], ["everything else"])
    loss, dlogits = call(ids, targets, mask)
    if not np.isfinite(loss):
        raise DiagnoseError(f"the step's loss is {loss} on a batch with {int((mask > 0).sum())} weights")
    with np.errstate(all="ignore"):  # a step's numbers may be as large as they like
        return examine(case._replace(loss=loss, dlogits=dlogits), alone)


class Alone(NamedTuple):
    """An example in a batch of its own: the tokens before it and after it, pads aside, and its mask."""

    before: list
    after: list
    mask_is_right: bool


def each_alone(make_batch, examples, parts, prompt_weight):
    """Every example in a batch of its own, where no neighbour hides what belongs to it."""
    made = [arrays_of(make_batch, [example]) for example in examples]
    rows = [locate.tokens_of(ids, targets) for ids, targets, _, _ in made]
    docs = [locate.documents(tokens, [part])[0] for tokens, part in zip(rows, parts, strict=True)]
    sides = [
        (tokens[doc.row, : doc.spans[0][0]].tolist(), tokens[doc.row, doc.spans[-1][1] :].tolist())
        for tokens, doc in zip(rows, docs, strict=True)
    ]
    befores = [side[::-1] for side in locate.without_pads([before[::-1] for before, _ in sides])]
    afters = locate.without_pads([after for _, after in sides])
    found = []
    for (_, _, mask, _), tokens, doc, *around in zip(made, rows, docs, befores, afters, strict=True):
        roles, weights = locate.roles_and_weights(tokens, [doc], [len(around[1])], prompt_weight)
        right = naming.matches(mask, weights[:, 1:], np.isin(roles[:, 1:], naming.KNOWN_PARTS))
        found.append(Alone(*around, right))
    return found


def arrays_of(make_batch, examples):
    """(ids, targets, mask, rest) from a user's make_batch. Raises DiagnoseError for anything else."""
    try:
        ids, targets, mask, *more = make_batch(examples)
        ids, targets, mask = (np.array(a) for a in (ids, targets, mask))
    except Exception as error:
        raise DiagnoseError(
            f"make_batch failed on {len(examples)} examples: {type(error).__name__}: {error}; it must return "
            "(ids, targets, mask), rectangular arrays of shape (B, T)"
        ) from error
    for name, array, kinds in (("ids", ids, "iu"), ("targets", targets, "iu"), ("mask", mask, "biuf")):
        if array.ndim != 2 or array.shape != ids.shape or array.dtype.kind not in kinds:
            raise DiagnoseError(
                f"make_batch returned {name} of shape {array.shape}, {array.dtype}: ids and targets are "
                f"integers and mask numbers, all of one shape (B, T)"
            )
    mask = mask.astype(float)
    if not np.isfinite(mask).all() or (mask < 0).any():
        raise DiagnoseError("make_batch returned a mask with negative or non-finite weights")
    if ids.shape[1] < 3:
        raise DiagnoseError(f"the rows have {ids.shape[1]} targets: give longer examples, of 3 at least")
    return ids.astype(np.int64), targets.astype(np.int64), mask, more


def unshifted(shift):
    """The Report where targets do not follow the inputs, so that nothing else can be told."""
    name = {0: "not_shifted", 2: "shifted_twice", None: "targets_unrelated"}[shift]
    where = {0: "equal the inputs", 2: "are two places ahead"}.get(shift, "stand nowhere in the inputs")
    return Report(
        [Finding(name, f"targets {where}")], ["shift"], ["everything else: put the shift right first"]
    )


def own(words, params, config, prompt_weight=0.0, gradient=True, packed=False):
    """minilm's own pipeline in the form that `pipeline` asks for: (make_batch, step, encode)."""

    def make_batch(examples):
        rows = [data.encode(as_example(e), words) for e in examples]
        rows = batches.pack_rows(rows, config.n_positions + 1) if packed else rows
        batch = data.collate(rows, prompt_weight)
        more = [] if batch.documents is None else [batch.documents]
        return batch.ids, batch.targets, batch.loss_mask, *more

    def step(ids, targets, mask, documents=None):
        with recording("losses.token_nll_backward") as dlogits:
            loss, _ = model.loss_and_grads(params, ids, targets, mask, config, documents)
        return (loss, dlogits[0][0]) if gradient else loss

    return make_batch, step, words.encode


def as_example(given):
    """A pair as a data.Example, messages as a chat.Conversation."""
    if not isinstance(given, dict):
        return data.Example(*given)
    return chat.Conversation(tuple(chat.Message(**message) for message in given["messages"]))
