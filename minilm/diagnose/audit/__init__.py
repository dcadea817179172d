"""Prepared data without a step: which tokens carry loss, what that means, and what looks wrong.

    rows = readers.open_rows("rows.jsonl")
    audit = count_rows(rows)
    print(text.describe(audit, find_suspicions(audit)))

In the order of the work:
    readers, other_kinds       open a file, or say how to convert it
    fields, integers           the arrays of a row, under every name
    documents, aligning        where documents begin, and where labels stand; judging refuses what is neither
    watching                   what the reading should say: fields and ids that are not used
    ends, stops, template      pads, stop tokens, headers, as the first rows have them in common
    counting, counting_spans   one pass over all rows
    findings (_turns, _stops)  verdicts on the counts
    facts, strips, text        what is shown; pieces decodes ids by a tokenizer.json
    text_rows                  rows of text, in minilm's own encoding
"""

from . import pieces, readers, text, text_rows, watching
from .counting import Audit, count_rows
from .findings import find_suspicions

__all__ = ["Audit", "count_rows", "find_suspicions", "pieces", "readers", "text", "text_rows", "watching"]
