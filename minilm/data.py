"""An example's way into the model: prompt and response -> tokens with roles -> a batch.

The one slice that most loss-mask bugs get wrong stands in `collate`: ids, targets and the roles
of the targets are cut from the same padded arrays, so no position is ever counted by hand.
"""

import hashlib
import json
from typing import NamedTuple

import numpy as np

from .tokenizer import BOS_ID, EOS_ID, PAD_ID, utf8

PAD, BOS, PROMPT, RESPONSE, EOS = range(5)
ROLES = ("pad", "bos", "prompt", "response", "eos")


class Example(NamedTuple):
    """What a person writes: a prompt x and the response y that the model shall learn to give."""

    prompt: str
    response: str


class Row(NamedTuple):
    """One example as a sequence: token ids (n,) and the role of each (n,), an index of ROLES."""

    tokens: np.ndarray
    roles: np.ndarray


class Batch(NamedTuple):
    """Arrays (B, T): what the model reads, what it shall predict, the loss weight, target roles."""

    ids: np.ndarray
    targets: np.ndarray
    loss_mask: np.ndarray
    roles: np.ndarray


def encode(example, tokenizer, bos=True, eos=True):
    """Concatenate an example to one sequence: <bos> prompt response <eos>.

    <eos> belongs to the response: it is what teaches the model to stop. Without <bos> the first
    prompt token is never predicted. Returns a Row.
    Raises ValueError for an empty prompt or response, and what tokenizer.encode raises.
    """
    for name, text in zip(("prompt", "response"), example, strict=True):
        if not text:
            raise ValueError(f"the {name} is empty: an example needs both a prompt and a response")
    prompt, response = (tokenizer.encode(text) for text in example)
    parts = [(BOS, [BOS_ID] * bos), (PROMPT, prompt), (RESPONSE, response), (EOS, [EOS_ID] * eos)]
    tokens = np.concatenate([ids for _, ids in parts]).astype(np.int64)
    return Row(tokens, np.repeat([role for role, _ in parts], [len(ids) for _, ids in parts]))


def encode_all(examples, tokenizer, max_tokens=None):
    """Encode a list of examples, cutting each to its first `max_tokens` tokens.

    Raises ValueError naming the row (from 0) that cannot be encoded, or whose response is cut
    away entirely: such a row would train nothing, or turn a batch's mean into 0 / 0.
    """
    if not examples:
        raise ValueError("there are no examples: the data set is empty")
    if max_tokens is not None and max_tokens < 2:
        raise ValueError(
            f"max_tokens is {max_tokens}: a row needs at least 2, one to read and one to predict"
        )
    rows = []
    for number, example in enumerate(examples):
        try:
            row = encode(example, tokenizer)
        except ValueError as error:
            raise ValueError(f"row {number}: {error}") from None
        cut = Row(row.tokens[:max_tokens], row.roles[:max_tokens])
        if not response_mask(cut.roles[1:]).any():
            raise ValueError(
                f"row {number}: cut to {max_tokens} tokens it keeps no response token, since <bos> "
                f"and prompt take {(row.roles <= PROMPT).sum()}: allow more tokens or drop the row"
            )
        rows.append(cut)
    return rows


def collate(rows, prompt_weight=0.0):
    """Pad rows on the right to one batch; the loss mask is made by `loss_mask`.

    Returns a Batch of (B, T), T = longest row - 1, since every token but the first is a target.
    Raises ValueError for no rows, or a row of one token, which has nothing to predict.
    """
    if not rows:
        raise ValueError("there are no rows to make a batch of")
    shortest, longest = (f(len(row.tokens) for row in rows) for f in (min, max))
    if shortest < 2:
        raise ValueError("a row of fewer than 2 tokens has no target: give it a response")
    tokens = np.full((len(rows), longest), PAD_ID)
    roles = np.full((len(rows), longest), PAD)
    for i, row in enumerate(rows):
        tokens[i, : len(row.tokens)] = row.tokens
        roles[i, : len(row.roles)] = row.roles
    # Position t reads token t and predicts token t + 1; the weight follows the predicted token.
    ids, targets, roles = tokens[:, :-1], tokens[:, 1:], roles[:, 1:]
    return Batch(ids, targets, loss_mask(roles, prompt_weight), roles)


