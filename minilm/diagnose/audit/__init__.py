"""Prepared data without a step: which tokens carry loss, what that means, and what looks wrong.

    rows = readers.open_rows("rows.jsonl")
    audit = count_rows(rows)
    print(text.describe(audit, find_suspicions(audit)))

readers opens a file, fields knows the names of its arrays, aligning finds where labels stand. ends takes
the pads away, template learns what rows have in common, counting counts, findings judges the counts; facts,
strips and text show them. pieces decodes ids by a tokenizer.json, text_rows makes rows of text.
"""

from . import pieces, readers, text, text_rows
from .counting import Audit, count_rows
from .findings import find_suspicions

__all__ = ["Audit", "count_rows", "find_suspicions", "pieces", "readers", "text", "text_rows"]
