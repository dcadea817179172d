"""Small rows by hand, and their audit."""

from minilm.diagnose import audit
from minilm.diagnose.audit import aligning, fields


def rows_of(*rows, packed=False):
    """Rows given as "3 4 +5 +1": + carries loss. With packed, "|" begins a document."""
    for row in rows:
        pieces = [p for p in row.split() if p != "|"]
        made = {"input_ids": [int(p) for p in pieces], "loss_mask": [int(p[0] == "+") for p in pieces]}
        if packed:
            made["position_ids"] = [k for part in row.split("|") for k in range(len(part.split()))]
        yield made


def count(rows, *stops):
    """The Audit of rows as a file holds them."""
    placed = ((f"row {k}", fields.parse_fields(row)) for k, row in enumerate(rows))
    return audit.count_rows(aligning.align_rows(placed), stops)


def name_faults(counted, show=str):
    """Names of the findings, "possibly " before those that are not certain."""
    found = audit.find_suspicions(counted, show)
    return [finding.fault if finding.certain else f"possibly {finding.fault}" for finding in found]
