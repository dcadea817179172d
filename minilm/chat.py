"""From text to a sequence with roles: which tokens it has, and what each one counts as.

<bos> prompt response <eos>                                     a data.Example
<bos> <user> question <assistant> answer <eos> <user> ...       a Conversation

`give_roles` is the whole rule. The rest of this file says what a conversation must hold, where a
prompt ends, and how the two forms of rows become one data set.
"""

import numbers
import reprlib
from typing import NamedTuple

import numpy as np

from . import losses
from . import tokenizer as tokenizers
from .tokenizer import BOS_ID, EOS_ID

PAD, BOS, PROMPT, RESPONSE, EOS, SYSTEM, USER, TOOL, HEADER = range(9)  # what a token counts as
ROLES = ("pad", "bos", "prompt", "response", "eos", "system", "user", "tool", "header")
ROLE_OF = {"system": SYSTEM, "user": USER, "assistant": RESPONSE, "tool": TOOL}  # what a message counts as
SPEAKERS = tuple(ROLE_OF)
FACTOR_RULE = "a number between 0 and 1, and if not 0, at least 1e-30"


class Message(NamedTuple):
    """Who says what: one of SPEAKERS. `weight`, 0 .. 1, is a factor on the loss weights of its tokens."""

    role: str
    content: str
    weight: float = 1.0


class Conversation(NamedTuple):
    """Messages in their order; the assistant's are what a model should learn to give."""

    messages: tuple


class Piece(NamedTuple):
    """Neighbouring tokens of one role, one message (turn, from 0) and one factor on the loss weight."""

    ids: list
    role: int
    turn: int = 0
    weight: float = 1.0


def give_roles(example, tokenizer, bos=True, eos=True):
    """The whole rule: the tokens of an Example or a Conversation, and the role of each. Returns Pieces.

    Only the role decides about the loss: RESPONSE and EOS carry it, all others are the prompt.
    The <eos> after an answer belongs to that answer. Markers such as <assistant> are HEADER.
    Raises ValueError for an empty prompt or response, and what check_conversation and the tokenizer raise.
    """
    pieces = [Piece([BOS_ID], BOS)] if bos else []
    end = [EOS_ID] if eos else []
    if isinstance(example, Conversation):
        check_conversation(example)
        for turn, (speaker, content, weight) in enumerate(example.messages):
            pieces.append(Piece([tokenizer.marker(speaker)], HEADER, turn, weight))
            pieces.append(Piece(tokenizer.encode(content), ROLE_OF[speaker], turn, weight))
            if speaker == "assistant":
                pieces.append(Piece(end, EOS, turn, weight))
        return pieces
    check_example(example)
    prompt, response = example
    pieces.append(Piece(tokenizer.encode(prompt), PROMPT, 0))
    pieces.append(Piece(tokenizer.encode(response), RESPONSE, 1))
    pieces.append(Piece(end, EOS, 1))
    return pieces


def prompt_ids(prompt, tokenizer):
    """What stands before an answer: <bos> and a text, or <bos>, messages and <assistant>.

    `prompt` is a string, or the Messages so far. Returns ids (n,). Raises ValueError for anything else.
    """
    if isinstance(prompt, str):
        return np.concatenate([[BOS_ID], tokenizer.encode(prompt)])
    if not isinstance(prompt, tuple | list) or not all(isinstance(m, Message) for m in prompt):
        raise ValueError(f"the prompt is {prompt!r:.80}: it must be a text or a list of chat.Messages")
    parts = [[BOS_ID]]
    for message in prompt:
        if message.role not in SPEAKERS:
            raise ValueError(f"the role is {message.role!r:.80}: it must be one of {', '.join(SPEAKERS)}")
        parts += [[tokenizer.marker(message.role)], tokenizer.encode(message.content)]
    return np.concatenate([*parts, [tokenizer.marker("assistant")]])


def fit_tokenizer(examples, level):
    """The tokenizer of a data set, from one pass over its Examples and Conversations.

    It has role markers if any of them is a Conversation; `fit_example` then makes conversations of all.
    """
    pieces, is_chat = set(), False
    for example in examples:
        is_chat = is_chat or isinstance(example, Conversation)
        if level != "byte":
            for message in to_conversation(example).messages:
                pieces.update(tokenizers.split_text(message.content, level))
    if not is_chat:
        pieces.add(end_prompt("", level))
    return tokenizers.build(level, pieces, is_chat)


