"""What an Audit shows that is neither right nor wrong: sentences, and numbers by name."""

from .findings_turns import is_one_row_an_answer
from .spans import find_most_common
from .stops import SURE

COUNTED = {  # what a table of counts says: the name of the count
    "rows without a supervised token": "empty",
    "rows in which every token carries loss": "whole",
    "rows with weights between 0 and 1": "fractional",
    "rows with pads": "padded",
    "rows with several answers": "several_answers",
}
ENDS = {  # what it says of spans: how they end
    "spans that end with a stop token": "lit",
    "spans before a stop token without loss": "dark",
    "spans that end with the row, without a stop token": "cut",
    "spans that end at pads, without a stop token": "padded",
}


def list_facts(audit, show=str):
    """Sentences on what was read and found. show(id) -> text."""
    if any(row.owners is not None for row, _ in audit.examples):
        return list(tell_weights(audit))  # minilm's own template is known
    return [
        *tell_reading(audit),
        *tell_pads(audit, show),
        *tell_weights(audit),
        *tell_stops(audit, show),
        *tell_beginnings(audit, show),
        *tell_rest(audit),
    ]


def tell_reading(audit):
    """Where labels and masks were found."""
    if audit.counts["ahead"]:
        yield "labels stand one place ahead, already shifted: the loss should not shift them again"
    names = [name for name in audit.get("mask_names") if name]
    if names:
        where = "beside the labels" if audit.counts["ahead"] else "at the token that is predicted"
        yield f"{' and '.join(names)}: read {where}"


def tell_pads(audit, show):
    """How many pads stand on which side."""
    for (side, token), n in audit.get("pads").most_common(4):
        yield f"{n:,} pads on the {side}: {show(token)}"


def tell_weights(audit):
    """The loss weights by value, if there are more than 0 and 1."""
    weights = audit.get("weights")
    if base := audit.template.base:
        yield f"prompts weigh {base:g}"
    if set(weights) - {0, 1}:
        total = weights.total()
        shares = (f"{value:g} at {n / total:.1%}" for value, n in weights.most_common(6) if value is not None)
        yield f"loss weights: {', '.join(shares)} of the targets"


def tell_stops(audit, show):
    """Which tokens end answers, and whether what follows them carries loss."""
    stops, guessed = audit.get("stops"), audit.template.guessed_stops
    if not audit.template.stops:
        yield "whether stopping is taught cannot be told: no token ends most answers (if one does: --eos-id)"
        return
    names = ", ".join(
        f"{show(t)} ({'guessed, ' if t in guessed else ''}{n:,} spans)" for t, n in stops.most_common(4)
    )
    yield f"answers end with {names or 'none of the stop tokens given'}"
    token, share = find_most_common(audit.get("last"))
    if token is not None and token not in audit.template.stops and share >= SURE:
        yield f"{show(token)}, right after the stop token, carries loss"


def tell_beginnings(audit, show):
    """What stands before answers, and what all of them begin with."""
    header, prefix = audit.template.header, audit.template.prefix
    if header:
        yield f"before an answer stands, without loss: {' '.join(map(show, header))}"
    if prefix:
        yield f"answers begin, with loss: {' '.join(map(show, prefix))}"


def tell_rest(audit):
    """Packed rows, and masks that mean the last answer alone."""
    counts = audit.counts
    if 0 < counts["empty"] < counts["rows"]:
        yield f"{counts['empty']:,} of {counts['rows']:,} rows have no supervised token"
    if counts["packed"]:
        yield f"{counts['packed']:,} rows are packed, by position_ids, attention_mask or lengths"
    if counts["several_answers"] and counts["only_last"] == counts["several_answers"]:
        if "completion_mask" in audit.get("mask_names"):
            yield "only the last answer of each row carries loss, as completion_mask says"
        elif is_one_row_an_answer(audit):
            yield "only the last answer of each row carries loss; the earlier ones do in rows of their own"
    if 0 < counts["hidden"]:
        yield f"in {counts['hidden']:,} rows attention_mask hides tokens that are no pads"


def count_facts(audit):
    """Numbers by name, in the order in which they are shown."""
    ends = audit.get("ends")
    table = {text: audit.counts[name] for text, name in COUNTED.items()}
    if audit.template.stops:
        table |= {
            text: sum(n for (how, _, _), n in ends.items() if how == name) for text, name in ENDS.items()
        }
    return table
