"""The prepared rows of a trainer's data set, and the documents that lie in them."""

import itertools
from typing import NamedTuple

import numpy as np

from ..report import DiagnoseError


class Document(NamedTuple):
    """Where a document lies: the number of its prepared row, and its first and last column + 1."""

    row: int
    start: int
    end: int


def read_rows(dataset, most):
    """The first rows of a trainer's data set. Raises DiagnoseError where there are no rows with columns."""
    rows = [] if dataset is None else list(itertools.islice(iter(dataset), most))
    if not rows or not isinstance(rows[0], dict):
        raise DiagnoseError("the trainer has no train_dataset with rows that are dicts: give it one")
    return [{name: as_list(value) for name, value in row.items()} for row in rows]


def as_list(value):
    """A column's tensor or array as a list, anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def split_row(number, row):
    """The Documents of a prepared row: what seq_lengths or position_ids keep apart, without pads."""
    n = len(row["input_ids"])
    if row.get("seq_lengths"):
        edges = np.cumsum([0, *row["seq_lengths"]]).tolist()
    elif row.get("position_ids"):
        edges = [*np.flatnonzero(np.array(row["position_ids"]) == row["position_ids"][0]).tolist(), n]
    else:
        seen = np.flatnonzero(row.get("attention_mask") or np.ones(n))
        edges = [int(seen[0]), int(seen[-1]) + 1] if len(seen) else [0, n]
    return [Document(number, *edge) for edge in itertools.pairwise(edges)]


def take_documents(rows, documents):
    """Prepared rows that hold these Documents alone; a row whose documents are all there stays as it is.

    So does a row of texts, which the collator makes ids of.
    """
    taken = []
    for number in dict.fromkeys(doc.row for doc in documents):
        row, chosen = rows[number], sorted(doc for doc in documents if doc.row == number)
        if "input_ids" in row and chosen != split_row(number, row):
            row = cut_row(row, chosen)
        taken.append(dict(row))
    return taken


def cut_row(row, documents):
    """A row with the columns of these Documents alone, and their lengths where it has any."""
    n = len(row["input_ids"])

    def cut(name, value):
        if name == "seq_lengths" and value:
            return [doc.end - doc.start for doc in documents]
        if isinstance(value, list) and len(value) == n:
            return [x for doc in documents for x in value[doc.start : doc.end]]
        return value

    return {name: cut(name, value) for name, value in row.items()}


def split_all(rows):
    """The Documents of all rows."""
    return [doc for number, row in enumerate(rows) for doc in split_row(number, row)]
