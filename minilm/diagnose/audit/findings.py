"""Verdicts on an Audit: Findings, each only where the counts leave no other reading, or not certain.

A name that explains other signs, too, comes first, and these are then not named for themselves.
"""

from ..report import Finding
from . import findings_stops, findings_turns
from .spans import find_most_common
from .stops import MOST, SURE

FREE = 0.6  # share of spans that one answer's beginning stays below
FEW = 8  # fewer spans than this give no suspicion that rests on agreement
MANY = 0.05  # share of rows without loss that is no accident


def find_suspicions(audit, show=str):
    """What looks wrong, as a list of Findings; show(id) -> text. Empty if nothing does."""
    whole = list(suspect_whole_rows(audit, show)) or list(suspect_last_turns(audit, show))
    found = [*suspect_rows(audit, show), *whole]
    column = [] if whole else list(suspect_column(audit, show))
    if audit.counts["spans"] and not whole and not column:
        moved = list(suspect_start(audit, show))
        if [finding.fault for finding in moved] != ["mask_one_late"]:  # which lights what follows a span, too
            found += [*findings_turns.suspect_inside(audit, show), *findings_turns.suspect_tools(audit, show)]
        found += findings_turns.suspect_header(audit, show)
        found += findings_turns.suspect_turns(audit)
        found += [*moved, *findings_stops.suspect_stop(audit, show, moved)]
    found += column
    return [*found, *suspect_double_bos(audit, show)]


def suspect_rows(audit, show):
    """Rows without loss, pads with loss, tokens that attention does not see."""
    counts, rows = audit.counts, audit.counts["rows"]
    has_header = counts["empty_with_header"]
    if (n := counts["empty"]) and (has_header < n or n >= MANY * rows):
        longest = max(audit.get("lengths"))
        n_longest = audit.get("empty_lengths")[longest]
        text = f"{n:,} of {rows:,} rows have no supervised token"
        if has_header:
            text += (
                f"; in {has_header:,} of them the answer's header stands: weights of 0 would look the same"
            )
        if n_longest and n_longest > 1:
            text += (
                f"; {n_longest:,} of them have {longest} tokens, the most: a limit may have cut the answer"
            )
        is_usual = n > 1 and n >= MANY * rows
        yield Finding("marker_not_found", text, n == rows or (is_usual and not (has_header or n_longest)))
    if (n := counts["lit_pads"]) > 0.2 * rows or (n and n >= 0.5 * counts["padded"]):
        yield Finding("pads_in_the_loss", f"in {n:,} of {rows:,} rows pads carry loss")
    if (n := counts["hidden_prompts"]) >= SURE * rows:
        text = f"in {n:,} of {rows:,} rows attention_mask is 0 at tokens of the prompt, which carry no loss"
        yield Finding("attention_mask_confused", text)


def suspect_whole_rows(audit, show):
    """Masks that most rows have and none should: everything lit, or the prompt instead of the answer."""
    counts, rows = audit.counts, audit.counts["rows"] - audit.counts["empty"]
    if not rows:
        return
    suffixes = audit.get("suffixes")
    suffix, n_alike = find_most_common(suffixes)
    n_dark_end = suffixes[suffix] if suffix is not None and n_alike >= MOST else 0
    blank, _ = find_most_common(audit.get("blanked"))
    n_blanked = audit.get("blanked")[blank]
    is_one_level = findings_turns.is_one_level(audit)
    if is_one_level and counts["whole"] + max(n_dark_end, n_blanked) >= SURE * rows:
        caveat = "; right for rows of plain text, wrong where they hold prompts"
        if n_blanked > counts["whole"]:
            text = f"in {n_blanked:,} of {rows:,} rows every token carries loss but {show(blank)}"
        else:
            text = f"in {counts['whole'] + n_dark_end:,} of {rows:,} rows every token carries loss"
            text += f" but the last, {' '.join(map(show, suffix))}" if n_dark_end else ""
        yield Finding("mask_not_applied", text + caveat)
        if blank is not None and n_blanked > counts["whole"]:
            text = f"in {n_blanked:,} of {rows:,} rows {show(blank)}, and nothing else, carries no loss"
            yield Finding("eos_masked", text)
    elif is_one_level and suffixes.total() >= SURE * rows:
        n = suffixes.total()
        yield Finding("mask_inverted", f"in {n:,} of {rows:,} rows the start carries loss, the end none")
    elif (
        findings_turns.is_one_level(audit)
        and counts["starts_lit"] >= SURE * rows
        and is_dark_like_answers(audit)
    ):
        text = (
            f"in {counts['starts_lit']:,} of {rows:,} rows the start carries loss, and what has none begins "
        )
        yield Finding(
            "mask_inverted", text + "behind the same token everywhere and ends with one, as answers do"
        )


