"""Conversations: messages of four roles, what they must hold, and where their prompt ends.

As a sequence (template.py), every message is its marker and its content, and an <eos> follows each
answer of the assistant:

    <bos><user>What is 2+2?<assistant>4<eos><user>And 3+3?<assistant>6<eos>
"""

import reprlib
from typing import NamedTuple

from .tokenizer import encode_utf8

ROLES = ("system", "user", "assistant", "tool")


class Message(NamedTuple):
    """Who says what. `weight` is a factor on the loss weights of its tokens, 0 .. 1."""

    role: str
    content: str
    weight: float = 1.0


class Conversation(NamedTuple):
    """Messages in their order; the assistant's are what a model shall learn to give."""

    messages: tuple


def from_example(example):
    """A prompt and a response as a user's and an assistant's message; a Conversation stays itself."""
    if isinstance(example, Conversation):
        return example
    prompt, response = example
    return Conversation((Message("user", prompt), Message("assistant", response)))


def opening(example):
    """What stands before the first answer: an Example's prompt, or the messages before the
    assistant's first one."""
    if not isinstance(example, Conversation):
        return example.prompt
    roles = [message.role for message in example.messages]
    return example.messages[: roles.index("assistant")]


def text(prompt):
    """A prompt as one text with visible roles, to split data by."""
    if isinstance(prompt, str):
        return prompt
    return "\n".join(f"<{message.role}> {message.content}" for message in prompt)


def check(conversation):
    """Raise ValueError unless every message is sound and the assistant says something."""
    if not isinstance(conversation.messages, tuple | list):
        raise ValueError(f"the messages are {conversation.messages!r:.80}: give a tuple of chat.Messages")
    for i, message in enumerate(conversation.messages):
        problem = problem_of(message)
        if problem:
            raise ValueError(f"messages[{i}]: {problem}")
    if not any(message.role == "assistant" for message in conversation.messages):
        raise ValueError("no message is the assistant's: there would be nothing to learn")


def problem_of(message):
    """What is wrong with one message, in a sentence; "" if nothing is."""
    if not isinstance(message, Message):
        return f"it is {reprlib.repr(message)}, not a chat.Message"
    role, content, weight = message
    if role not in ROLES:
        return f"the role is {reprlib.repr(role)}: it must be one of {', '.join(ROLES)}"
    if not isinstance(content, str):
        return f"the content is {reprlib.repr(content)}: it must be a string"
    if not content and role in ("user", "assistant"):
        return f"the {role} says nothing: give the content a text, or drop the message"
    number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
    if not number or not 0 <= weight <= 1:  # NaN fails, too
        return f"the weight is {reprlib.repr(weight)}: it must be a number between 0 and 1"
    try:
        encode_utf8(content)
    except ValueError as error:
        return str(error)
    return ""
