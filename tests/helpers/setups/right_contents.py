"""Right plans that differ in what messages hold: thoughts, one token, the same again, text, images."""

import numpy as np

from . import draws
from . import templates as t
from .draws import change_answers
from .plans import plan_chats, plan_pairs


def add_thoughts(plan):
    """Every answer begins with a think block of its own."""

    def think(message, k):
        words = message["content"]
        return message | {"content": [t.THINK, *words[::-1], t.END_THINK, *words]}

    return plan._replace(examples=change_answers(plan.examples, think))


def weigh_thoughts(weight):
    """A change of rows: all from <think> to </think> weighs so much."""

    def change(row, messages):
        inside, changed = False, []
        for piece in row:
            inside |= piece.token == t.THINK
            changed.append(piece._replace(weight=weight) if inside else piece)
            inside &= piece.token != t.END_THINK
        return changed

    return change


def light_thoughts(seed):
    return add_thoughts(plan_chats(seed))


def darken_thoughts(seed):
    meant = {"think": ([t.THINK], [t.END_THINK]), "think_weight": 0.0}
    return add_thoughts(plan_chats(seed, change=weigh_thoughts(0.0), meant=meant))


def light_thoughts_faintly(seed):
    meant = {"think": ([t.THINK], [t.END_THINK]), "think_weight": 0.25}
    return add_thoughts(plan_chats(seed, change=weigh_thoughts(0.25), meant=meant))


def darken_prefix(row, messages):
    """Answers' first tokens are dark if they are <think> and a newline."""
    return [
        piece._replace(weight=0.0) if piece.part == "content" and piece.token in (t.THINK, t.NL) else piece
        for piece in row
    ]


def add_prefix(plan):
    examples = change_answers(
        plan.examples, lambda message, k: message | {"content": [t.THINK, t.NL, *message["content"]]}
    )
    return plan._replace(examples=examples)


def darken_said_prefix(seed):
    return add_prefix(plan_chats(seed, change=darken_prefix, meant={"answer_prefix": [t.THINK, t.NL]}))


def light_prefix(seed):
    return add_prefix(plan_chats(seed))


def answer_in_one_token(seed):
    plan = plan_pairs(seed, template=t.CHATML if seed % 2 else t.PLAIN)
    return plan._replace(examples=[(prompt, answer[:1]) for prompt, answer in plan.examples])


def draw_equal_lengths(seed):
    """Answers of one length, but one; prompts all alike long."""
    plan = plan_pairs(seed)
    examples = [((a * 5)[:5], (b * 3)[: 3 + (k == 0)]) for k, (a, b) in enumerate(plan.examples)]
    return plan._replace(examples=examples)


def repeat_tokens(seed):
    plan = plan_pairs(seed)
    examples = [([a[0]] * len(a), [b[0], b[0], *b]) for a, b in plan.examples]
    return plan._replace(examples=examples)


def answer_with_prompt(seed):
    """Echo: an answer that equals its prompt."""
    plan = plan_pairs(seed, template=t.MISTRAL)
    return plan._replace(examples=[(a, a) for a, _ in plan.examples])


def begin_alike(seed):
    """Each prompt holds the one before it, and so does each answer."""
    plan = plan_pairs(seed)
    words = [token for pair in plan.examples for part in pair for token in part]
    examples = [(words[: 2 + 2 * k], words[: 1 + 3 * k]) for k in range(len(plan.examples))]
    return plan._replace(examples=examples)


def begin_with_greeting(seed):
    """The assistant speaks first."""
    plan = plan_chats(seed)
    greet = {"role": "assistant", "content": [30, 31]}
    return plan._replace(examples=[{"messages": [greet, *e["messages"]]} for e in plan.examples])


def end_unanswered(seed):
    """One conversation ends with the user."""
    plan = plan_chats(seed)
    ask = {"role": "user", "content": [33, 34, 35]}
    first, *others = plan.examples
    return plan._replace(examples=[{"messages": [*first["messages"], ask]}, *others])


def encode_texts(seed):
    plan = plan_pairs(seed, encode=draws.encode_letters)
    return plan._replace(examples=draws.draw_texts(np.random.default_rng(seed)))


def trim_contents(seed):
    """The template strips white space from contents, the encoder does not."""

    def trim(row, messages):
        return [piece for piece in row if piece.token != t.SPACE]

    plan = encode_texts(seed)._replace(template=t.LLAMA3, change=trim)
    return plan._replace(examples=[(f" {prompt} ", f"{answer} ") for prompt, answer in plan.examples])


def begin_with_image(seed):
    """Places of an image stand in front of the prompt."""
    plan = plan_pairs(seed, template=t.GEMMA)
    return plan._replace(examples=[([t.IMAGE] * 6 + a, b) for a, b in plan.examples])


def begin_rows_with_image(seed):
    """The places stand in front of the row, where no BOS is."""
    template = t.DEEPSEEK._replace(begin=(t.IMAGE,) * 4)
    return plan_pairs(seed, template=template)


CHANGES = {add_thoughts, weigh_thoughts, darken_prefix, add_prefix}
RIGHT = [
    value
    for name, value in list(globals().items())
    if getattr(value, "__module__", "") == __name__ and value not in CHANGES
]
