"""What stands in a sequence and as what: the roles of tokens, and the templates that give them.

<bos> prompt response <eos>                                     an Example
<bos> <user> question <assistant> answer <eos> <user> ...       a Conversation
"""

from typing import NamedTuple

import numpy as np

from . import chat, tokenizer
from .tokenizer import BOS_ID, EOS_ID

PAD, BOS, PROMPT, RESPONSE, EOS, SYSTEM, USER, TOOL, HEADER = range(9)
ROLES = ("pad", "bos", "prompt", "response", "eos", "system", "user", "tool", "header")
ROLE_OF = {"system": SYSTEM, "user": USER, "assistant": RESPONSE, "tool": TOOL}  # a message's content
CHAT_TOKENS = 256  # of a conversation, where --max-tokens does not say


class Piece(NamedTuple):
    """Tokens of one kind that stand together in a Row."""

    ids: list
    role: int
    turn: int = 0
    weight: float = 1.0


def example_pieces(example, words, eos):
    """prompt response <eos>: message 0 and message 1."""
    if not isinstance(example, tuple | list) or len(example) != 2:
        raise ValueError(f"{example!r:.80} is no example: give data.Example(prompt, response)")
    for name, text in zip(("prompt", "response"), example, strict=True):
        if not text:
            raise ValueError(f"the {name} is empty: an example needs both a prompt and a response")
    prompt, response = (words.encode(text) for text in example)
    return [Piece(prompt, PROMPT, 0), Piece(response, RESPONSE, 1), Piece([EOS_ID] * eos, EOS, 1)]


def message_pieces(conversation, words, eos):
    """marker content [<eos>] of every message."""
    chat.check(conversation)
    pieces = []
    for turn, (role, content, weight) in enumerate(conversation.messages):
        pieces.append(Piece([words.marker(role)], HEADER, turn, weight))
        pieces.append(Piece(words.encode(content), ROLE_OF[role], turn, weight))
        if role == "assistant":
            pieces.append(Piece([EOS_ID] * eos, EOS, turn, weight))
    return pieces


def fit_tokenizer(examples, level):
    """The tokenizer of a data set, from one pass over its examples.

    It has role markers if any example is a Conversation; `fit` then makes all of them conversations.
    """
    pieces, is_chat = set(), False
    for example in examples:
        is_chat = is_chat or isinstance(example, chat.Conversation)
        if level != "byte":
            for _, content, *_ in chat.from_example(example).messages:
                pieces.update(tokenizer.split_text(content, level))
    return tokenizer.build(level, pieces if is_chat else pieces | {prompt_text("", level)}, is_chat)


def fit(example, words):
    """An example in the form that a tokenizer's data set has: a Conversation, or an Example whose
    prompt ends as prompt_text says."""
    if words.has_markers:
        return chat.from_example(example)
    return example._replace(prompt=prompt_text(example.prompt, words.level))


def limit(words, max_tokens=None):
    """Tokens that rows are cut to: as said, or else CHAT_TOKENS for conversations; None for no limit."""
    return CHAT_TOKENS if max_tokens is None and words.has_markers else max_tokens


def question(text, words):
    """A question as such a data set asks it: a prompt's text, or one user's message."""
    return (chat.Message("user", text),) if words.has_markers else prompt_text(text, words.level)


def prompt_text(prompt, level):
    """The chat template, such as it is: what stands between prompt and response.

    Words are kept apart by their spaces; characters and bytes get one newline.
    """
    return prompt if level == "word" else prompt + "\n"


def prompt_ids(prompt, words):
    """What stands before an answer: <bos> and a text, or <bos>, messages and <assistant>.

    `prompt` is a string, or the chat.Messages so far. Returns ids (n,). Raises ValueError for others.
    """
    if isinstance(prompt, str):
        return np.concatenate([[BOS_ID], words.encode(prompt)])
    if not isinstance(prompt, tuple | list) or not all(isinstance(m, chat.Message) for m in prompt):
        raise ValueError(f"the prompt is {prompt!r:.80}: it must be a text or a list of chat.Messages")
    parts = [[BOS_ID]]
    for message in prompt:
        if message.role not in chat.ROLES:
            raise ValueError(f"the role is {message.role!r:.80}: it must be one of {', '.join(chat.ROLES)}")
        parts += [[words.marker(message.role)], words.encode(message.content)]
    return np.concatenate([*parts, [words.marker("assistant")]])
