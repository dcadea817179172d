"""An example's way into the model: prompt and response -> tokens with roles -> a batch.

The one slice that most loss-mask bugs get wrong stands in `collate`: ids, targets and the roles
of the targets are cut from the same padded arrays, so no position is ever counted by hand.
"""

import hashlib
import numbers
from typing import NamedTuple

import numpy as np

from . import chat, template
from .template import BOS, EOS, HEADER, PAD, PROMPT, RESPONSE, ROLES, SYSTEM, TOOL, USER  # noqa: F401
from .tokenizer import BOS_ID, PAD_ID


class Example(NamedTuple):
    """What a person writes: a prompt x and the response y that the model shall learn to give."""

    prompt: str
    response: str


class Row(NamedTuple):
    """One example as a sequence: token ids (n,) and the role of each (n,), an index of ROLES.

    turns: which message a token belongs to, counted from 0. weights: a factor on its loss weight.
    documents: which example of a packed row it belongs to (batches.py). None stands for
    0, 1 and one example everywhere.
    """

    tokens: np.ndarray
    roles: np.ndarray
    turns: np.ndarray | None = None
    weights: np.ndarray | None = None
    documents: np.ndarray | None = None

    def take(self, where):
        """The Row of the tokens at `where`, a slice or indices."""
        return Row(*(None if part is None else part[where] for part in self))


class Batch(NamedTuple):
    """Arrays (B, T): what the model reads, what it shall predict, the loss weight, target roles.

    turns and weights are those of the targets; documents those of the ids, None if each row is one.
    """

    ids: np.ndarray
    targets: np.ndarray
    loss_mask: np.ndarray
    roles: np.ndarray
    turns: np.ndarray | None = None
    weights: np.ndarray | None = None
    documents: np.ndarray | None = None


def encode(example, tokenizer, bos=True, eos=True):
    """Concatenate an example to one sequence: <bos> prompt response <eos>.

    A chat.Conversation becomes <bos>, then every message's marker and content, with an <eos> after
    each of the assistant's. <eos> belongs to the response: it is what teaches the model to stop.
    Without <bos> the first prompt token is never predicted. Returns a Row.
    Raises ValueError for an empty prompt or response, and what chat.check and tokenizer.encode raise.
    """
    is_chat = isinstance(example, chat.Conversation)
    pieces = (template.message_pieces if is_chat else template.example_pieces)(example, tokenizer, eos)
    pieces = [template.Piece([BOS_ID] * bos, BOS), *pieces]
    lengths = [len(piece.ids) for piece in pieces]
    ids, roles, turns, weights = zip(*pieces, strict=True)
    # One byte each, where it holds them: over a large file, they weigh little beside the ids.
    roles, turns = np.array(roles, np.int8), np.array(turns, np.min_scalar_type(turns[-1]))
    weights = None if set(weights) == {1.0} else np.repeat(weights, lengths)
    tokens = np.concatenate(ids).astype(np.int64)
    return Row(tokens, np.repeat(roles, lengths), np.repeat(turns, lengths), weights)


def encode_all(examples, tokenizer, max_tokens=None):
    """Encode a list of examples, cutting each to its first `max_tokens` tokens.

    Raises ValueError naming the row (from 0) that cannot be encoded, or has no target with weight,
    as when its response is cut away: it would train nothing, or turn a batch's mean into 0 / 0.
    """
    if not isinstance(examples, list | tuple) or not examples:
        raise ValueError("there are no examples: the data set is empty, or no list")
    if max_tokens is not None and not (isinstance(max_tokens, numbers.Integral) and max_tokens > 1):
        raise ValueError(
            f"max_tokens is {max_tokens!r:.80}: a row needs at least 2, one to read and one to predict"
        )
    rows = []
    for number, example in enumerate(examples):
        try:
            row = encode(example, tokenizer)
        except ValueError as error:
            raise ValueError(f"row {number}: {error}") from None
        cut = row.take(slice(max_tokens))
        if not has_target(cut):
            raise ValueError(f"row {number}: {why_no_target(row, max_tokens)}")
        rows.append(cut)
    return rows


def has_target(row):
    """Whether a Row has a response token to predict, with a weight."""
    return bool((response_mask(row.roles[1:]) * (1 if row.weights is None else row.weights[1:])).any())


def why_no_target(row, max_tokens):
    """A sentence on a row that trains nothing, whole or cut to its first `max_tokens`."""
    if not has_target(row):
        return "its answers all have weight 0, so nothing is left to train on: drop the row"
    before = int(np.argmax(response_mask(row.roles) * (1 if row.weights is None else row.weights) > 0))
    return (
        f"cut to {max_tokens} tokens it keeps no response token, since <bos> and prompt take {before}: "
        "allow more tokens (--max-tokens) or drop the row"
    )


