"""An example's way into the model: prompt and response -> tokens with roles -> a batch.

The one slice that most loss-mask bugs get wrong stands in `collate`: ids, targets and the roles
of the targets are cut from the same padded arrays, so no position is ever counted by hand.
"""

import hashlib
import numbers
from typing import NamedTuple

import numpy as np

from . import chat, losses, views
from .chat import BOS, EOS, HEADER, PAD, PROMPT, RESPONSE, ROLES, SYSTEM, TOOL, USER  # noqa: F401
from .tokenizer import PAD_ID


class Example(NamedTuple):
    """What a person writes: a prompt x and the response y that the model should learn to give."""

    prompt: str
    response: str


class Row(NamedTuple):
    """One example as a sequence: token ids (n,) and the role of each (n,), an index of ROLES.

    turns: the message that a token belongs to, from 0 (None: 0 everywhere).
    weights: a factor on its loss weight (None: 1). documents: the example of a packed row that it
    belongs to (None: the row is one example).
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
    """Arrays (B, T): what the model reads, what it should predict, and the targets' loss weights and roles.

    turns and weights are those of the targets. documents are those of the ids; None if each row is one.
    """

    ids: np.ndarray
    targets: np.ndarray
    loss_mask: np.ndarray
    roles: np.ndarray
    turns: np.ndarray | None = None
    weights: np.ndarray | None = None
    documents: np.ndarray | None = None


def encode(example, tokenizer, bos=True, eos=True):
    """Write an example as one sequence: <bos> prompt response <eos>. Returns a Row.

    A chat.Conversation becomes <bos>, then every message's marker and content, with an <eos> after
    each answer. <eos> belongs to the response: it teaches the model to stop. Without <bos> the first
    prompt token is never predicted. Raises what chat.give_roles raises.
    """
    pieces = chat.give_roles(example, tokenizer, bos, eos)
    lengths = [len(piece.ids) for piece in pieces]
    ids, roles, turns, weights = zip(*pieces, strict=True)
    # One byte each, where it holds them: over a large file, they weigh little beside the ids.
    roles, turns = np.array(roles, np.int8), np.array(turns, np.min_scalar_type(turns[-1]))
    weights = None if set(weights) == {1.0} else np.repeat(weights, lengths)
    tokens = np.concatenate(ids).astype(np.int64)
    return Row(tokens, np.repeat(roles, lengths), np.repeat(turns, lengths), weights)


def encode_all(examples, tokenizer, max_tokens=None):
    """Encode a list of examples and cut each to its first `max_tokens` tokens. Returns a list of Rows.

    Raises ValueError naming the row (from 0) that cannot be encoded, or has no target with a loss
    weight, as when its response is cut away. files.rows.load leaves such a row out instead.
    """
    if not isinstance(examples, list | tuple) or not examples:
        raise ValueError("there are no examples: the data set is empty, or no list")
    check_max_tokens(max_tokens)
    rows = []
    for number, example in enumerate(examples):
        try:
            whole = encode(example, tokenizer)
        except ValueError as error:
            raise ValueError(f"row {number}: {error}") from None
        row = whole.take(slice(max_tokens))
        if not has_target(row):
            raise ValueError(f"row {number}: {explain_no_target(whole, max_tokens)}")
        rows.append(row)
    return rows


def check_max_tokens(max_tokens):
    """Raise ValueError unless `max_tokens` is None or a whole number of at least 2."""
    if max_tokens is not None and not (isinstance(max_tokens, numbers.Integral) and max_tokens > 1):
        raise ValueError(
            f"max_tokens is {max_tokens!r:.80}: a row needs at least 2, one to read and one to predict"
        )


def check_whole(least, **values):
    """Raise ValueError unless all values are whole numbers of at least `least`, and NumPy can hold them."""
    for name, value in values.items():
        if not chat.is_number(value, numbers.Integral) or not least <= value < 2**63:
            raise ValueError(f"{name} is {value!r:.80}: it must be a whole number from {least} to 2**63 - 1")


def weigh_tokens(row):
    """The loss weight (n,) of every token of a Row: its role's, times its message's."""
    return response_mask(row.roles) * (1.0 if row.weights is None else row.weights)


def has_target(row):
    """Whether any token of a Row after its first, which nothing predicts, carries loss."""
    return bool(weigh_tokens(row)[1:].any())


def explain_no_target(whole, max_tokens):
    """Why a Row, cut to its first `max_tokens`, trains nothing. Returns a sentence."""
    if not has_target(whole):
        return "its answers all have weight 0, so nothing is left to train on: drop the row"
    before = int(np.argmax(weigh_tokens(whole) > 0))
    return (
        f"cut to {max_tokens} tokens it keeps no response token, since <bos> and prompt take {before}: "
        "allow more tokens (--max-tokens) or drop the row"
    )


def collate(rows, prompt_weight=0.0):
    """Pad rows on the right to one batch; the loss mask is made by `loss_mask`.

    Returns a Batch of (B, T), T = longest row - 1, since every token but the first is a target.
    The mask is multiplied by the rows' own weights. Raises ValueError for what `check_rows` refuses.
    """
    check_rows(rows)
    tokens, roles = pad_part(rows, "tokens", PAD_ID), pad_part(rows, "roles", PAD)
    turns, weights = pad_part(rows, "turns", 0), pad_part(rows, "weights", 1.0)
    documents = pad_part(rows, "documents", -1)
    # Position t reads token t and predicts token t + 1; the loss weight follows the target.
    ids, targets, roles, turns = tokens[:, :-1], tokens[:, 1:], roles[:, 1:], turns[:, 1:]
    weights = weights[:, 1:]
    is_packed = any(row.documents is not None for row in rows)
    mask = loss_mask(roles, prompt_weight) * weights
    return Batch(ids, targets, mask, roles, turns, weights, documents[:, :-1] if is_packed else None)


def pad_part(rows, name, fill):
    """One part of all rows as an array (B, longest), filled up on the right; `fill` stands for None, too."""
    parts = [getattr(row, name) for row in rows]
    array = np.full((len(rows), max(len(row.tokens) for row in rows)), fill)
    for line, part in zip(array, parts, strict=True):
        if part is not None:
            line[: len(part)] = part
    return array


def prompt_mask(roles):
    """1.0 where the target belongs to the prompt: the terms of log P(x). In a conversation the prompt
    is all that is not the assistant's answer."""
    return np.isin(roles, (PROMPT, SYSTEM, USER, TOOL, HEADER)).astype(float)


