"""Right plans that differ in the template alone."""

from functools import partial

from . import collators
from . import templates as t
from .plans import plan_chats, plan_pairs

EMPTY_THINK = (t.THINK, t.NL, t.END_THINK, t.NL)


def use_plain(seed):
    return plan_pairs(seed, template=t.PLAIN)


def use_plain_in_chats(seed):
    """No headers at all: the stop alone parts the turns."""
    return plan_chats(seed, template=t.PLAIN)


def use_alpaca(seed):
    return plan_pairs(seed, template=t.ALPACA)


def use_chatml(seed):
    return plan_chats(seed)


def use_chatml_with_lit_newline(seed):
    """The span that is trained ends behind the newline after the stop."""
    return plan_chats(seed, parts={"after": 1.0})


def use_chatml_with_lit_newline_in_pairs(seed):
    return plan_pairs(seed, parts={"after": 1.0})


def use_llama2(seed):
    """<s> in front of every turn."""
    return plan_chats(seed, template=t.LLAMA2)


def use_llama3(seed):
    return plan_chats(seed, template=t.LLAMA3, system=True)


def use_gemma(seed):
    return plan_chats(seed, template=t.GEMMA, parts={"after": float(seed % 2)})


def use_phi3(seed):
    return plan_chats(seed, template=t.PHI3, system=True)


def use_glm(seed):
    """An answer is stopped by the next message's role."""
    return plan_chats(seed, template=t.GLM, tools=True, meant={"stop_ids": (t.USER, t.TOOL)})


def use_glm_unsaid(seed):
    return plan_chats(seed, template=t.GLM)


def use_mistral(seed):
    return plan_chats(seed, template=t.MISTRAL)


def use_deepseek(seed):
    return plan_chats(seed, template=t.DEEPSEEK, system=True)


def use_gpt2(seed):
    """One token begins, ends and pads."""
    return plan_pairs(seed, template=t.GPT2, collate=partial(collators.pad, pad=t.EOS))


def use_system_messages(seed):
    return plan_chats(seed, system=True)


def light_empty_think(seed):
    return plan_chats(seed, think=EMPTY_THINK, parts={"think": 1.0})


def darken_empty_think(seed):
    return plan_chats(seed, think=EMPTY_THINK)


def say_generation_prompt(seed):
    return plan_chats(seed, meant={"generation_prompt": [t.START, t.BOT, t.NL]})


def say_generation_prompt_with_think(seed):
    """Inference supplies the empty think block, too."""
    prompt = [t.START, t.BOT, t.NL, *EMPTY_THINK]
    return plan_chats(seed, think=EMPTY_THINK, meant={"generation_prompt": prompt})


def light_header_unsaid(seed):
    """The answer's own header carries loss, and nothing is said of it."""
    return plan_chats(seed, parts={"header": 1.0})


def say_dark_template(seed):
    return plan_chats(seed, meant={"template_weight": 0.0})


def say_lit_template(seed):
    """Header, think block and newline are meant to be learned."""
    parts = {"header": 1.0, "think": 1.0, "after": 1.0}
    return plan_chats(seed, think=EMPTY_THINK, parts=parts, meant={"template_weight": 1.0})


def inject_system(seed):
    """The template puts a system message of its own in front of every row."""
    words = (t.START, t.SYSTEM, t.NL, 40, 41, 42, 43, t.END, t.NL)
    return plan_chats(seed, template=t.CHATML._replace(begin=words))


def stop_with_two_tokens(seed):
    """An answer ends with '###' and a newline, both lit."""
    return plan_pairs(seed, template=t.ALPACA._replace(stop=(t.HASH, t.NL)))


RIGHT = [value for name, value in list(globals().items()) if getattr(value, "__module__", "") == __name__]
