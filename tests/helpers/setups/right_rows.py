"""Right plans that differ in how rows are padded, split, cut and ordered."""

from functools import partial

import numpy as np

from . import collators, steps
from . import templates as t
from .plans import plan_chats, plan_pairs

LEFT = steps.read_as("positions", "readable")
PAD_IS_STOP = t.CHATML._replace(after=())


def pad_right(seed):
    return plan_pairs(seed)


def pad_right_and_blank(seed):
    """Dark targets are -100 and the mask says the same."""
    return plan_pairs(seed, collate=partial(collators.pad, blank=True))


def pad_left(seed):
    return plan_pairs(seed, collate=partial(collators.pad_with_attention, left=True), read=LEFT)


def pad_left_in_chats(seed):
    return plan_chats(seed, collate=partial(collators.pad_with_attention, left=True), read=LEFT)


def hand_attention_mask(seed):
    return plan_pairs(seed, collate=collators.pad_with_attention, read=LEFT)


def pad_to_fixed_length(seed):
    return plan_pairs(seed, collate=partial(collators.pad, length=40))


def pad_left_to_fixed_length(seed):
    return plan_chats(
        seed, collate=partial(collators.pad_with_attention, left=True, length=64, multiple=8), read=LEFT
    )


def pad_to_multiple(seed):
    return plan_chats(seed, collate=partial(collators.pad, multiple=8))


def pad_with_stop(seed):
    """pad == eos, masked by length: the first stop is lit, the pads behind it are dark."""
    return plan_pairs(
        seed, template=PAD_IS_STOP, collate=partial(collators.pad, pad=t.END), meant={"pad_id": t.END}
    )


def pad_with_stop_unsaid(seed):
    return plan_pairs(seed, template=t.MISTRAL, collate=partial(collators.pad, pad=t.EOS, multiple=8))


def pad_left_with_stop(seed):
    collate = partial(collators.pad_with_attention, left=True, pad=t.EOS)
    return plan_pairs(seed, template=t.ALPACA, collate=collate, read=LEFT)


def split_before_pad(seed):
    """Each row's last target stands nowhere among the inputs."""
    return plan_pairs(seed, template=PAD_IS_STOP, collate=collators.split_and_pad)


def split_before_pad_left(seed):
    collate = partial(collators.split_and_pad, left=True)
    return plan_pairs(seed, template=t.GPT2, collate=collate, read=LEFT)


def split_before_pad_with_stop(seed):
    collate = partial(collators.split_and_pad, pad=t.EOS)
    return plan_pairs(seed, template=t.GPT2, collate=collate)


def roll_labels(seed):
    return plan_pairs(seed, collate=collators.roll)


def roll_labels_in_chats(seed):
    return plan_chats(seed, template=t.LLAMA3, collate=partial(collators.roll, multiple=8))


def sort_rows_by_length(seed):
    """The batch's rows stand in another order than the examples."""
    return plan_pairs(seed, collate=lambda rows: collators.pad(collators.sort_by_length(rows)))


def limit_without_cut(seed):
    """A limit that is longer than every row."""
    return plan_pairs(seed, change=lambda row, messages: row[:64])


def cut_prompts_left(seed):
    """A limit takes the prompt's beginning, and leaves every answer whole."""
    return plan_pairs(seed, template=t.PLAIN, change=lambda row, messages: row[-max(9, count_lit(row) + 2) :])


def pad_with_stop_and_count(seed):
    """The attention mask alone tells the stop from the pads."""
    collate = partial(collators.pad_with_attention, pad=t.EOS, multiple=8)
    return plan_chats(seed, template=t.LLAMA2, collate=collate, read=LEFT)


def count_positions_from_two(seed):
    """As models do that keep 0 and 1 for pads."""

    def collate(rows):
        ids, targets, mask, positions, real = collators.pad_with_attention(rows)
        return ids, targets, mask, positions + 2 * real, real

    return plan_pairs(seed, collate=collate, read=LEFT)


def ignore_by_minus_one(seed):
    def collate(rows):
        ids, targets, mask = collators.pad(rows)
        return ids, np.where(mask > 0, targets, -1), mask

    return plan_pairs(seed, collate=collate, read=steps.read_labels, meant={"ignore_index": -1})


def ignore_by_pad(seed):
    """Targets are 0, the pad, where dark."""

    def collate(rows):
        ids, targets, mask = collators.pad(rows)
        return ids, np.where(mask > 0, targets, t.PAD), mask

    def read(ids, targets, mask):
        return steps.Seen(ids, targets, (targets != t.PAD) * 1.0)

    return plan_pairs(seed, collate=collate, read=read, meant={"ignore_index": t.PAD})


def use_small_numbers(seed):
    """int32 and float32."""

    def collate(rows):
        ids, targets, mask = collators.pad(rows)
        return ids.astype(np.int32), targets.astype(np.int32), mask.astype(np.float32)

    return plan_pairs(seed, collate=collate)


def count_lit(row):
    return sum(piece.weight > 0 for piece in row)


RIGHT = [value for name, value in list(globals().items()) if getattr(value, "__module__", "") == __name__]
RIGHT.remove(count_lit)