def response_mask(roles):
    """1.0 where the target is a response token or its <eos>: the terms of log P(y|x)."""
    return ((roles == RESPONSE) | (roles == EOS)).astype(float)


def loss_mask(roles, prompt_weight=0.0):
    """Loss weight of every target: 1 on the response, `prompt_weight` on the prompt, 0 on pads.

    A prompt weight of 0 gives supervised fine-tuning's loss mask, 1 the full-sequence loss.
    roles (B, T) -> (B, T). Raises ValueError unless 0 <= prompt_weight <= 1. More masks: masks.py.
    """
    if not chat.is_factor(prompt_weight):
        raise ValueError(f"prompt_weight is {prompt_weight!r:.80}: it must be {chat.FACTOR_RULE}")
    return response_mask(roles) + prompt_weight * prompt_mask(roles)


def count_targets(rows):
    """How many targets of a list of Rows are prompt, and how many response or <eos>."""
    roles = np.concatenate([row.roles[1:] for row in rows])
    return int(prompt_mask(roles).sum()), int(response_mask(roles).sum())


def mask_table(row, tokenizer, prompt_weight=0.0, mask=None):
    """The answer to "is this token masked?", as text: one line a target, with its loss weight.

    `mask` (1, T) shows another loss mask than that of `prompt_weight`.
    """
    batch = collate([row], prompt_weight)
    return views.write_table(batch, batch.loss_mask if mask is None else mask, tokenizer)


def prompt_hash(prompt):
    """A number in [0, 1) from a prompt's text without case and blank ends, to split data by.

    A repeated prompt always falls on the same side, on every machine and in every run.
    Source: the first 8 bytes of SHA-256.
    """
    digest = hashlib.sha256(prompt.strip().casefold().encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def check_rows(rows):
    """Raise ValueError unless rows are Rows of 2 or more tokens and all their parts are sound."""
    if not isinstance(rows, list | tuple) or not rows:
        raise ValueError("there are no rows to make a batch of: give a list of data.Row")
    for number, row in enumerate(rows):
        if not isinstance(row, Row):
            raise ValueError(f"row {number} is {type(row).__name__}: make a data.Row of it by data.encode")
        shape = getattr(row.tokens, "shape", (0,))
        if len(shape) != 1:
            raise ValueError(f"row {number} has {len(shape)} axes of tokens: a row is one sequence")
        for name, part in zip(Row._fields, row, strict=True):
            if part is not None or name in ("tokens", "roles"):
                check_kind(f"row {number}: {name}", part, shape, name)
    if min(len(row.tokens) for row in rows) < 2:
        raise ValueError("a row of fewer than 2 tokens has no target: give it a response")
    for name in Row._fields:
        check_values(
            name, {n: part for n, row in enumerate(rows) if (part := getattr(row, name)) is not None}
        )


def check_kind(place, part, shape, name):
    """Raise ValueError unless a Row's part is an array (n,) of integers; weights may be any numbers."""
    kinds, what = ("biuf", "numbers") if name == "weights" else ("iu", "integers")
    if not isinstance(part, np.ndarray) or part.shape != shape or part.dtype.kind not in kinds:
        given = f"{part.dtype} {part.shape}" if isinstance(part, np.ndarray) else type(part).__name__
        raise ValueError(f"{place} must be {what}, an array as long as tokens, not {given}")


def check_values(name, parts):
    """Raise ValueError unless one part of all rows, {row number: array}, holds what it may: weights are loss
    weights, roles indices of ROLES, all others not negative. All rows at once: this runs in every step."""
    values = np.concatenate(list(parts.values())) if parts else np.zeros(0)
    bad, rule = values < 0, "it must not be negative"
    if name == "roles":
        bad, rule = bad | (values >= len(ROLES)), "a role is an index of data.ROLES"
    if name == "weights":
        bad, rule = ~losses.is_weight(values), losses.WEIGHT_RULE
    if bad.any():
        places = [(n, i) for n, part in parts.items() for i in range(len(part))]
        number, i = places[np.argmax(bad)]
        raise ValueError(f"row {number}: {name}[{i}] is {parts[number][i]}: {rule}")
