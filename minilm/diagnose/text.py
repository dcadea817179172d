"""An Audit as plain words: a table of counts, the mask's edges as text, a few rows, what looks wrong."""

from collections import Counter

from .. import views
from . import audit
from .series import sentence

POSSIBLE = ("mask_one_late", "mask_one_early")  # known by tokens that agree, which can have other reasons
SHOWN = 60  # tokens of an example row


def describe(found, words=None, eos_id=None, colour=False):
    """The report on prepared data: ids as text by a Tokenizer, if there is one; colour for a terminal."""
    show, decode = (words.show, words.decode) if words else (str, lambda ids: " ".join(map(str, ids)))
    c = found.counts
    lines = [
        f"{c['rows']:,} rows, the longest with {found.longest} tokens, pads aside; {c['supervised']:,} of "
        f"{c['tokens']:,} tokens carry loss ({c['supervised'] / max(c['tokens'], 1):.1%}), in "
        f"{c['spans'] / c['rows']:.1f} spans a row",
        "",
        *table(found, eos_id),
        "",
        *edges(found, show),
        "",
        "Example rows, + carries loss:",
        *(line for row in found.examples for line in example_lines(*row, decode, colour)),
    ]
    suspects = audit.suspicions(found, eos_id, show)
    for name, evidence in suspects:
        lines += [f"{'possibly ' * (name in POSSIBLE)}{name}: {sentence(name)}", f"  evidence: {evidence}"]
    return "\n".join([*lines, *rest(suspects, found, words, eos_id)])


def rest(suspects, found, words, eos_id):
    """What was not found, and what could not be."""
    if eos_id is None and audit.stop_token(found) is None and found.ends:
        yield "Whether stopping is taught cannot be told: no token ends most rows. If one does, say --eos-id."
    yield f"Nothing {'else ' * bool(suspects)}looks wrong."
    own = "the mask, which for rows of text is minilm's own; " if words else ""
    yield f"Not tested: {own}the step that uses this data, its shift, its denominator, its attention."


def table(found, eos_id):
    """Rows counted, one line a question."""
    c, total = found.counts, sum(found.ends.values())
    eos_id = audit.stop_token(found) if eos_id is None else eos_id
    stops = sum(n for (last, _), n in found.ends.items() if last == eos_id)
    masked = sum(n for (last, after), n in found.ends.items() if last != eos_id and after == eos_id)
    twice = sum(n for pair, n in found.starts.items() if len(pair) == 2 and pair[0] == pair[1])
    lines = [
        ("rows without a supervised token", c["empty"]),
        ("rows in which every token carries loss", c["whole"]),
        ("rows with weights between 0 and 1", c["fractional"]),
        ("rows that begin with the same token twice", twice),
    ]
    if eos_id is None:
        return [*pairs(lines), "which token ends a sequence is not clear: no count of those"]
    lines += [
        ("rows whose loss ends with end-of-sequence", stops),
        ("rows with end-of-sequence, but without loss on it", masked),
        ("rows with loss and no end-of-sequence after it", total - stops - masked),
    ]
    return pairs(lines)


def pairs(lines):
    """Aligned "text  number" lines."""
    width = max(len(text) for text, _ in lines)
    return [f"{text:<{width}}  {number:>9,}" for text, number in lines]


def edges(found, show):
    """The most frequent tokens before, at the start of, and at the end of the mask."""
    last = Counter()
    for (token, _), n in found.ends.items():
        last[token] += n
    named = {
        "before the first supervised": found.edges["before"],
        "first supervised": found.edges["first"],
        "last supervised": last,
    }
    return [f"{name:<28} {frequent(counter, show)}" for name, counter in named.items()]


def frequent(counter, show):
    """The three most frequent tokens with their shares."""
    total = max(sum(counter.values()), 1)
    return ", ".join(f"{show(token)} {n / total:.0%}" for token, n in counter.most_common(3)) or "none"


def example_lines(tokens, weights, decode, colour):
    """One row as preview shows it, from a little before its first token with loss on."""
    first = next((k for k, weight in enumerate(weights) if weight), 0)
    part = slice(max(0, first - SHOWN // 2), first + SHOWN)
    yield from views.write_lines(views.mark_runs(tokens[part], weights[part], decode), colour)
    yield ""
