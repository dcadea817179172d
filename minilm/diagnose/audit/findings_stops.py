"""Verdicts on stop tokens: without loss, in all answers or in some, or missing."""

import re
from collections import Counter

from ..report import Finding
from .spans import find_most_common
from .stops import MOST, SURE

FREE = 0.6  # share of spans that makes pads behind them no accident


def suspect_stop(audit, show, moved):
    """Stop tokens that carry no loss, in all answers or in earlier ones, or that are missing."""
    ends = audit.get("ends")
    total = sum(n for (how, _, _), n in ends.items() if how not in ("open", "unknown"))
    stops = " or ".join(sorted(map(show, audit.template.stops)))
    dark = count_ends(ends, "dark")
    is_explained = moved and find_most_common(audit.get("before"))[1] < SURE
    yield from suspect_guess(audit, show)
    if dark and not is_explained:
        yield from suspect_dark_stops(ends, dark, total, stops, audit.get("roles"), bool(moved))
    yield from suspect_missing_stops(audit, ends, total, stops, show)


def suspect_guess(audit, show):
    """A token that is more likely the stop than the one guessed: without loss, or in no answer at all."""
    template, spans = audit.template, audit.counts["spans"]
    if template.lacking is not None:
        text = (
            f"{show(template.lacking)} ends the turns before answers, but none of {spans:,} spans with loss"
        )
        yield Finding("eos_cut", text, False)
    behind, stops = template.behind, list(template.stops)
    if behind is None:
        return
    is_named = is_special(show(behind)) and not is_special(show(stops[0]))
    if is_named or template.behind_ends_turns:
        text = f"behind nearly all of {spans:,} spans {show(behind)} stands without loss"
        text += "; it ends other turns, too" if template.behind_ends_turns else ""
        text += f"; the spans end with {show(stops[0])}, which may be text"
        yield Finding("eos_masked", text, False)


def is_special(text):
    """Whether a token's text is written as special tokens are: <|end|>, </s>, [SEP]."""
    return re.fullmatch(r"<[^<>\s]+>|\[[A-Z/_]+\]", text) is not None


def count_ends(ends, how, is_last=None):
    """Spans that end so."""
    return sum(n for (h, last, _), n in ends.items() if h == how and is_last in (None, last))


def suspect_dark_stops(ends, dark, total, stops, roles, is_moved):
    """Whose stop tokens carry no loss: all answers', earlier ones', those before one role's messages."""
    earlier_dark, last_lit = count_ends(ends, "dark", False), count_ends(ends, "lit", True)
    by_role = {}
    for (how, is_last, role), n in ends.items():
        if how in ("lit", "dark") and not is_last and role is not None:
            by_role.setdefault(role, Counter())[how] += n
    all_dark = [role for role, counts in by_role.items() if counts["dark"] and not counts["lit"]]
    all_lit = [role for role, counts in by_role.items() if counts["lit"] and not counts["dark"]]
    text = f"behind {dark:,} of {total:,} spans {stops} carries no loss"
    if dark == earlier_dark and last_lit and all_dark and len(all_dark) + len(all_lit) == len(by_role):
        if all_lit and not any(roles[role, "lit"] for role in all_dark):
            names = " ".join(map(str, sorted(all_dark)))
            yield Finding(
                "tool_call_stops_masked", f"{text}: those before messages of role {names}, all of them"
            )
            return
    if dark == earlier_dark and last_lit and not count_ends(ends, "lit", False):
        # a role that stands behind answers only, as a tool's does, allows the other name, too
        is_tool_alone = bool(by_role) and all(roles[r, "dark"] == n["dark"] for r, n in by_role.items())
        text += ": all but the last of each row" + (", all before tool output" if is_tool_alone else "")
        yield Finding("earlier_stops_masked", text, not is_tool_alone)
        return
    text += f"; {count_ends(ends, 'lit'):,} spans end with it"
    yield Finding("eos_masked", text, dark >= 0.5 * total and not is_moved)


def suspect_missing_stops(audit, ends, total, stops, show):
    """Rows that end inside an answer, without a stop token."""
    cut, padded = count_ends(ends, "cut"), count_ends(ends, "padded")
    is_single = audit.counts["one_token_spans"] >= SURE * audit.counts["spans"]
    is_given = audit.template.stops != audit.template.guessed_stops
    if is_given and ends and not count_ends(ends, "lit") + count_ends(ends, "dark"):
        yield Finding("eos_cut", f"none of {ends.total():,} spans with loss ends with {stops}, or before it")
        return
    if audit.counts["packed"] or audit.counts["lit_pads"] or is_single or not total or is_block_data(audit):
        return
    if audit.template.stops:
        if n := cut + padded:
            longest = max(audit.get("lengths"))
            at_limit = audit.get("cut_lengths")[longest]
            text = f"in {n:,} of {total:,} spans the row ends without {stops}"
            text += f"; {at_limit:,} of these rows have {longest} tokens, the most" if at_limit else ""
            is_usual = count_ends(ends, "lit", True) > 0
            yield Finding("eos_cut", text, bool(at_limit and is_usual) or is_given)
    elif padded >= FREE * total and audit.template.lacking is None:
        pad = show(audit.pads.right) if audit.pads.right is not None else "a pad"
        text = f"behind {padded:,} of {total:,} spans {pad} stands, end-of-sequence or pad, without loss"
        yield Finding("eos_masked", text, False)
        yield Finding("eos_cut", f"{text}; no token ends the answers", False)


def is_block_data(audit):
    """Whether rows are blocks of one length that hold several answers, which packing may cut anywhere."""
    counts, lengths = audit.counts, audit.get("lengths")
    rows, longest = counts["rows"], max(lengths)
    n_even = lengths[longest] + lengths[longest - 1]
    is_even = rows > 1 and n_even >= MOST * rows and counts["padded"] < 0.1 * rows
    return is_even and counts["spans"] >= 1.5 * rows
