"""What stands around the parts: pads, headers, stop tokens; and the loss weight that each target should have.

Template tokens next to an answer may carry loss or not, unless the user says otherwise: its header, what
stands between its last word and the stop token, and what follows that (a newline). All else is meant to have
the loss weight of the part that it belongs to.
"""

import itertools
from typing import NamedTuple

import numpy as np

from .examples import (
    BOUNDARY,
    HEADER,
    PAD,
    PROMPT,
    RESPONSE,
    STOP,
    TAIL,
    TEMPLATE,
    find_sequence,
)


class Template(NamedTuple):
    """What a pipeline puts around the parts. before, after: for each example, without pads."""

    before: list
    after: list
    stops: set  # tokens that end an answer
    tail: list  # what follows a stop token


class Layout(NamedTuple):
    """Arrays of one shape: each token's role, the loss weight that is meant, another one that is as good,
    whether any loss weight is, and the numbers of its part and its example (-1 where there is none)."""

    roles: np.ndarray
    meant: np.ndarray
    other: np.ndarray
    is_free: np.ndarray
    parts: np.ndarray
    examples: np.ndarray

    def of_targets(self):
        """The same for the targets (B, T) of tokens (B, T + 1)."""
        return Layout(*(array[:, 1:] for array in self))


# ---------------------------------------------------------------- what stands between


def read_template(before, after, alone, meant):
    """The Template of examples, each alone (row of tokens, Document) in its row."""
    leads = {token for tokens in before for token in tokens}
    stops = set(meant.stop_ids) or {choose_stop(tokens, leads) for tokens in after if tokens}
    tails = [tokens[find_stop(tokens, stops) + 1 :] for tokens in after if tokens]
    tail = max(tails, key=len, default=[])
    return Template(before, after, stops, tail or find_tail_inside(before, alone, stops))


def choose_stop(tokens, leads):
    """Which of the tokens after an answer ends it: the first that is not also part of the headers."""
    return next((token for token in tokens if token not in leads), tokens[0])


def find_stop(tokens, stops):
    """The place of the first stop token; 0 if there is none."""
    return next((k for k, token in enumerate(tokens) if token in stops), 0)


def find_tail_inside(before, alone, stops):
    """What follows the stop token of every earlier answer before a prompt, and begins no header."""
    beginnings = {token for tokens in before for token in tokens[-2:]}  # <bos>, and what opens a header
    rests = []
    for row, document in alone:
        for (_, end, part), (begin, _, following) in itertools.pairwise(document.spans):
            between = row[end:begin].tolist()
            if part.role == RESPONSE and following.role == PROMPT and between:
                rests.append(between[find_stop(between, stops) + 1 :])
    shared = min((count_common(rest, rests[0]) for rest in rests), default=0)
    return (
        list(itertools.takewhile(lambda token: token not in beginnings, rests[0][:shared])) if rests else []
    )


def count_common(a, b):
    """How many tokens two lists share at their beginning."""
    pairs = zip(a, b, strict=False)
    return next((k for k, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b)))


# ---------------------------------------------------------------- roles and loss weights as meant


def lay_out(tokens, documents, template, meant, is_wrapped=False):
    """The Layout of rows of tokens (B, n); `is_wrapped`: a row's last token is its own first one again."""
    shape = tokens.shape
    layout = Layout(
        roles=np.full(shape, PAD),
        meant=np.zeros(shape),
        other=np.zeros(shape),
        is_free=np.zeros(shape, bool),
        parts=np.full(shape, -1),
        examples=np.full(shape, -1),
    )
    order = sorted(range(len(documents)), key=lambda k: documents[k].start)
    for number in order:
        write_document(layout, tokens, number, documents[number], template, meant)
    if is_wrapped:
        for row in range(len(tokens)):
            write_stretch(layout, row, tokens.shape[1] - 1, tokens.shape[1], BOUNDARY)
    return layout


