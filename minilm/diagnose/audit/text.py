"""An Audit as text or as one JSON object: example rows, counts, facts, what looks wrong."""

import json

from ..report import explain
from .facts import count_facts, list_facts
from .strips import write_strip


def describe(audit, findings, notes=(), pieces=None, colour=False, not_tested=""):
    """The report on prepared data. `notes` are sentences that come first; `pieces` decode(ids), show(id)."""
    show, decode = (pieces.show, pieces.decode) if pieces else (str, join_ids)
    lines = [*notes, "Example rows, + carries loss:"]
    for row, bare in audit.examples:
        lines += [*write_strip(row, bare, audit.template, decode, show, colour), ""]
    counts = audit.counts
    lines += [
        f"{counts['rows']:,} rows, the longest with {max(audit.get('lengths'))} tokens, pads aside; "
        f"{counts['supervised']:,} of {counts['tokens']:,} tokens carry loss "
        f"({counts['supervised'] / max(counts['tokens'], 1):.1%}), in "
        f"{counts['spans'] / counts['rows']:.1f} spans a row",
        "",
        *align(count_facts(audit)),
        "",
        *(f"- {fact}" for fact in list_facts(audit, show)),
        "",
    ]
    for name, evidence, is_certain in findings:
        title = name if is_certain else f"possibly {name}"
        lines += [f"{title}: {explain(name)}", f"  evidence: {evidence}"]
    lines.append("Nothing else looks wrong." if findings else "Nothing looks wrong.")
    lines.append(
        f"Not tested: {not_tested}the step that uses this data, its shift, denominator and attention."
    )
    return "\n".join(lines)


def join_ids(ids):
    """Ids as text, where there is no tokenizer."""
    return " ".join(map(str, ids))


def align(table):
    """Aligned "text  number" lines of a dict."""
    width = max(len(text) for text in table)
    return [f"{text:<{width}}  {number:>9,}" for text, number in table.items()]


def write_json(audit, findings, notes=(), pieces=None, limit=None):
    """The whole result as the text of one JSON object.

    limit: {"tokens", "cut"} of text rows, or None.
    """
    show = pieces.show if pieces else str
    counts = audit.counts
    result = {
        "rows": counts["rows"],
        "tokens": counts["tokens"],
        "supervised": counts["supervised"],
        "longest": max(audit.get("lengths")),
        "counts": count_facts(audit),
        "weights": {f"{value:g}": n for value, n in audit.get("weights").items() if value is not None},
        "pads": [{"side": side, "id": token, "tokens": n} for (side, token), n in audit.get("pads").items()],
        "stop_ids": sorted(audit.template.stops),
        "guessed_stop_ids": sorted(audit.template.guessed_stops),
        "limit": limit,
        "notes": list(notes),
        "facts": list_facts(audit, show),
        "findings": [
            {"name": name, "certain": is_certain, "sentence": explain(name), "evidence": evidence}
            for name, evidence, is_certain in findings
        ],
    }
    return json.dumps(result, ensure_ascii=False, indent=1)