def collate(rows, prompt_weight=0.0):
    """Pad rows on the right to one batch; the loss mask is made by `loss_mask`.

    Returns a Batch of (B, T), T = longest row - 1, since every token but the first is a target.
    The mask is multiplied by the rows' own weights. Raises ValueError for no rows, a row of one
    token, which has nothing to predict, and one whose parts are not arrays of one length.
    """
    if not isinstance(rows, list | tuple) or not rows:
        raise ValueError("there are no rows to make a batch of: give a list of data.Row")
    for number, row in enumerate(rows):
        check_row(number, row)
    shortest, longest = (f(len(row.tokens) for row in rows) for f in (min, max))
    if shortest < 2:
        raise ValueError("a row of fewer than 2 tokens has no target: give it a response")

    def padded(part, fill):
        array = np.full((len(rows), longest), fill)
        for i, row in enumerate(rows):
            values = getattr(row, part)
            if values is not None:
                array[i, : len(values)] = values
        return array

    tokens, roles = padded("tokens", PAD_ID), padded("roles", PAD)
    turns, weights, documents = padded("turns", 0), padded("weights", 1.0), padded("documents", -1)
    check_values(roles, weights)
    # Position t reads token t and predicts token t + 1; the weight follows the predicted token.
    ids, targets, roles, turns = tokens[:, :-1], tokens[:, 1:], roles[:, 1:], turns[:, 1:]
    weights = weights[:, 1:]
    packed = any(row.documents is not None for row in rows)
    mask = loss_mask(roles, prompt_weight) * weights
    return Batch(ids, targets, mask, roles, turns, weights, documents[:, :-1] if packed else None)


def check_row(number, row):
    """Raise ValueError unless a Row's parts are arrays (n,): weights numbers, all others integers."""
    if not isinstance(row, Row):
        raise ValueError(f"row {number} is {type(row).__name__}: make a data.Row of it by data.encode")
    shape = getattr(row.tokens, "shape", (0,))
    if len(shape) != 1:
        raise ValueError(f"row {number} has {len(shape)} axes of tokens: a row is one sequence")
    for name, part in zip(Row._fields, row, strict=True):
        if part is None and name not in ("tokens", "roles"):
            continue
        kinds = "biuf" if name == "weights" else "iu"
        if not isinstance(part, np.ndarray) or part.shape != shape or part.dtype.kind not in kinds:
            found = f"{part.dtype} {part.shape}" if isinstance(part, np.ndarray) else type(part).__name__
            what = "numbers" if name == "weights" else "integers"
            raise ValueError(f"row {number}: {name} must be {what}, an array as long as tokens, not {found}")


def check_values(roles, weights):
    """Raise ValueError for roles (B, T) that are no indices of ROLES, and weights that are not finite."""
    for name, bad in (("roles", (roles < 0) | (roles >= len(ROLES))), ("weights", ~np.isfinite(weights))):
        if bad.any():
            row, place = np.argwhere(bad)[0]
            raise ValueError(
                f"row {row}: at {place}, {name} holds what is no index of data.ROLES, or no finite number"
            )


def prompt_mask(roles):
    """1.0 where the target belongs to the prompt, in a conversation to anything not the assistant's
    answer: the terms of log P(x)."""
    return ((roles == PROMPT) | (roles > EOS)).astype(float)


def response_mask(roles):
    """1.0 where the target is a response token or its <eos>: the terms of log P(y|x)."""
    return ((roles == RESPONSE) | (roles == EOS)).astype(float)


def loss_mask(roles, prompt_weight=0.0):
    """Weight of every target: 1 on the response, `prompt_weight` on the prompt, 0 on pads.

    0 is supervised fine-tuning's loss mask, 1 the full-sequence loss; roles (B, T) -> (B, T).
    Raises ValueError unless 0 <= prompt_weight <= 1. Other masks of conversations: masks.py.
    """
    if not isinstance(prompt_weight, numbers.Real) or not 0 <= prompt_weight <= 1:
        raise ValueError(f"prompt_weight is {prompt_weight!r:.80}: it must lie between 0 and 1")
    return response_mask(roles) + prompt_weight * prompt_mask(roles)


def count_targets(rows):
    """How many targets of a list of Rows are prompt, and how many response or <eos>."""
    roles = np.concatenate([row.roles[1:] for row in rows])
    return int(prompt_mask(roles).sum()), int(response_mask(roles).sum())


def mask_table(row, tokenizer, prompt_weight=0.0, mask=None):
    """The answer to "is this token masked?": one line a target; `mask` (1, T) shows another one."""
    batch = collate([row], prompt_weight)
    shown = batch[:4] if mask is None else (batch.ids, batch.targets, mask, batch.roles)
    lines = []
    for t, (i, target, weight, role) in enumerate(zip(*(a[0] for a in shown), strict=True)):
        note = "  <- loss here" if weight else ""
        cells = (tokenizer.show(i), tokenizer.show(target), ROLES[role])
        lines.append((str(t), *cells, f"{weight:g}", note))
    head = ("t", "input", "target", "target is", "weight", "")
    width = [max(len(line[k]) for line in [head, *lines]) for k in range(5)]
    return "\n".join(
        f"{t:>{width[0]}}  {i:<{width[1]}} -> {target:<{width[2]}}  {role:<{width[3]}}  "
        f"{weight:>{width[4]}}{note}"
        for t, i, target, role, weight, note in [head, *lines]
    )


def prompt_hash(prompt):
    """A number in [0, 1) from a prompt's text without case and blank ends, to split data by.

    Repeated prompts thus always fall on the same side, on every machine and in every run.
    Source: the first 8 bytes of SHA-256.
    """
    digest = hashlib.sha256(prompt.strip().casefold().encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
