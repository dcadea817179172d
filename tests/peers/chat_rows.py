"""Conversations as rows of tokens and labels, written out by hand; and the faults that such rows can have."""

from typing import NamedTuple

TOOL_CHATS = [
    [
        ("user", "what spins in space"),
        ("assistant", "why two"),
        ("tool", "a flag is red"),
        ("assistant", "a gyroscope keeps its axis"),
    ],
    [
        ("user", "who was first"),
        ("assistant", "name a colour"),
        ("tool", "dark blue"),
        ("assistant", "Gagarin flew first"),
    ],
    [
        ("user", "two plus two"),
        ("assistant", "it is four"),
        ("user", "and three"),
        ("assistant", "seven then"),
    ],
]


class Token(NamedTuple):
    """A token of a row: its id, its part of its message, and that message's role and number."""

    id: int
    part: str  # header, text, stop or newline
    role: str
    turn: int


def spell(chat, tokenizer):
    """A conversation in ChatML as Tokens."""
    row = []
    for turn, message in enumerate(chat["messages"]):
        parts = {"header": f"<|im_start|>{message['role']}\n", "text": message["content"]}
        for part, text in {**parts, "stop": "<|im_end|>", "newline": "\n"}.items():
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            row += [Token(token, part, message["role"], turn) for token in ids]
    return row


def light_answers(row):
    """What carries loss: the answers' texts and their stop tokens."""
    return [token.role == "assistant" and token.part in ("text", "stop") for token in row]


def make_row(chat, tokenizer, light=light_answers):
    """{"input_ids", "labels"} of a conversation; `light` says which of its Tokens carry loss."""
    row = spell(chat, tokenizer)
    labels = [token.id if lit else -100 for token, lit in zip(row, light(row), strict=True)]
    return {"input_ids": [token.id for token in row], "labels": labels}


def list_answer_turns(row):
    """The numbers of a row's answers."""
    return sorted({token.turn for token in row if token.role == "assistant"})


def light_stops_of(choose):
    """A rule that lights answers, and the stop tokens of those turns alone that choose(row) lists."""

    def light(row):
        turns = choose(row)
        right = zip(row, light_answers(row), strict=True)
        return [lit and (token.part != "stop" or token.turn in turns) for token, lit in right]

    return light


def list_turns_without_tool(row):
    """The answers that no tool output follows."""
    roles = {token.turn: token.role for token in row}
    return [turn for turn in list_answer_turns(row) if roles.get(turn + 1) != "tool"]


def light_last_answer(row):
    """The last answer alone."""
    last = list_answer_turns(row)[-1]
    return [lit and token.turn == last for token, lit in zip(row, light_answers(row), strict=True)]


def light_next_header(row):
    """The answers, and on to the end of the next message's header."""
    answers = list_answer_turns(row)
    return [
        lit
        or (token.part == "newline" and token.turn in answers and token.turn < row[-1].turn)
        or (token.part == "header" and token.turn - 1 in answers)
        for token, lit in zip(row, light_answers(row), strict=True)
    ]


def light_with(role, part):
    """A rule that lights answers, and one part of another role's messages."""

    def light(row):
        return [
            lit or (token.role, token.part) == (role, part)
            for token, lit in zip(row, light_answers(row), strict=True)
        ]

    return light


def move(lit, places):
    """A mask moved to the right, or to the left if negative."""
    return [False] * places + lit[:-places] if places > 0 else lit[-places:] + [False] * -places


FAULTS = {
    "mask_not_applied": lambda row: [True] * len(row),
    "mask_one_late": lambda row: move(light_answers(row), 1),
    "mask_one_early": lambda row: move(light_answers(row), -1),
    "mask_inverted": lambda row: [not lit for lit in light_answers(row)],
    "eos_masked": light_stops_of(lambda row: []),
    "last_turn_only": light_last_answer,
    "earlier_stops_masked": light_stops_of(lambda row: list_answer_turns(row)[-1:]),
    "tool_call_stops_masked": light_stops_of(list_turns_without_tool),
    "tool_output_trained": light_with("tool", "text"),
    "span_runs_on": light_next_header,
    "marker_not_found": lambda row: [
        lit and row[3].id % 2 == 0 for lit in light_answers(row)
    ],  # by first word
}
