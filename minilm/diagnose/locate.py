"""Where the examples' tokens went: the parts of every example, found again in a batch of any pipeline.

A pipeline adds what it likes around prompt and response: <bos>, headers, an end-of-turn token, pads, a
neighbour in the same packed row. The parts themselves are known, so they are looked up: first in a batch
that holds one example alone, then, as they stand there, in the batch of all.
"""

import itertools
from typing import NamedTuple

from .examples import RESPONSE, find_sequence
from .report import DiagnoseError

NOWHERE = (
    "is not in the batch: its prompt's ids followed by its response's ids stand in no row. Either the "
    "tokenizer merges across their boundary (then mask by offsets, or tokenize the parts apart), or the "
    "template trims white space that `encode` keeps, or `encode` is not the batch's tokenizer, or the row "
    "was cut before the response, or make_batch left it out"
)


class Document(NamedTuple):
    """Where an example lies: its row, (start, end, Part) for each part in tokens, and whether it is cut."""

    row: int
    spans: list
    is_cut: bool = False

    @property
    def start(self):
        """Its first token's column."""
        return self.spans[0][0]

    @property
    def end(self):
        """The column after its last token."""
        return self.spans[-1][1]

    @property
    def answers(self):
        """(start, end) of every answer."""
        return [(start, end) for start, end, part in self.spans if part.role == RESPONSE]

    @property
    def answer(self):
        """(start, end) of its last answer; an empty one at its end where the row is cut before any."""
        return self.answers[-1] if self.answers else (self.end, self.end)

    def move(self, row, places):
        """The same document in another row, that many columns further right."""
        return self._replace(row=row, spans=[(a + places, b + places, part) for a, b, part in self.spans])


# ---------------------------------------------------------------- parts in a row


def find_parts(tokens, parts):
    """A Document (row 0) of the parts in a list of tokens, in order, fewest tokens between; or None.

    The first part may have lost its start before the row, the last one its end behind it; so may whole parts
    at the end, if an answer is left.
    """
    documents = [find_parts_from(tokens, parts, start) for start in range(len(tokens))]
    if not any(documents) and len(parts) > 1 and parts[1].role == RESPONSE:  # the prompt is lost
        documents = [find_parts_from(tokens, parts[1:], start) for start in range(2)]
    return min(filter(None, documents), key=count_gaps, default=None)


def find_parts_from(tokens, parts, start):
    """The parts, the first one exactly at `start`, each other where it is found next; or None."""
    spans, at = [], start
    for k, part in enumerate(parts):
        found = find_first(tokens, part, at) if k == 0 else find_next(tokens, part, at)
        if found is None:
            has_answer = any(known.role == RESPONSE for _, _, known in spans)
            return Document(0, spans, True) if has_answer and len(tokens) - at <= 8 else None
        spans.append(found)
        at = found[1]
        if len(found[2].ids) < len(part.ids) and k:
            has_answer = any(known.role == RESPONSE for _, _, known in spans)
            return Document(0, spans, True) if has_answer else None
    return Document(0, spans)


def find_first(tokens, part, at):
    """(start, end, Part) of a first part at a place; at a row's beginning it may lack its own beginning."""
    n = len(part.ids)
    if tokens[at : at + n] == part.ids:
        return at, at + n, part
    if len(set(tokens[:at])) > 1:  # more than pads stand before it
        return None
    for lost in range(1, n):
        if tokens[at : at + n - lost] == part.ids[lost:]:
            return at, at + n - lost, part.trim(lost, 0)
    return None


def find_next(tokens, part, at):
    """(start, end, Part) of a part where it stands next, or where the row's end cuts it; None if nowhere."""
    start = find_sequence(tokens, part.ids, at)
    if start is not None:
        return start, start + len(part.ids), part
    for start in range(max(at, len(tokens) - len(part.ids) + 1), len(tokens)):
        left = len(tokens) - start
        if tokens[start:] == part.ids[:left]:
            return start, len(tokens), part.trim(0, len(part.ids) - left)
    return None


def count_gaps(document):
    """How many tokens stand between the parts, and how many tokens of the parts are lost."""
    spans = document.spans
    return (
        spans[-1][1] - spans[0][0] - 2 * sum(end - start for start, end, _ in spans) + 1000 * document.is_cut
    )


def find_alone(tokens, variants):
    """(Document, which variant) of an example in the rows (B, n) of a batch that holds nothing else, or None.

    variants: lists of Parts, the first one as the example says, others without white space at its ends.
    """
    found = []
    for number, parts in enumerate(variants):
        for r, row in enumerate(tokens):
            document = find_parts([int(i) for i in row], parts)
            if document:
                found.append((document.is_cut, number, count_gaps(document), document.move(r, 0)))
    if not found:
        return None
    _, number, _, document = min(found, key=lambda entry: entry[:3])  # a whole one before one that is cut
    return document, number


def find_cut_prompt(tokens, parts, headers):
    """The Document, without any answer, of an example whose row (n,) ends right behind its prompt, or None.

    headers: what stands between prompt and answer of other examples; no more than that may follow.
    """
    row = tokens.tolist()
    prompt = list(itertools.takewhile(lambda part: part.role != RESPONSE, parts))
    document = find_parts(row, prompt) if prompt else None
    if document and any(row[document.end :] == header[: len(row) - document.end] for header in headers):
        return document._replace(is_cut=True)
    return None


def trim_strange_ends(tokens, parts):
    """The parts without the tokens at their ends that stand nowhere in the rows, as white space would.

    No part loses more than it keeps.
    """
    known = set(tokens.ravel().tolist())
    trimmed = []
    for part in parts:
        inside = [k for k, token in enumerate(part.ids) if token in known] or [0]
        shorter = part.trim(inside[0], len(part.ids) - 1 - inside[-1])
        trimmed.append(shorter if 2 * len(shorter.ids) >= len(part.ids) else part)
    return trimmed


# ---------------------------------------------------------------- all examples in one batch


def locate_documents(tokens, alone):
    """A Document for every example of `alone` [(its row's tokens, Document)], found anywhere in the batch.

    No two share a token. Long ones are placed first, since a short one may occur inside them by chance.
    Raises DiagnoseError for an example whose ids are nowhere.
    """
    rows = [[int(i) for i in row] for row in tokens]
    documents = {}
    for number in sorted(range(len(alone)), key=lambda k: alone[k][1].start - alone[k][1].end):
        document = locate_one(rows, *alone[number])
        if document is None:
            raise DiagnoseError(f"example {number} {NOWHERE}")
        rows[document.row][document.start : document.end] = [None] * (document.end - document.start)
        documents[number] = document
    return [documents[number] for number in range(len(alone))]


def locate_one(rows, row_alone, document):
    """The Document in the first row that repeats it token by token, or else holds its parts; or None."""
    core = [int(i) for i in row_alone[document.start : document.end]]
    for r, row in enumerate(rows):
        at = find_sequence(row, core)
        if at is not None:
            return document.move(r, at - document.start)
    parts = [part for _, _, part in document.spans]
    found = [(match, r) for r, row in enumerate(rows) if (match := find_parts(row, parts))]
    if not found:
        return None
    match, row = min(found, key=lambda pair: count_gaps(pair[0]))
    return match.move(row, 0)