def suspect_last_turns(audit, show):
    """Rows that all end with a role that never carries loss, and never stands before what does."""
    roles, counts = audit.get("roles"), audit.counts
    last, share = find_most_common(audit.get("last roles"))
    others = [role for role, how in roles if how == "lit"]
    is_dark = last is not None and not roles[last, "lit"] and roles[last, "dark"] >= SURE * counts["rows"]
    if share >= SURE and is_dark and others and counts["rows"] >= FEW:
        text = (
            f"nearly all of {counts['rows']:,} rows end with a message of the role {show(last)}, which never "
        )
        text += f"carries loss; those of {' '.join(map(show, others))} do"
        yield Finding("mask_inverted", text, False)


def is_dark_like_answers(audit):
    """Whether the runs without loss stand behind one token, begin differently, and end with one token."""
    (_, before), (_, first), (_, last) = (
        find_most_common(audit.get(name)) for name in ("before dark", "first dark", "last dark")
    )
    return before >= SURE and first < FREE and last >= SURE and audit.get("before dark").total() >= FEW


def suspect_column(audit, show):
    """A prompt that is masked by its length from column 0, with left padding."""
    before, first = audit.get("before shifted"), audit.get("first shifted")
    token, share = find_most_common(before)
    n = before.total()
    _, unshifted = find_most_common(audit.get("before unshifted"))
    if n >= FEW // 2 and share >= SURE and unshifted < SURE and find_most_common(first)[1] < SURE:
        yield Finding(
            "prefix_masked_by_column",
            f"in {before[token]:,} of {n:,} left-padded rows the loss begins as many tokens too early as "
            f"the row has pads: so many tokens later, {show(token)} stands before the answer in all of them",
        )


def suspect_start(audit, show):
    """A mask that starts a token late or early, where the template's last token gives it away."""
    (_, before_that), (_, before), (first_token, first), (_, second) = (
        find_most_common(audit.get(name)) for name in ("before that", "before", "first", "second")
    )
    n = audit.get("first").total()
    if n < FEW or audit.counts["one_token_spans"] >= SURE * n:
        return
    if before_that >= SURE and before < FREE:
        yield Finding(
            "mask_one_late",
            "the token before the first supervised one differs from row to row, the one before that "
            f"is the same in {before_that:.0%} of them",
            False,
        )
    elif first >= SURE and second < FREE:
        ends = audit.get("ends")
        is_stop_dark = findings_stops.count_ends(ends, "dark") >= max(SURE * ends.total(), 1)
        if is_stop_dark or (before < SURE and not audit.template.stops):
            text = f"the first supervised token is {show(first_token)} in {first:.0%} of the rows"
            text += ", and the stop token carries no loss" if is_stop_dark else ""
            yield Finding("mask_one_early", text, False)


def suspect_double_bos(audit, show):
    """Nearly all rows begin with the same token exactly twice."""
    counts = audit.counts
    token, _ = find_most_common(audit.get("twice"))
    n = audit.get("twice")[token]
    if n >= max(SURE * counts["rows"], 2) and counts["twice_inside"] < 0.5 * n:
        yield Finding(
            "double_bos", f"{n:,} of {counts['rows']:,} rows begin with {show(token)}, {show(token)}"
        )
