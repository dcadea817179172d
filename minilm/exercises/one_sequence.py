"""The exercises on one sequence: the shift; the loss mask is taken in."""

import numpy as np

from .checker import examples
from .checker.exercise import Exercise, draw_sizes
from .question import Question
from .single import mask_of_roles


def shift(tokens):
    """ids and targets (B, T) of tokens (B, T + 1)."""
    return tokens[:, :-1], tokens[:, 1:]


def make_tokens(rng, dtype):
    B, T = draw_sizes(rng, "B", "T", low=3)
    return (rng.integers(0, 99, (B, T + 1)),)


def make_shift_mistakes(tokens):
    ids, targets = shift(tokens)
    rolled, back = np.roll(tokens, -1, axis=1), np.roll(tokens, 1, axis=1)
    turned, ignored = tokens[:, ::-1], targets.copy()
    ignored[:, -1] = -100
    return {
        "ids": {
            "One column too many: the last token has no successor to predict.": tokens,
            "This drops a row: the first axis is the batch, write tokens[:, :-1].": tokens[:-1],
            "Only the first row is there: keep the axis of the batch, tokens[:, :-1].": ids[0],
            "Only the first token is there: everything but the last is read, tokens[:, :-1].": ids[:, :1],
            "The first token is cut off, too: it is read, though it is never predicted.": ids[:, 1:],
            "These are the targets: what is read begins with the first token, tokens[:, :-1].": targets,
            "Two columns are cut: only the last token has no successor.": ids[:, :-1],
        },
        "targets": {
            "targets equal ids: without the shift the model learns to copy.": ids,
            "One column too many: the first token is never a target.": tokens,
            "This drops a row: the first axis is the batch, write tokens[:, 1:].": tokens[1:],
            "Only the last token is there: every position has a target, tokens[:, 1:].": tokens[:, -1:],
            "Shifted twice: the target of position t is token t + 1.": tokens[:, 2:],
            "Shifted the wrong way: the target comes after what is read, not before.": back[:, :-1],
            "np.roll brings the first token to the end, where nothing follows: cut instead.": rolled[:, 1:],
            "np.roll keeps the first token, at the end: cut it off.": rolled,
            "The row is turned round: the target is the next token, in the old order.": turned[:, :-1],
            "1 is added to the ids: the target is the next token, not the next number.": ids + 1,
            "-100 stands at the end: T + 1 tokens have T targets, and none is ignored.": ignored,
            "These are differences: the target is the next token itself.": np.diff(tokens, axis=1),
        },
    }


def find_ignored(label, wrong):
    """A sentence for ids or targets in which -100 stands, or ""."""
    if not all((got == -100).any() for _, got, _ in wrong):
        return ""
    return (
        "-100 stands in it: ids and targets are token ids here, what carries loss is said by the loss mask."
    )


EXERCISES = {
    "shift": Exercise(
        "shift(tokens): from tokens (B, T + 1) return (ids, targets), both (B, T): what the model "
        "reads, and what it should predict at each position.",
        ("ids", "targets"),
        shift,
        make_tokens,
        make_shift_mistakes,
        hints=(
            "Write a row on paper. Which tokens are read? Which are predicted?",
            "return tokens[:, :-1], tokens[:, 1:]",
        ),
        diagnose=find_ignored,
        show_off=examples.show_shift,
    ),
    **mask_of_roles.EXERCISES,
}

QUESTIONS = {
    "which_token": Question(
        "A language model is fine-tuned on this example: ['User:', 'What', 'is', '2+2?', 'Assistant:', "
        "'4']. It should learn to answer. On which token or tokens is the loss calculated?",
        {
            "a": "on all six",
            "b": "on 'Assistant:' and '4'",
            "c": "on '4'",
            "d": "on 'Assistant:'",
            "e": "on the five from 'User:' to 'Assistant:'",
        },
        "c",
        {
            "a": "All six are read, and you grade all that is read. That is full-sequence loss: it also "
            "trains the model to write what users write. Chatbot B of lesson 0 was trained so, and writes a "
            "whole question when nobody asks. Nor could all six be graded here: nothing stands before "
            "'User:', so nothing predicts it.",
            "b": "You count the marker as a part of the answer. But the prompt ends with it: whoever asks "
            "also writes 'Assistant:', and the model only goes on from there. In the table below, the line "
            "whose target is 'Assistant:' has loss weight 0.",
            "c": "One target of five carries loss. The model predicts it from the five tokens of the "
            "prompt: it reads them all, and is graded on none of them.",
            "d": "You name the token that is read, not the one that is predicted. The loss is calculated at "
            "the position that reads 'Assistant:', on the target of this position, which is '4'. A mask "
            "that mixes up the two is one position off.",
            "e": "You take what is read for what is graded. The model needs the prompt to predict '4', but "
            "these five come from the user. With loss on them alone, the model would learn to ask and never "
            "to answer.",
        },
    ),
}