def prompt_mask(roles):
    """1.0 where the target is a prompt token: the terms of log P(x)."""
    return (roles == PROMPT).astype(float)


def response_mask(roles):
    """1.0 where the target is a response token or its <eos>: the terms of log P(y|x)."""
    return (roles >= RESPONSE).astype(float)


def loss_mask(roles, prompt_weight=0.0):
    """Weight of every target: 1 on the response, `prompt_weight` on the prompt, 0 on pads.

    0 is supervised fine-tuning's loss mask, 1 the full-sequence loss; roles (B, T) -> (B, T).
    Raises ValueError unless 0 <= prompt_weight <= 1.
    """
    if not 0 <= prompt_weight <= 1:
        raise ValueError(f"prompt_weight is {prompt_weight}: it must lie between 0 and 1")
    return response_mask(roles) + prompt_weight * prompt_mask(roles)


def count_targets(rows):
    """How many targets of a list of Rows are prompt, and how many response or <eos>."""
    roles = np.concatenate([row.roles[1:] for row in rows])
    return int(prompt_mask(roles).sum()), int(response_mask(roles).sum())


def mask_table(row, tokenizer, prompt_weight=0.0):
    """The answer to "is this token masked?": one line a target."""
    batch = collate([row], prompt_weight)
    lines = []
    for t, (i, target, weight, role) in enumerate(zip(*(a[0] for a in batch), strict=True)):
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


def prompt_text(prompt, level):
    """The chat template, such as it is: what stands between prompt and response.

    Words are kept apart by their spaces; characters and bytes get one newline.
    """
    return prompt if level == "word" else prompt + "\n"


def prompt_hash(prompt):
    """A number in [0, 1) from a prompt's text without case and blank ends, to split data by.

    Repeated prompts thus always fall on the same side, on every machine and in every run.
    Source: the first 8 bytes of SHA-256.
    """
    digest = hashlib.sha256(prompt.strip().casefold().encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def read_jsonl(path):
    """Read {"prompt": ..., "completion": ...} rows, one JSON object a line; a list of Examples.

    Raises ValueError naming file and line for what is no such row; blank lines are skipped.
    """
    examples = []
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line  # byte order mark
            if line.strip():
                try:
                    examples.append(_parse(line))
                except (ValueError, RecursionError) as error:
                    raise ValueError(f"{path}, line {number}: {_reason(error)}") from None
    if not examples:
        raise ValueError(f"{path} holds no rows: the data set is empty")
    return examples


def _parse(line):
    def unique(pairs):
        keys = [key for key, _ in pairs]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise ValueError(f"the key {twice!r} stands twice: keep one")
        return dict(pairs)

    def no_constant(name):
        raise ValueError(f"{name} is not JSON: use null or a string")

    row = json.loads(line.decode("utf-8"), object_pairs_hook=unique, parse_constant=no_constant)
    if not isinstance(row, dict):
        raise ValueError(f'the row is {type(row).__name__}, not an object with "prompt"')
    for key in ("prompt", "completion"):
        if not isinstance(row.get(key), str) or not row[key]:
            found = f"is {row[key]!r}" if key in row else "is missing"
            raise ValueError(f"the field {key!r} {found}: it must be a string that is not empty")
        utf8(row[key])
    return Example(row["prompt"], row["completion"])


def _reason(error):
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON, {error.msg} at column {error.colno}"
    if isinstance(error, RecursionError):
        return "brackets nested too deep: a row is one flat object"
    if "int_max_str_digits" in str(error):
        return "a number with thousands of digits: write it as a string"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8, byte {error.object[error.start]:#04x} at column {error.start + 1}"
    return str(error)
