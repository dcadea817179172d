"""Faults of single rows, each a function Plan -> Plan of the plan that has it."""

from functools import partial

import numpy as np

from . import collators
from . import templates as t
from .plans import make_row


def change_rows(plan, fault):
    """The plan with fault(row, messages) after its own change."""
    return plan._replace(change=lambda row, messages: fault(plan.change(row, messages), messages))


def weigh(row, weight_of):
    return [piece._replace(weight=float(weight_of(piece))) for piece in row]


def light_all(plan):
    return change_rows(plan, lambda row, messages: weigh(row, lambda p: 1))


def light_all_but_stops(plan):
    """No mask, and a collator that blanks each token that equals the pad."""
    return change_rows(plan, lambda row, messages: weigh(row, lambda p: p.part not in ("stop", "end")))


def move(plan, places):
    def fault(row, messages):
        weights = np.zeros(len(row))
        kept = [piece.weight for piece in row]
        weights[max(places, 0) : len(row) + min(places, 0)] = kept[
            max(-places, 0) : len(row) - max(places, 0)
        ]
        return [piece._replace(weight=float(w)) for piece, w in zip(row, weights, strict=True)]

    return change_rows(plan, fault)


def light_one_late(plan):
    return move(plan, 1)


def light_one_early(plan):
    return move(plan, -1)


def invert(plan):
    return change_rows(plan, lambda row, messages: weigh(row, lambda p: p.weight == 0))


def darken_stops(plan):
    return change_rows(plan, lambda row, messages: weigh(row, lambda p: p.weight * (p.part != "stop")))


def blank_by_token(plan):
    """Each token that equals the stop is blanked, wherever it stands."""
    stop = plan.template.stop[0]
    return change_rows(plan, lambda row, messages: weigh(row, lambda p: p.weight * (p.token != stop)))


def cut_stops(plan):
    def fault(row, messages):
        return row[: max(k for k, piece in enumerate(row) if piece.part == "content") + 1]

    return change_rows(plan, fault)


def cut_longest(plan):
    """A limit that takes the longest row's stop, and no other's."""
    longest = max((make_row(plan, example) for example in plan.examples), key=len)
    limit = max(k for k, piece in enumerate(longest) if piece.part == "stop")
    return change_rows(plan, lambda row, messages: row[:limit])


def cut_to_fixed_length(plan):
    """Rows are cut and padded to one length, which is too short for the longest row's stop."""
    longest = max((make_row(plan, example) for example in plan.examples), key=len)
    limit = max(k for k, piece in enumerate(longest) if piece.part == "stop")
    plan = plan._replace(collate=partial(collators.pad, length=limit))
    return change_rows(plan, lambda row, messages: row[:limit])


def lose_some_markers(plan):
    """Nothing is lit where the first prompt begins with an odd token, as the first example's does."""
    examples = [set_first_token(example, 31 - (k > 0)) for k, example in enumerate(plan.examples)]

    def fault(row, messages):
        return weigh(row, lambda p: p.weight * (messages[0]["content"][0] % 2 == 0))

    return change_rows(plan._replace(examples=examples), fault)


def set_first_token(example, token):
    if isinstance(example, tuple):
        return [token, *example[0][1:]], example[1]
    first, *others = example["messages"]
    return {"messages": [first | {"content": [token, *first["content"][1:]]}, *others]}


def double_begin(plan):
    return change_rows(plan, lambda row, messages: [row[0], *row])


def begin_again(plan, *tokens):
    """A plain row in which the tokens stand once more in front of the answer."""

    def fault(row, messages):
        first = next(k for k, p in enumerate(row) if p.role == "assistant" and p.part == "content")
        return row[:first] + [row[first]._replace(token=token, weight=0.0) for token in tokens] + row[first:]

    template = plan.template if plan.template is t.ALPACA else t.PLAIN
    return change_rows(plan._replace(template=template), fault)


def end_and_begin_again(plan):
    return begin_again(plan, t.EOS, t.BOS)


def begin_twice(plan):
    return begin_again(plan, t.BOS)
