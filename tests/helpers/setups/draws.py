"""Examples at random: prompts and answers, conversations."""

from . import templates as t
from .models import V


def draw_words(rng, n):
    return rng.integers(t.FIRST_WORD, V, n).tolist()


def draw_pairs(rng, longest=9):
    """Prompts and answers, no two of one length."""
    n = int(rng.integers(3, 6))
    lengths = zip(rng.permutation(range(2, longest))[:n], rng.permutation(range(1, 7))[:n], strict=True)
    return [(draw_words(rng, a), draw_words(rng, b)) for a, b in lengths]


def draw_message(rng, role, shortest=2):
    return {"role": role, "content": draw_words(rng, int(rng.integers(shortest, 7)))}


def draw_chats(rng, tools=False, system=False):
    """Conversations of one to three turns, the longest last; tools are asked in every turn."""
    chats = []
    for turns in [1, 2, 3, 2][: int(rng.integers(3, 5))]:
        messages = [draw_message(rng, "system")] * system
        for _ in range(turns):
            messages = [*messages, draw_message(rng, "user")]
            if tools:
                messages += [draw_message(rng, "assistant"), draw_message(rng, "tool")]
            messages.append(draw_message(rng, "assistant", shortest=1))
        chats.append({"messages": messages})
    return chats


def draw_texts(rng):
    """Prompts and answers as text."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    pairs = draw_pairs(rng)
    return [tuple("".join(letters[i % 26] for i in part) for part in pair) for pair in pairs]


def encode_letters(text):
    """A token a letter; a space is a token of its own."""
    return [t.SPACE if letter == " " else t.FIRST_WORD + ord(letter) - ord("a") for letter in text]


def change_answers(chats, change):
    """The conversations with change(message, k) in place of every answer, k its place."""
    return [
        {
            "messages": [
                change(message, k) if message["role"] == "assistant" else message
                for k, message in enumerate(chat["messages"])
            ]
        }
        for chat in chats
    ]


def read_messages(example, encode=list):
    """An example as messages, contents as ids."""
    if not isinstance(example, dict):
        example = {
            "messages": [
                {"role": "user", "content": example[0]},
                {"role": "assistant", "content": example[1]},
            ]
        }
    return [message | {"content": list(encode(message["content"]))} for message in example["messages"]]
