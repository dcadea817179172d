"""Example rows as strips: each run of tokens with its loss weight, and whose it is where that is known."""

from ... import views
from .spans import find_spans
from .template import find_messages

SHOWN = 24  # tokens of a run
PARTS = 24  # runs of a row


def write_strip(row, bare, template, decode, show, colour=False):
    """Lines of one (PreparedRow, Bare): pads, then every run of one owner and one loss weight."""
    labels = label_tokens(row, bare, template, show)
    n = len(bare.tokens)
    edges = [k for k in range(1, n) if labels[k] != labels[k - 1] or bare.weights[k] != bare.weights[k - 1]]
    entries = list(count_pads(row.tokens[: bare.left]))
    for a, b in zip([0, *edges], [*edges, n], strict=True):
        text = shorten(bare.tokens[a:b], decode)
        text = f"{labels[a]}: {text}" if labels[a] else text
        entries += views.mark_tokens([(text, a)], bare.weights)
    more = len(entries) - PARTS
    entries = [*entries[:PARTS], *count_pads(row.tokens[len(row.tokens) - bare.right :])]
    lines = views.write_lines(entries, colour)
    return [*lines, f"    ... {more} more parts"] if more > 0 else lines


def count_pads(pads):
    """One Entry for a run of pads; none if there are no pads."""
    if len(pads):
        yield views.Entry("-", 0.0, f"pads: {len(pads)} x {pads[0]}")


def shorten(tokens, decode):
    """A run's text on one line, its middle left out if it is long."""
    if len(tokens) <= SHOWN:
        return views.escape(decode(tokens))
    half = SHOWN // 2
    return f"{views.escape(decode(tokens[:half]))} ... {views.escape(decode(tokens[-half:]))}"


def label_tokens(row, bare, template, show):
    """Whose each token of a Bare row is: a role, "header", "answer 1"; "lit span 1" or "" where unknown."""
    if row.owners is not None:
        return row.owners[bare.left : len(row.owners) - bare.right]
    tokens, header = bare.tokens.tolist(), template.header
    labels = [""] * len(tokens)
    messages = find_messages(tokens, template)
    for k, role in messages:
        if role is not None:
            labels[k:] = [f"role {show(role)}"] * (len(tokens) - k)
    for k, _ in messages:
        if header and tuple(tokens[k : k + len(header)]) == header:
            labels[k : k + len(header)] = ["header"] * len(header)
    for number, (a, b) in enumerate(find_spans(bare.weights > template.base), start=1):
        is_answer = bool(header) and a >= len(header) and tuple(tokens[a - len(header) : a]) == header
        labels[a:b] = [f"answer {number}" if is_answer else f"lit span {number}"] * (b - a)
    return labels
