"""One row's JSON object -> data.Example or chat.Conversation, by the table of fields in rows.py."""

import reprlib

from .. import chat, data

FLAGS = ("trainable", "train", "training", "loss")  # true is a weight of 1, false of 0
KINDS = {  # names of a kind of field that is refused: what it holds, and what to do
    "reasoning_content reasoning thinking thoughts": "what the model thinks: write it into the answer's text",
    "tool_calls function_call": "a tool call: write the call into its content as text",
    "tools functions": "tools, which the model is not shown: write them into a system message, or drop them",
    "images image videos video audios audio": "more than text: drop the field, or the row",
    "loss_mask step_loss_mask completion_mask assistant_masks mask masked spans weights loss_weight "
    "sample_weight loss_scale": 'another mask: give the whole message or row a "weight" from 0 to 1',
    "history": 'earlier turns: write all turns as "messages", with "weight": 0 where nothing is learned',
    "conversations conversation": 'ShareGPT\'s turns: name it "messages", its "from" "role" (human: user, '
    'gpt: assistant), its "value" "content"',
    "instruction input output": 'an Alpaca row: write {"prompt": instruction + input, "completion": output}',
    "chosen rejected": 'one of two answers (DPO): keep the chosen one alone, as "completion" or "messages"',
    "text": 'a text without roles: write {"prompt": what is given, "completion": what is learned}',
}
REFUSED = {name: what for names, what in KINDS.items() for name in names.split()}


def parse_row(row):
    """A JSON object -> Example, or Conversation where it is more than two texts. Raises ValueError."""
    row = check_fields(row)
    messages, factor, system = parse_turns(row), read_factor(row), row.get("system", "")
    is_plain = all(isinstance(row.get(key), str) for key in ("prompt", "completion"))
    if is_plain and factor == 1 and system == "":
        return data.Example(row["prompt"], row["completion"])
    if system != "":
        if any(message.role == "system" for message in messages):
            raise ValueError('the row has both "system" and a message of the system: keep one')
        messages.insert(0, parse_message({"role": "system", "content": system}, "system"))
    weighted = chat.Conversation(tuple(m._replace(weight=m.weight * factor) for m in messages))
    chat.check_conversation(weighted)
    return weighted


def parse_turns(row):
    """The Messages of a row. Answers that stand in its prompt have weight 0. Raises ValueError."""
    if "messages" not in row:
        given, answer = parse_part(row, "prompt", "user"), parse_part(row, "completion", "assistant")
        if all(message.role != "assistant" for message in answer):
            raise ValueError("the completion has no message of the assistant: there is nothing to learn")
        return [m._replace(weight=0.0) if m.role == "assistant" else m for m in given] + answer
    if "prompt" in row or "completion" in row:
        raise ValueError('the row has both "messages" and "prompt" or "completion": keep one form')
    return parse_messages(row["messages"], "messages")


def check_fields(fields, place=""):
    """The fields of an object that are not null. Raises ValueError for one that is REFUSED and not empty."""
    for name, what in REFUSED.items():
        if name in fields and fields[name] not in (None, "", [], {}):
            raise ValueError(f"{place}the field {name!r} holds {what}")
    return {name: value for name, value in fields.items() if value is not None}


def read_factor(fields, place="", can_learn=True):
    """The factor on loss weights that a row or a message asks for: its weight, or 0 if a flag is false.

    Raises ValueError for what is no factor or flag, and for true where nothing can be learned.
    """
    factor = fields.get("weight", 1.0)
    if not chat.is_factor(factor):
        raise ValueError(f"{place}the weight is {reprlib.repr(factor)}: it must be {chat.FACTOR_RULE}")
    for flag in (flag for flag in FLAGS if flag in fields):
        if fields[flag] not in (True, False):
            rule = 'it must be true or false; a number is written as "weight"'
            raise ValueError(f"{place}the field {flag!r} is {reprlib.repr(fields[flag])}: {rule}")
        if fields[flag] and not can_learn:
            raise ValueError(f"{place}the field {flag!r} is true, but only answers carry loss: drop it here")
        factor = factor if fields[flag] else 0.0
    return factor


def parse_part(row, key, speaker):
    """A row's prompt or completion, the speaker's text or a list -> Messages. Raises ValueError."""
    value = row.get(key)
    if not value or not isinstance(value, str | list):
        given = f"is {value!r:.80}" if key in row else 'is missing, and there is no "messages"'
        rule = "it must be a string that is not empty, or a list of messages"
        raise ValueError(f"the field {key!r} {given}: {rule}")
    return parse_messages([{"role": speaker, "content": value}] if isinstance(value, str) else value, key)


def parse_messages(messages, key):
    """A list of JSON objects -> a list of Messages. Raises ValueError."""
    if not isinstance(messages, list) or not messages:
        raise ValueError(f"the field {key!r} must be a list of messages that is not empty")
    return [parse_message(message, f"{key}[{i}]") for i, message in enumerate(messages)]


def parse_message(message, place):
    """A JSON object -> Message. Raises ValueError."""
    if not isinstance(message, dict):
        raise ValueError(f'{place} is {type(message).__name__}, not an object with "role"')
    message = check_fields(message, f"{place}: ")
    for key, other in (("role", "from"), ("content", "value")):
        if key not in message:
            hint = f": give {other!r} this name" if other in message else ""
            raise ValueError(f"{place}: the field {key!r} is missing{hint}")
    role = "system" if message["role"] == "developer" else message["role"]
    factor = read_factor(message, f"{place}: ", role == "assistant")
    parsed = chat.Message(role, join_parts(message["content"], f"{place}: "), factor)
    problem = chat.find_problem(parsed)
    if problem:
        raise ValueError(f"{place}: {problem}")
    return parsed


def join_parts(content, place):
    """A content; its parts {"type": "text", "text": ...} as one text. Raises ValueError for other parts."""
    if not isinstance(content, list):
        return content
    texts = []
    for i, part in enumerate(content):
        fields = {k: v for k, v in part.items() if v is not None} if isinstance(part, dict) else {}
        texts.append(fields.pop("text", None))
        if not isinstance(texts[i], str) or fields not in ({}, {"type": "text"}):
            rule = 'only {"type": "text", "text": ...} is read, and a weight stands at the whole message'
            raise ValueError(f"{place}content[{i}] is {reprlib.repr(part)}: {rule}")
    return "".join(texts)
