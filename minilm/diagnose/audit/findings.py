"""Verdicts on an Audit: Findings, each only where the counts leave no other reading, or not certain.

A name that explains other signs, too, comes first, and these are then not named for themselves.
"""

from ..report import Finding
from . import findings_stops
from .spans import find_most_common
from .template import FEW_SPANS, MOST, SURE

FREE = 0.6  # share of spans that one answer's beginning stays below
FEW = 8  # fewer spans than this give no suspicion that rests on agreement
MANY = 0.05  # share of rows without loss that is no accident


def find_suspicions(audit, show=str):
    """What looks wrong, as a list of Findings; show(id) -> text. Empty if nothing does."""
    whole = list(suspect_whole_rows(audit, show))
    found = [*suspect_rows(audit, show), *whole]
    column = [] if whole else list(suspect_column(audit, show))
    if audit.counts["spans"] and not whole and not column:
        moved = list(suspect_start(audit, show))
        if [finding.fault for finding in moved] != ["mask_one_late"]:  # which lights what follows a span, too
            found += [*suspect_inside(audit, show), *suspect_tools(audit, show)]
        found += suspect_header(audit, show)
        found += suspect_turns(audit)
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
        yield Finding("marker_not_found", text, n == rows or not (has_header or n_longest))
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
    if is_one_level(audit) and counts["whole"] + max(n_dark_end, n_blanked) >= SURE * rows:
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
    elif is_one_level(audit) and suffixes.total() >= SURE * rows:
        n = suffixes.total()
        yield Finding("mask_inverted", f"in {n:,} of {rows:,} rows the start carries loss, the end none")
    elif is_one_level(audit) and counts["starts_lit"] >= SURE * rows and is_dark_like_answers(audit):
        text = (
            f"in {counts['starts_lit']:,} of {rows:,} rows the start carries loss, and what has none begins "
        )
        yield Finding(
            "mask_inverted", text + "behind the same token everywhere and ends with one, as answers do"
        )


def is_dark_like_answers(audit):
    """Whether the runs without loss stand behind one token, begin differently, and end with one token."""
    (_, before), (_, first), (_, last) = (
        find_most_common(audit.get(name)) for name in ("before dark", "first dark", "last dark")
    )
    return before >= SURE and first < FREE and last >= SURE and audit.get("before dark").total() >= FEW


def is_one_level(audit):
    """Whether all targets with loss have the same loss weight."""
    return len([value for value in audit.get("weights") if value != 0]) == 1


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


def suspect_inside(audit, show):
    """A begin token before the answer; spans that go on behind a stop token."""
    counts, spans = audit.counts, audit.counts["spans"]
    inside = audit.get("begin inside")
    is_sure = inside["after a stop"] >= SURE * spans and spans >= FEW_SPANS
    if is_sure or (inside.total() >= SURE * spans and spans >= FEW):
        first = show(audit.template.first)
        behind = ", behind a stop token" if is_sure else ""
        text = f"{first}, which begins the rows, stands again at the answer's start{behind}"
        yield Finding("bos_eos_inside", f"{text}, in {inside.total():,} of {spans:,} spans", is_sure)
    if n := counts["boundaries"]:
        text = f"{n:,} tokens that begin a document behind a stop token carry loss"
        yield Finding("boundary_in_the_loss", text, bool(counts["packed"]))
    if n := counts["runs_on"]:
        yield from suspect_runs_on(audit, show, n)


def suspect_runs_on(audit, show, n):
    """Spans that go on into the next message: whose it is, if its role is known."""
    template, roles = audit.template, audit.get("run_on_roles")
    stops = " or ".join(sorted(map(show, template.stops)))
    deep = sum(n for (_, is_deep), n in roles.items() if is_deep)
    how = "the next message" if deep else "the next message's header"
    is_header = (
        template.opener is not None and sum(n for (role, _), n in roles.items() if role is not None) == n
    )
    text = f"{n:,} of {audit.counts['spans']:,} spans with loss go on behind {stops} into {how}"
    yield Finding("span_runs_on", text, is_header)


def suspect_tools(audit, show):
    """Tool output with loss: a role that is called so, or one that spans run over and that is never dark."""
    roles, header = audit.get("roles"), audit.template.header
    answer = header[1] if len(header) > 1 else None
    run_over = {role for role, is_deep in audit.get("run_on_roles") if is_deep}
    for role in sorted({role for role, how in roles if how == "lit" and role != answer}):
        n = roles[role, "lit"]
        is_called_tool = is_tool(show(role)) and is_one_level(audit)
        if is_called_tool or (role in run_over and not roles[role, "dark"]):
            text = f"the text of {n:,} messages of the role {show(role)}, between answers, carries loss"
            yield Finding("tool_output_trained", text, is_called_tool)


def is_tool(text):
    """Whether a role's name says that a tool speaks."""
    return text.strip().lower() in ("tool", "ipython", "function", "observation", "environment")


def suspect_header(audit, show):
    """The header that inference supplies carries loss, from the token on that opens every message."""
    template, spans = audit.template, audit.counts["spans"]
    if template.opener is None or audit.counts["spans"] < FEW:
        return
    prefix, shapes = template.prefix, audit.get("header shapes")
    lit_roles = {role for (role, how) in audit.get("roles") if how == "lit"}
    is_alike = shapes[True] >= SURE * max(shapes.total(), 1) and len(prefix) > 2
    if prefix[:1] == (template.opener,) and is_alike and len(lit_roles) == 1:
        text = f"{spans:,} spans begin with the header, {' '.join(map(show, prefix))}"
        yield Finding("generation_prompt_trained", text, False)


def suspect_turns(audit):
    """Answers before the last one that carry no loss, and in no other row either."""
    several, only_last = audit.counts["several_answers"], audit.counts["only_last"]
    is_meant = "completion_mask" in audit.get("mask_names") or is_one_row_an_answer(audit)
    if several >= 2 and only_last >= SURE * several and not is_meant:
        text = f"in {only_last:,} of {several:,} rows with several answers only the last one carries loss"
        yield Finding("last_turn_only", text, False)


def is_one_row_an_answer(audit):
    """Whether answers that are dark in one row carry loss in another."""
    lit, dark = audit.get("lit answers"), audit.get("dark answers")
    return sum(answer in lit for answer in dark) >= SURE * max(len(dark), 1)


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
