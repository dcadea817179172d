"""Chat templates as data, and the one function that renders them.

A row is a list of pieces: a token, its loss weight, and where it comes from. The parts are
    begin    tokens in front of the row            header   before a message
    think    an empty think block of the template  content  what the message says
    stop     what ends an answer                   end      what ends another message
    after    what follows the stop, or the end
"""

from typing import NamedTuple

PAD, BOS, EOS, NL, START, END, CLOSE, EOM, USER, BOT, SYSTEM, TOOL = range(12)
THINK, END_THINK, INST, END_INST, IMAGE, SPACE, HASH, ASK, REPLY, GMASK = range(12, 22)
FIRST_WORD = 24
ROLES = {"system": SYSTEM, "user": USER, "assistant": BOT, "tool": TOOL}
FLAGS = ("train", "trainable", "training", "loss")


class Piece(NamedTuple):
    token: int
    weight: float
    role: str
    part: str
    message: int


class Template(NamedTuple):
    headers: dict
    stop: tuple  # () where the next header's first token is the stop
    begin: tuple = ()
    ends: dict = {}  # noqa: RUF012
    after: tuple = ()
    call_stop: tuple = ()  # ends an answer that a tool's output follows, if another token does


def head_all(*form):
    """The same header for all roles; None stands for the role's token."""
    return {role: tuple(token if part is None else part for part in form) for role, token in ROLES.items()}


def end_all(*tokens):
    return dict.fromkeys(("system", "user", "tool"), tokens)


PLAIN = Template({}, (EOS,), begin=(BOS,))
GPT2 = Template({}, (EOS,), begin=(EOS,))
ALPACA = Template({"user": (HASH, ASK, NL), "assistant": (NL, HASH, REPLY, NL)}, (EOS,), begin=(BOS,))
CHATML = Template(head_all(START, None, NL), (END,), ends=end_all(END), after=(NL,))
LLAMA2 = Template({"user": (BOS, INST)}, (EOS,), ends={"user": (END_INST,)})
LLAMA3 = Template(head_all(START, None, CLOSE, NL), (END,), begin=(BOS,), ends=end_all(END))
LLAMA3_CALLS = LLAMA3._replace(call_stop=(EOM,))
GEMMA = Template(head_all(START, None, NL), (END,), begin=(BOS,), ends=end_all(END), after=(NL,))
PHI3 = Template(head_all(None, NL), (END,), ends=end_all(END), after=(NL,))
GLM = Template(head_all(None, NL), (), begin=(GMASK, BOS))
MISTRAL = Template(
    {"user": (INST,), "tool": (TOOL,)},
    (EOS,),
    begin=(BOS,),
    ends={"user": (END_INST,), "tool": (TOOL, END_INST)},
)
DEEPSEEK = Template({"user": (USER,), "assistant": (BOT,), "tool": (TOOL,)}, (EOS,), begin=(BOS,))


def render(template, messages, think=()):
    """The row of a conversation, all dark."""
    row = [Piece(t, 0.0, "", "begin", -1) for t in template.begin]
    for k, message in enumerate(messages):
        role = message["role"]
        follows_call = k + 1 < len(messages) and messages[k + 1]["role"] == "tool"
        stop = template.call_stop if follows_call and template.call_stop else template.stop
        parts = [("header", template.headers.get(role, ())), ("content", message["content"])]
        if role == "assistant":
            parts[1:1] = [("think", think)]
            parts += [("stop", stop)]
        else:
            parts += [("end", template.ends.get(role, ()))]
        parts += [("after", template.after)] if parts[-1][1] else []
        row += [Piece(t, 0.0, role, part, k) for part, tokens in parts for t in tokens]
    return row if template.stop else stop_by_next_header(row, len(messages))


def stop_by_next_header(row, n_messages):
    """The first token of the message after an answer is the answer's stop."""
    marked = []
    for piece in [*row, Piece(USER, 0.0, "user", "header", n_messages)]:
        before = marked[-1] if marked else piece
        if before.role == "assistant" and before.part == "content" and piece.part == "header":
            piece = piece._replace(role="assistant", part="stop", message=before.message)
        marked.append(piece)
    return marked if marked[-1].part == "stop" else marked[:-1]


def weigh_message(message):
    """The message's own weight; 0 where a flag is false."""
    return message.get("weight", 1.0) * all(message.get(flag, True) for flag in FLAGS)


def light(row, messages, roles, **parts):
    """The row with loss weights: contents and stops by role, other parts by name, all by message.

    header=1.0 lights assistants' headers alone, as after= and think= do.
    """
    lit = []
    for piece in row:
        weight = roles.get(piece.role, 0.0) if piece.part in ("content", "stop") else 0.0
        if piece.role == "assistant" and piece.part in parts:
            weight = parts[piece.part]
        own = weigh_message(messages[piece.message]) if piece.role == "assistant" else 1.0
        lit.append(piece._replace(weight=weight * own))
    return lit
