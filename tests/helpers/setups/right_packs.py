"""Right plans that differ in how several documents share a row."""

from functools import partial

from . import collators, steps
from . import templates as t
from .plans import plan_chats, plan_pairs

PACKED = steps.read_as("positions", "documents")
flatten = collators.flatten


def flatten_with_positions(seed):
    """Documents begin where a position is 0."""
    return plan_pairs(
        seed, collate=partial(flatten, extras=("positions",)), read=steps.read_positions, template=t.LLAMA3
    )


def flatten_with_segments(seed):
    return plan_chats(seed, collate=flatten, read=PACKED)


def flatten_with_ends(seed):
    """cu_seqlens says where documents end."""
    return plan_pairs(seed, collate=partial(flatten, extras=("ends",)), read=steps.read_ends)


def flatten_and_roll(seed):
    return plan_pairs(seed, collate=partial(flatten, rolled=True), read=PACKED, template=t.LLAMA3)


def pack_two_to_a_line(seed):
    return plan_pairs(seed, collate=collators.pack, read=PACKED)


def pack_chats(seed):
    return plan_chats(seed, collate=collators.pack, read=PACKED, template=t.MISTRAL)


def pack_longest_first(seed):
    collate = partial(collators.pack, size=3, order=collators.sort_by_length)
    return plan_pairs(seed, collate=collate, read=PACKED)


def pack_with_relative_positions(seed):
    """Positions run on, but the model knows their differences alone, and documents are kept apart."""
    collate = partial(flatten, extras=("documents",))
    return plan_pairs(2 * seed + 1, collate=collate, read=steps.read_as("documents"))


def pack_with_one_token_between(seed):
    """A document is ended and begun by the same token, which pads, too."""
    collate = partial(collators.pack, pad=t.EOS)
    return plan_pairs(seed, template=t.GPT2, collate=collate, read=PACKED)


def pack_without_begin(seed):
    """Only the stop stands between two documents."""
    return plan_pairs(seed, template=t.PLAIN._replace(begin=()), collate=collators.pack, read=PACKED)


def flatten_into_window(seed):
    """Divided by a number that is handed over with the packed row."""

    def collate(rows):
        return *flatten(rows), 100.0

    read = steps.read_as("positions", "documents", "count")
    return plan_pairs(seed, collate=collate, read=read, divide=steps.by_count)


RIGHT = [value for name, value in list(globals().items()) if getattr(value, "__module__", "") == __name__]
