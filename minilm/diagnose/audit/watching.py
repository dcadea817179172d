"""What the reading of prepared rows shows beside their arrays: other fields, ids that stand nowhere."""

import numpy as np

from ...files.row_fields import FLAGS
from ..report import DiagnoseError
from .fields import FACTORS, TEXT

OTHERS = frozenset((*TEXT, *FACTORS, *FLAGS))
DENSE = 2**20  # ids below are remembered in one array, others in a set


class PreparedRows:
    """An iterator of PreparedRows, which remembers what `tell` says once it is at its end."""

    def __init__(self):
        self.rows = iter(())
        self.beside, self.left_out = {}, 0
        self.seen, self.high = np.zeros(DENSE, bool), set()

    def __iter__(self):
        for row in self.rows:
            try:
                self.seen[row.tokens] = True
            except IndexError:
                self.high.update(row.tokens.tolist())
            yield row

    def watch_objects(self, placed):
        """Yield (place, dict) pairs, and note text beside ids. A row that weighs 0 is left out."""
        for place, row in placed:
            if OTHERS.isdisjoint(row):
                yield place, row
                continue
            for name in TEXT:
                if isinstance(row.get(name), str | list | dict):
                    self.beside[name] = True
            if is_left_out(row, place):
                self.left_out += 1
            else:
                yield place, row

    def tell(self, stops=(), pieces=None):
        """Sentences; stops: ids that were said to end answers. Raises DiagnoseError for a wrong tokenizer."""
        said = []
        if self.beside:
            verb = "stands" if len(self.beside) == 1 else "stand"
            said.append(f"{' and '.join(self.beside)} {verb} beside the ids: only the ids are looked at")
        if self.left_out:
            said.append(f"rows of weight 0 are left out: {self.left_out:,}")
        ids = self.high.union(np.flatnonzero(self.seen).tolist())
        for stop in stops:
            if stop not in ids:
                said.append(f"--eos-id {stop} stands nowhere in the rows")
        n_unknown = len(ids - pieces.table.keys()) if pieces else 0
        if n_unknown > len(ids) / 2:
            raise DiagnoseError(
                f"--tokenizer lacks {n_unknown:,} of the {len(ids):,} different ids: it is not the rows' own"
            )
        if n_unknown:
            said.append(f"--tokenizer lacks {n_unknown:,} of the {len(ids):,} different ids")
        return said


def is_left_out(row, place):
    """Whether a row as a whole has no loss, by a number of 0 or by false. Raises DiagnoseError."""
    for name in FLAGS:
        value = row.get(name)
        if value is not None and not isinstance(value, bool | list):
            rule = 'it must be true or false; a number is written as "weight"'
            raise DiagnoseError(f"{place}: the field {name!r} is {value!r:.80}: {rule}")
    numbers = [row.get(name) for name in FACTORS]
    is_zero = any(isinstance(value, int | float) and value == 0 for value in numbers)
    return is_zero or any(row.get(name) is False for name in FLAGS)
