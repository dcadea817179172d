"""A conversation with a tool call: its targets at the bottom, and one line of loss weights a mask."""

import numpy as np

from ... import chat, data, masks
from ... import tokenizer as tokenizers
from .. import plots

MESSAGES = (
    ("user", "is it warm ?"),
    ("assistant", "call weather"),
    ("tool", "21 degrees"),
    ("assistant", "yes , 21 degrees"),
)
DARK = "0.93"
ALT = (
    "A grid. At the bottom the 18 targets of a conversation: a user's question, an assistant's call of a "
    "tool, the tool's output, the assistant's answer, with a marker before each message and an <eos> after "
    "each of the assistant's. Above them one line for each of seven masks. Squares that carry loss are "
    "blue. answers: call weather <eos>, and yes , 21 degrees <eos>, 8 targets. last: the second of these, "
    "5. no eos: both without <eos>, 6. last eos: answers without the first <eos>, 7. headers: answers and "
    "the two <assistant> markers, 10. full: all 18. no tool: all but 21 degrees of the tool, 16."
)


def make_batch():
    """(targets as texts, Batch) of the conversation."""
    tokenizer = tokenizers.build("word", [content for _, content in MESSAGES], markers=True)
    talk = chat.Conversation(tuple(chat.Message(*message) for message in MESSAGES))
    batch = data.collate([data.encode(talk, tokenizer)])
    return [tokenizer.show(target) for target in batch.targets[0]], batch


def make_masks(roles, turns):
    """{name: loss weights (B, T)}, the usual one first."""
    answers, full = masks.response(roles), masks.prompt_weighted(roles, 1.0)
    return {
        "answers": answers,
        "last": answers * masks.last_turn(roles, turns),
        "no eos": answers * masks.without_eos(roles),
        "last eos": answers * masks.eos_of_last_turn(roles, turns),
        "headers": np.maximum(answers, masks.headers(roles, turns)),
        "full": full,
        "no tool": full * masks.without_system_and_tool(roles),
    }


def draw():
    """The grid: targets at the bottom, masks above, the number of lit targets at the right."""
    names, batch = make_batch()
    lines = make_masks(batch.roles, batch.turns)
    figure = plots.new_figure(9.5, 4.4)
    axes = figure.subplots()
    for y, (name, mask) in enumerate(lines.items()):
        for x, weight in enumerate(mask[0]):
            axes.bar(x, 0.84, 0.92, bottom=y - 0.42, color=plots.BLUE if weight else DARK)
        axes.text(-0.8, y, name, ha="right", va="center", fontsize=plots.FONT)
        axes.text(len(names) - 0.2, y, f"{mask.sum():g}", va="center", fontsize=plots.FONT)
    turns = batch.turns[0]
    for turn, (role, _) in enumerate(MESSAGES):
        places = np.flatnonzero(turns == turn)
        axes.plot([places[0] - 0.4, places[-1] + 0.4], [-3.4, -3.4], color=plots.GREY, linewidth=1.5)
        axes.text(places.mean(), -3.6, role, ha="center", va="top", fontsize=plots.FONT - 1)
    for x, name in enumerate(names):
        axes.text(x, -0.65, name, ha="center", va="top", rotation=90, fontsize=plots.FONT)
    axes.set(xlim=(-3, len(names) + 0.6), ylim=(-4.3, len(lines) - 0.4))
    axes.set_axis_off()
    return figure
