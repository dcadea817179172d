"""Verdicts on messages: headers, tool output and begin tokens with loss, earlier answers without it."""

from ..report import Finding
from .stops import FEW_SPANS, SURE

FEW = 8  # fewer spans than this give no suspicion that rests on agreement


def is_one_level(audit):
    """Whether all targets with loss have the same loss weight."""
    return len([value for value in audit.get("weights") if value != 0]) == 1


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
        text = f"{n:,} tokens that begin a document behind another one carry loss"
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
    """Tool output with loss: a role of this name, or one never dark, behind a dark header or run over."""
    roles, header = audit.get("roles"), audit.template.header
    answer = header[1] if len(header) > 1 else None
    run_over = {role for role, is_deep in audit.get("run_on_roles") if is_deep}
    for role in sorted({role for role, how in roles if how == "lit" and role != answer}):
        n = roles[role, "lit"]
        is_called_tool = is_tool(show(role)) and is_one_level(audit)
        n_dark_headers = audit.get("behind dark headers")[role]
        is_other = is_one_level(audit) and min(n_dark_headers, roles[answer, "lit"]) >= FEW_SPANS
        if is_called_tool or (not roles[role, "dark"] and (role in run_over or is_other)):
            text = f"the text of {n:,} messages of the role {show(role)}, between answers, carries loss"
            is_prompt = show(role).strip().lower() in ("user", "human", "system")
            text += "" if is_called_tool or is_prompt else "; if it is a user's, its turns are trained"
            yield Finding("mask_not_applied" if is_prompt else "tool_output_trained", text, is_called_tool)


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
