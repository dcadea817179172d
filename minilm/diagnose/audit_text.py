"""An Audit as text: a table of counts, the mask's edges, a few rows, what looks wrong."""

from collections import Counter

from .. import views
from . import audit
from .report import explain

POSSIBLE = ("mask_one_late", "mask_one_early")  # known by tokens that agree, which can have other reasons
SHOWN = 60  # tokens of an example row


def describe(result, tokenizer=None, eos_id=None, colour=False):
    """The report on prepared data: ids as text by a Tokenizer, if there is one; colour for a terminal."""
    show, decode = (tokenizer.show, tokenizer.decode) if tokenizer else (str, join_ids)
    counts = result.counts
    lines = [
        f"{counts['rows']:,} rows, the longest with {result.longest} tokens, pads aside; "
        f"{counts['supervised']:,} of {counts['tokens']:,} tokens carry loss "
        f"({counts['supervised'] / max(counts['tokens'], 1):.1%}), in "
        f"{counts['spans'] / counts['rows']:.1f} spans a row",
        "",
        *tabulate_counts(result, eos_id),
        "",
        *describe_edges(result, show),
        "",
        "Example rows, + carries loss:",
        *(line for row in result.examples for line in show_example(*row, decode, colour)),
    ]
    suspicions = audit.find_suspicions(result, eos_id, show)
    for name, evidence in suspicions:
        title = f"possibly {name}" if name in POSSIBLE else name
        lines += [f"{title}: {explain(name)}", f"  evidence: {evidence}"]
    if eos_id is None and audit.find_stop_token(result) is None and result.ends:
        lines.append(
            "Whether stopping is taught cannot be told: no token ends most rows. If one does, say --eos-id."
        )
    lines.append("Nothing else looks wrong." if suspicions else "Nothing looks wrong.")
    own_mask = "the mask, which for rows of text is minilm's own; " if tokenizer else ""
    lines.append(
        f"Not tested: {own_mask}the step that uses this data, its shift, its denominator, its attention."
    )
    return "\n".join(lines)


def join_ids(ids):
    """Ids as text, where there is no tokenizer."""
    return " ".join(map(str, ids))


def tabulate_counts(result, eos_id):
    """Rows counted, one aligned line a question."""
    counts, total = result.counts, sum(result.ends.values())
    eos_id = audit.find_stop_token(result) if eos_id is None else eos_id
    twice = sum(n for start, n in result.starts.items() if len(start) == 2 and start[0] == start[1])
    table = [
        ("rows without a supervised token", counts["empty"]),
        ("rows in which every token carries loss", counts["whole"]),
        ("rows with weights between 0 and 1", counts["fractional"]),
        ("rows that begin with the same token twice", twice),
    ]
    if eos_id is None:
        return [*align(table), "which token ends a sequence is not clear: no count of those"]
    stops = sum(n for (last, _), n in result.ends.items() if last == eos_id)
    masked = sum(n for (last, after), n in result.ends.items() if last != eos_id and after == eos_id)
    table += [
        ("rows whose loss ends with end-of-sequence", stops),
        ("rows with end-of-sequence, but without loss on it", masked),
        ("rows with loss and no end-of-sequence after it", total - stops - masked),
    ]
    return align(table)


def align(table):
    """Aligned "text  number" lines."""
    width = max(len(text) for text, _ in table)
    return [f"{text:<{width}}  {number:>9,}" for text, number in table]


def describe_edges(result, show):
    """The most frequent tokens before, at the start of, and at the end of the mask."""
    last = Counter()
    for (token, _), n in result.ends.items():
        last[token] += n
    edges = {
        "before the first supervised": result.edges["before"],
        "first supervised": result.edges["first"],
        "last supervised": last,
    }
    return [f"{name:<28} {show_frequent(counter, show)}" for name, counter in edges.items()]


def show_frequent(counter, show):
    """The three most frequent tokens with their shares."""
    total = max(sum(counter.values()), 1)
    return ", ".join(f"{show(token)} {n / total:.0%}" for token, n in counter.most_common(3)) or "none"


def show_example(tokens, weights, decode, colour):
    """One row as preview shows it, from a little before its first token with loss on."""
    first = next((k for k, weight in enumerate(weights) if weight), 0)
    part = slice(max(0, first - SHOWN // 2), first + SHOWN)
    yield from views.write_lines(views.mark_runs(tokens[part], weights[part], decode), colour)
    yield ""
