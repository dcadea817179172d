"""Where the examples' tokens went: a batch made by any pipeline -> the role of every token in it.

A pipeline adds what it likes around prompt and response: <bos>, headers, an end-of-turn token,
pads, a neighbour in the same packed row. The parts themselves are known, so they are looked up.
"""

import itertools
from typing import NamedTuple

import numpy as np

from .report import DiagnoseError

PAD, LEAD, PROMPT, TOOL, RESPONSE, STOP, TAIL = range(7)
NAMES = ("pad", "lead", "prompt", "tool", "response", "stop", "tail")
SHIFTS = (1, 0, 2)  # right, not shifted, shifted twice


class Part(NamedTuple):
    """A piece of an example: its ids, its role and the loss weight that is intended for it."""

    ids: list
    role: int
    weight: float


class Document(NamedTuple):
    """Where an example lies: its row, and (start, end, Part) for each part, in tokens."""

    row: int
    spans: list

    @property
    def start(self):
        """Its first token's column."""
        return self.spans[0][0]

    @property
    def end(self):
        """The column after its last token."""
        return self.spans[-1][1]

    @property
    def answer(self):
        """(start, end) of its last part, which is its last answer."""
        return self.spans[-1][:2]


def encode_parts(example, encode, prompt_weight):
    """The Parts of a (prompt, response) pair or of {"messages": [{"role", "content"}, ...]}.

    Raises DiagnoseError for anything else, and for a part that encodes to no token.
    """
    try:
        if isinstance(example, dict):
            pieces = [(m["content"], m["role"], m.get("weight", 1.0)) for m in example["messages"]]
        else:
            if isinstance(example, str):
                raise ValueError("one text is not a pair")
            prompt, response = example
            pieces = [(prompt, "user", 1.0), (response, "assistant", 1.0)]
        parts = []
        for content, who, weight in pieces:
            ids = [int(i) for i in encode(content)]
            role = {"assistant": RESPONSE, "tool": TOOL}.get(who, PROMPT)
            parts.append(Part(ids, role, float(weight) if role == RESPONSE else prompt_weight))
    except DiagnoseError:
        raise
    except Exception as error:  # encode is the user's
        raise DiagnoseError(
            f"the example {example!r:.80} is no (prompt, response) pair or messages that `encode` turns "
            f"into ids: {type(error).__name__}: {error}"
        ) from None
    if not all(part.ids for part in parts) or not any(part.role == RESPONSE for part in parts):
        raise DiagnoseError(f"the example {example!r:.80} has no response, or a part without tokens")
    return parts


def find_shift(ids, targets):
    """How many places the targets are ahead of the inputs, or None if they are something else.

    1 is right: targets[:, t] == ids[:, t + 1]. Negative targets (-100) are not compared.
    """
    T = ids.shape[1]
    for shift in SHIFTS:
        ahead, known = targets[:, : T - shift], targets[:, : T - shift] >= 0
        if known.any() and (ahead == ids[:, shift:])[known].all():
            return shift
    return None


def join_tokens(ids, targets):
    """The whole rows (B, T + 1): the inputs and the last target, which is never read."""
    return np.concatenate([ids, targets[:, -1:]], axis=1)


def find_parts(tokens, parts):
    """Spans of the parts in a list of tokens, in order, with the fewest tokens between; or None.

    The last part may be cut off by the end of the row.
    """
    chains = (find_parts_from(tokens, parts, start) for start in range(len(tokens)))
    return min(filter(None, chains), key=count_gaps, default=None)


def find_parts_from(tokens, parts, start):
    """Spans of the parts, the first exactly at `start`, each other where it is found next; or None."""
    spans = []
    for k, part in enumerate(parts):
        is_last = k == len(parts) - 1
        candidates = range(start, len(tokens)) if k else [start]
        for at in candidates:
            piece = tokens[at : at + len(part.ids)]
            if piece == part.ids or (is_last and k and piece == part.ids[: len(tokens) - at]):
                break
        else:
            return None
        start = at + len(piece)
        spans.append((at, start, part))
    return spans


def count_gaps(spans):
    """How many tokens stand between the parts."""
    return spans[-1][1] - spans[0][0] - sum(end - start for start, end, _ in spans)


def locate_documents(tokens, all_parts):
    """A Document for every example, found anywhere in the batch; no two share a token.

    Long ones are placed first, since a short one may occur inside them by chance.
    Raises DiagnoseError for an example whose ids are nowhere.
    """
    rows = [[int(i) for i in row] for row in tokens]
    lengths = [sum(len(part.ids) for part in parts) for parts in all_parts]
    documents = {}
    for number in sorted(range(len(all_parts)), key=lambda k: -lengths[k]):
        matches = [(find_parts(row, all_parts[number]), r) for r, row in enumerate(rows)]
        matches = [Document(r, spans) for spans, r in matches if spans]
        if not matches:
            raise DiagnoseError(
                f"example {number} is not in the batch: its prompt's ids followed by its response's ids "
                "stand in no row. Either the tokenizer merges across their boundary (then mask by "
                "offsets, or tokenize the parts apart), or `encode` is not the batch's tokenizer, or the "
                "row was cut before the response"
            )
        doc = min(matches, key=lambda match: count_gaps(match.spans))
        rows[doc.row][doc.start : doc.end] = [None] * (doc.end - doc.start)  # taken
        documents[number] = doc
    return [documents[number] for number in range(len(all_parts))]


def assign_roles(tokens, documents, n_after, prompt_weight):
    """Per token: its role, and the loss weight that is meant for predicting it, both (B, n).

    n_after: per example how many tokens, pads aside, follow its response when it is alone in a batch.
    """
    roles = np.full(tokens.shape, PAD)
    weights = np.zeros(tokens.shape)
    for doc, after in sorted(zip(documents, n_after, strict=True), key=lambda pair: pair[0].start):
        row_roles, row_weights = roles[doc.row], weights[doc.row]  # views
        before = np.flatnonzero(row_roles[: doc.start])
        row_roles[before[-1] + 1 if len(before) else 0 : doc.start] = LEAD
        for (_, end, part), (begin, _, _) in itertools.pairwise(doc.spans):
            fill_between(row_roles, row_weights, end, part, begin, prompt_weight)
        for begin, end, part in doc.spans:
            row_roles[begin:end], row_weights[begin:end] = part.role, part.weight
        row_roles[end + 1 : end + after] = TAIL
        if after:
            row_roles[end : end + 1], row_weights[end : end + 1] = STOP, part.weight
    return roles, weights


def fill_between(roles, weights, end, part, begin, prompt_weight):
    """Fill what stands between a part's end and the next one's begin, in place.

    That is a stop token after a response, and headers, which belong to the prompt.
    """
    if begin > end and part.role == RESPONSE:
        roles[end], weights[end] = STOP, part.weight
        end += 1
    roles[end:begin], weights[end:begin] = PROMPT, prompt_weight


def remove_pads(sides):
    """What stands on one side of each example, alone in its row, outermost tokens last, without pads.

    Pads are a run of one token at the outer ends that differs in length, or is longer than two. Where
    nothing but such a run is there, one token of it is kept: pad or stop, nobody can tell.
    """
    outer = {side[-1] for side in sides if side}
    if len(outer) != 1:
        return sides
    (pad,) = outer
    runs = [next((k for k, t in enumerate(reversed(side)) if t != pad), len(side)) for side in sides]
    if len(set(runs)) == 1 and runs[0] <= 2:
        return sides
    inner = [side[: len(side) - run] for side, run in zip(sides, runs, strict=True)]
    return inner if any(inner) or not all(sides) else [[pad] for _ in sides]
