"""What stands in a sequence and as what: the roles of tokens, and the templates that give them.

<bos> prompt response <eos>                                     an Example
<bos> <user> question <assistant> answer <eos> <user> ...       a Conversation
"""

from typing import NamedTuple

import numpy as np

from . import chat
from .tokenizer import BOS_ID, EOS_ID

PAD, BOS, PROMPT, RESPONSE, EOS, SYSTEM, USER, TOOL, HEADER = range(9)
ROLES = ("pad", "bos", "prompt", "response", "eos", "system", "user", "tool", "header")
ROLE_OF = {"system": SYSTEM, "user": USER, "assistant": RESPONSE, "tool": TOOL}  # a message's content


class Piece(NamedTuple):
    """Tokens of one kind that stand together in a Row."""

    ids: list
    role: int
    turn: int = 0
    weight: float = 1.0


def example_pieces(example, tokenizer, eos):
    """prompt response <eos>: message 0 and message 1."""
    for name, text in zip(("prompt", "response"), example, strict=True):
        if not text:
            raise ValueError(f"the {name} is empty: an example needs both a prompt and a response")
    prompt, response = (tokenizer.encode(text) for text in example)
    return [Piece(prompt, PROMPT, 0), Piece(response, RESPONSE, 1), Piece([EOS_ID] * eos, EOS, 1)]


def message_pieces(conversation, tokenizer, eos):
    """marker content [<eos>] of every message."""
    chat.check(conversation)
    pieces = []
    for turn, (role, content, weight) in enumerate(conversation.messages):
        pieces.append(Piece([tokenizer.marker(role)], HEADER, turn, weight))
        pieces.append(Piece(tokenizer.encode(content), ROLE_OF[role], turn, weight))
        if role == "assistant":
            pieces.append(Piece([EOS_ID] * eos, EOS, turn, weight))
    return pieces


def prompt_ids(prompt, tokenizer):
    """What stands before an answer: <bos> and a text, or <bos>, messages and <assistant>.

    `prompt` is a string, or the chat.Messages so far. Returns ids (n,).
    """
    if isinstance(prompt, str):
        return np.concatenate([[BOS_ID], tokenizer.encode(prompt)])
    parts = [[BOS_ID]]
    for message in prompt:
        parts += [[tokenizer.marker(message.role)], tokenizer.encode(message.content)]
    return np.concatenate([*parts, [tokenizer.marker("assistant")]])
