"""Where the examples' tokens went: a batch made by any pipeline -> the role of every token in it.

A pipeline adds what it likes around prompt and response: <bos>, headers, an end-of-turn token,
pads, a neighbour in the same packed row. The parts themselves are known, so they are looked up.
"""

from typing import NamedTuple

import numpy as np

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


class DiagnoseError(ValueError):
    """What was handed over cannot be diagnosed; the message says why and what to do."""


def parts_of(example, encode, prompt_weight):
    """The Parts of a (prompt, response) pair or of {"messages": [{"role", "content"}, ...]}.

    Raises DiagnoseError for anything else, and for a part that encodes to no token.
    """
    try:
        if isinstance(example, dict):
            pieces = [(m["content"], m["role"], m.get("weight", 1.0)) for m in example["messages"]]
        else:
            prompt, response = example if not isinstance(example, str) else (example,)
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


def shift_of(ids, targets):
    """How many places the targets are ahead of the inputs, or None if they are something else.

    1 is right: targets[:, t] == ids[:, t + 1]. Negative targets (-100) are not compared.
    """
    T = ids.shape[1]
    for shift in SHIFTS:
        ahead, known = targets[:, : T - shift], targets[:, : T - shift] >= 0
        if known.any() and (ahead == ids[:, shift:])[known].all():
            return shift
    return None


def tokens_of(ids, targets):
    """The whole rows (B, T + 1): the inputs and the last target, which is read by nobody."""
    return np.concatenate([ids, targets[:, -1:]], axis=1)


def find(tokens, parts):
    """Spans of the parts in a list of tokens, in order, with the fewest tokens between; or None.

    The last part may be cut off by the end of the row.
    """
    chains = (chain(tokens, parts, start) for start in range(len(tokens)))
    return min(filter(None, chains), key=gaps, default=None)


def chain(tokens, parts, start):
    """Spans of the parts, the first exactly at `start`, each other where it is found next; or None."""
    spans = []
    for k, part in enumerate(parts):
        is_last = k == len(parts) - 1
        for at in range(start, len(tokens) if k else start + 1):
            here = tokens[at : at + len(part.ids)]
            if here == part.ids or (is_last and k and here == part.ids[: len(tokens) - at]):
                break
        else:
            return None
        start = at + len(here)
        spans.append((at, start, part))
    return spans


def gaps(spans):
    """How many tokens stand between the parts."""
    return spans[-1][1] - spans[0][0] - sum(end - start for start, end, _ in spans)


def documents(tokens, all_parts):
    """A Document for every example, found anywhere in the batch; no two share a token.

    Long ones are placed first, since a short one may occur inside them by chance.
    Raises DiagnoseError for an example whose ids are nowhere.
    """
    rows = [[int(i) for i in row] for row in tokens]
    found = {}
    for number in sorted(range(len(all_parts)), key=lambda k: -sum(len(p.ids) for p in all_parts[k])):
        matches = [(find(row, all_parts[number]), r) for r, row in enumerate(rows)]
        matches = [(spans, r) for spans, r in matches if spans]
        if not matches:
            raise DiagnoseError(
                f"example {number} is not in the batch: its prompt's ids followed by its response's ids "
                "stand in no row. Either the tokenizer merges across their boundary (then mask by "
                "offsets, or tokenize the parts apart), or `encode` is not the batch's tokenizer, or the "
                "row was cut before the response"
            )
        spans, r = min(matches, key=lambda match: gaps(match[0]))
        rows[r][spans[0][0] : spans[-1][1]] = [None] * (spans[-1][1] - spans[0][0])
        found[number] = Document(r, spans)
    return [found[number] for number in range(len(all_parts))]


def roles_and_weights(tokens, found, ends, prompt_weight):
    """Per token: its role, and the loss weight that is intended for predicting it, both (B, n).

    ends: per example how many tokens, pads aside, follow its response when it is alone in a batch.
    """
    roles = np.full(tokens.shape, PAD)
    weights = np.zeros(tokens.shape)
    for doc, n_after in sorted(zip(found, ends, strict=True), key=lambda pair: pair[0].spans[0][0]):
        row, start = doc.row, doc.spans[0][0]
        before = np.flatnonzero(roles[row, :start])
        roles[row, before[-1] + 1 if len(before) else 0 : start] = LEAD
        previous = None
        for begin, end, part in doc.spans:
            if previous is not None:
                fill(roles[row], weights[row], previous, begin, prompt_weight)
            roles[row, begin:end], weights[row, begin:end] = part.role, part.weight
            previous = end, part
        end, part = previous
        roles[row, end + 1 : end + n_after] = TAIL
        if n_after:
            roles[row, end : end + 1], weights[row, end : end + 1] = STOP, part.weight
    return roles, weights


def fill(roles, weights, previous, begin, prompt_weight):
    """Between two parts: a stop token after a response, and headers, which belong to the prompt."""
    end, part = previous
    if begin > end and part.role == RESPONSE:
        roles[end], weights[end] = STOP, part.weight
        end += 1
    roles[end:begin], weights[end:begin] = PROMPT, prompt_weight


def without_pads(sides):
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
