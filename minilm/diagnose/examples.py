"""An example as its parts: ids, who says them, and the loss weight that each token is meant to have."""

from typing import NamedTuple

import numpy as np

from ..files import row_fields
from .report import DiagnoseError

PAD, TEMPLATE, PROMPT, TOOL, HEADER, RESPONSE, STOP, TAIL, BOUNDARY = range(9)  # what a target counts as
NAMES = ("pad", "template", "prompt", "tool", "header", "answer", "stop", "after-stop", "next document's")


class Part(NamedTuple):
    """A piece of an example: its ids, its role (PROMPT, TOOL, RESPONSE), the loss weights that are meant.

    `weights` has one for each token; `weight` is the message's, which its stop token has, too.
    """

    ids: list
    role: int
    weights: list
    weight: float

    def trim(self, before, after):
        """The part without that many tokens at its ends."""
        end = len(self.ids) - after
        return self._replace(ids=self.ids[before:end], weights=self.weights[before:end])


def encode_parts(example, encode, meant):
    """The Parts of a (prompt, response) pair or of {"messages": [{"role", "content"}, ...]}.

    Raises DiagnoseError for anything else, and for a part that encodes to no token.
    """
    try:
        parts = [encode_piece(encode, meant, *piece) for piece in list_pieces(example)]
        parts = [part for part in parts if part.ids or part.role == RESPONSE]  # an empty system message
    except DiagnoseError:
        raise
    except Exception as error:  # encode is the user's
        raise DiagnoseError(
            f"the example {example!r:.80} is no (prompt, response) pair or messages that `encode` turns "
            f"into ids: {type(error).__name__}: {error}"
        ) from None
    if not all(part.ids for part in parts) or not any(part.role == RESPONSE for part in parts):
        raise DiagnoseError(f"the example {example!r:.80} has no response, or one without tokens")
    return parts


def list_pieces(example):
    """(content, role, factor) of every part: "weight", and false in a flag such as "train", are factors."""
    if isinstance(example, dict):
        messages = [{k: v for k, v in m.items() if v is not None} for m in example["messages"]]
        for number, message in enumerate(messages):
            if not {"role", "content"} <= set(message):
                raise ValueError(f"message {number} has no content: write a tool call into it as text")
        return [(m["content"], m["role"], read_factor(m)) for m in messages]
    if isinstance(example, str):
        raise ValueError("one text is not a pair")
    prompt, response = example
    return [(prompt, "user", 1.0), (response, "assistant", 1.0)]


def read_factor(message):
    """The factor on a message's loss weight: its "weight", or 0 if a flag such as "train" is false."""
    factor = float(message.get("weight", 1.0))
    if not 0 <= factor < np.inf:
        raise ValueError(f"the weight is {factor}: it must not be negative")
    return row_fields.read_factor({k: v for k, v in message.items() if k != "weight"}) * factor


def encode_piece(encode, meant, content, role, factor):
    """One Part; inside an answer, a dark prefix and stretches of thinking have loss weights of their own."""
    ids = [int(i) for i in encode(content)]
    weight = meant.weigh_role(role) * factor
    weights = np.full(len(ids), weight)
    if role == "assistant":
        for start, end in find_thinking(ids, meant.think):
            weights[start:end] = meant.think_weight * factor
        n = len(meant.answer_prefix)
        if n and ids[:n] == meant.answer_prefix:
            weights[:n] = 0.0
    kind = {"assistant": RESPONSE, "tool": TOOL}.get(role, PROMPT)
    return Part(ids, kind, weights.tolist(), weight)


def find_thinking(ids, think):
    """(start, end) of every stretch from what opens thinking to what closes it, or to the end."""
    if not think:
        return
    opening, closing = think
    at = 0
    while (start := find_sequence(ids, opening, at)) is not None:
        end = find_sequence(ids, closing, start + len(opening))
        at = len(ids) if end is None else end + len(closing)
        yield start, at


def find_sequence(ids, wanted, start=0):
    """Where a list of ids stands next in another, or None."""
    n = len(wanted)
    places = (at for at in range(start, len(ids) - n + 1) if n and ids[at : at + n] == wanted)
    return next(places, None)