def fit_example(example, tokenizer):
    """An example in the form that a tokenizer's data set has: a Conversation where the tokenizer has
    role markers, else an Example whose prompt ends as `end_prompt` says."""
    if tokenizer.has_markers or isinstance(example, Conversation):
        return to_conversation(example)
    return example._replace(prompt=end_prompt(example.prompt, tokenizer.level))


def fit_prompt(text, tokenizer):
    """A question in the form that a tokenizer's data set has: one user's message, or a prompt's text."""
    if tokenizer.has_markers:
        return (Message("user", text),)
    return end_prompt(text, tokenizer.level)


def end_prompt(prompt, level):
    """A prompt with its separator from the response: a newline at character and byte level, nothing
    at word level."""
    return prompt if level == "word" else prompt + "\n"


def to_conversation(example):
    """A prompt and a response as a user's and an assistant's message; a Conversation stays itself."""
    if isinstance(example, Conversation):
        return example
    prompt, response = example
    return Conversation((Message("user", prompt), Message("assistant", response)))


def find_prompt(example):
    """What stands before the first answer: an Example's prompt, or the Messages before the first answer
    that carries loss; a greeting, before any user speaks, is one only where there is no other."""
    if not isinstance(example, Conversation):
        return example.prompt
    speakers = [message.role for message in example.messages]
    answers = [
        i for i, message in enumerate(example.messages) if message.role == "assistant" and message.weight
    ]
    first = answers[0] if answers else speakers.index("assistant")
    return example.messages[: next((i for i in answers if "user" in speakers[:i]), first)]


def write_prompt(prompt):
    """A prompt, text or Messages, as one text with visible roles, to split data by."""
    if isinstance(prompt, str):
        return prompt
    return "\n".join(f"<{message.role}> {message.content}" for message in prompt)


def check_example(example):
    """Raise ValueError unless an example has a prompt and a response, neither of them empty."""
    if not isinstance(example, tuple | list) or len(example) != 2:
        raise ValueError(f"{example!r:.80} is no example: give data.Example(prompt, response)")
    for name, text in zip(("prompt", "response"), example, strict=True):
        if not text:
            raise ValueError(f"the {name} is empty: an example needs both a prompt and a response")


def check_conversation(conversation):
    """Raise ValueError unless every message is sound and the assistant says something."""
    if not isinstance(conversation.messages, tuple | list):
        raise ValueError(f"the messages are {conversation.messages!r:.80}: give a tuple of chat.Messages")
    for i, message in enumerate(conversation.messages):
        problem = find_problem(message)
        if problem:
            raise ValueError(f"messages[{i}]: {problem}")
    if not any(message.role == "assistant" for message in conversation.messages):
        raise ValueError("no message is the assistant's: there would be nothing to learn")


def find_problem(message):
    """What is wrong with one message, in a sentence; "" if nothing is."""
    if not isinstance(message, Message):
        return f"it is {reprlib.repr(message)}, not a chat.Message"
    speaker, content, weight = message
    if speaker not in SPEAKERS:
        return f"the role is {reprlib.repr(speaker)}: it must be one of {', '.join(SPEAKERS)}"
    if not isinstance(content, str):
        return f"the content is {reprlib.repr(content)}: it must be a string"
    if not content and speaker in ("user", "assistant"):
        return f"the {speaker} says nothing: give the content a text, or drop the message"
    if not is_factor(weight):
        return f"the weight is {reprlib.repr(weight)}: it must be {FACTOR_RULE}"
    try:
        tokenizers.encode_utf8(content)
    except ValueError as error:
        return str(error)
    return ""


def is_factor(value):
    """Whether a value can be a factor on loss weights, as FACTOR_RULE says. NaN fails."""
    return is_number(value) and 0 <= value <= 1 and losses.is_weight(value)


def is_number(value, kind=numbers.Real):
    """Whether a value is a number of this kind. True and False are none."""
    return isinstance(value, kind) and not isinstance(value, bool)