def write_stretch(layout, row, start, end, role, weight=0.0, other=None, part=-1, is_free=False):
    """Enter one stretch of tokens."""
    here = row, slice(start, end)
    layout.roles[here], layout.meant[here] = role, weight
    layout.other[here] = weight if other is None else other
    layout.is_free[here], layout.parts[here] = is_free, part


def write_document(layout, tokens, number, document, template, meant):
    """Enter an example: what stands before it, its parts, what stands between, what follows."""
    row, spans = document.row, document.spans
    start, is_packed = find_lead(layout, tokens, document, template.before[number])
    end = document.end + count_common(tokens[row, document.end :].tolist(), template.after[number])
    layout.examples[row, start:end] = number
    write_stretch(layout, row, start, document.start, TEMPLATE, spans[0][2].weight, 0.0, 0)
    for k, (a, b, part) in enumerate(spans):
        write_stretch(layout, row, a, b, part.role, part.weights, part=k)
    if is_packed:
        write_stretch(layout, row, start, start + 1, BOUNDARY, part=0)
    for k in range(len(spans)):
        stop = spans[k + 1][0] if k + 1 < len(spans) else end
        write_between(layout, tokens, document, k, stop, template, meant)


def find_lead(layout, tokens, document, before):
    """(where an example's lead begins, whether another one stands before it in the row)."""
    earlier = np.flatnonzero(layout.roles[document.row, : document.start])
    if len(earlier):
        return int(earlier[-1]) + 1, True
    n = count_common(tokens[document.row, : document.start].tolist()[::-1], before)
    return document.start - n, False


def write_between(layout, tokens, document, k, end, template, meant):
    """Enter what stands between part k and the next one, or behind the last one, which ends at `end`."""
    row, (_, start, part) = document.row, document.spans[k]
    following = document.spans[k + 1][2] if k + 1 < len(document.spans) else None
    between = tokens[row, start:end].tolist()
    n = count_end(between, part, template)
    if part.role == RESPONSE and between:
        at = start + find_stop(between, template.stops)
        write_free(layout, row, start, start + n, TAIL, meant, k)
        write_stretch(layout, row, at, at + 1, STOP, part.weight, part=k)
    elif between:
        write_stretch(layout, row, start, start + n, TEMPLATE, part.weight, 0.0, k)
    if following is None:
        write_free(layout, row, start + n, end, TAIL, meant, k)
    elif following.role == RESPONSE:
        write_free(layout, row, start + n, end, HEADER, meant, k + 1)
        write_generation_prompt(layout, tokens, row, start + n, end, following, meant)
    else:
        write_stretch(layout, row, start + n, end, TEMPLATE, following.weight, 0.0, k + 1)


def count_end(between, part, template):
    """How many tokens between two parts end the first: up to its stop token, and the tail after that."""
    has_stop = bool(between) and (part.role == RESPONSE or between[0] in template.stops)
    if not has_stop:
        return 0
    n = find_stop(between, template.stops) + 1
    return n + count_common(between[n:], template.tail)


def write_free(layout, row, start, end, role, meant, part):
    """Enter template tokens next to an answer: free, or of the loss weight that the user said."""
    weight = meant.template_weight
    write_stretch(layout, row, start, end, role, weight or 0.0, part=part, is_free=weight is None)


def write_generation_prompt(layout, tokens, row, start, end, answer, meant):
    """Where inference supplies a generation prompt: what is in it is dark, what follows is the answer's."""
    prompt = meant.generation_prompt
    if not prompt:
        return
    at = find_sequence(tokens[row, start : end + len(prompt)].tolist(), prompt)
    if at is None or start + at > end:
        return
    stop = start + at + len(prompt)
    layout.is_free[row, start + at : min(stop, end)] = False
    if stop < end:
        layout.is_free[row, stop:end] = False
        layout.meant[row, stop:end] = layout.other[row, stop:end] = answer.weight
    else:
        layout.is_free[row, end:stop] = True  # inference supplies the answer's first tokens, too
