"""What one row's spans with loss, and its answers, show: how they begin, how they end, which are dark."""

from bisect import bisect_left, bisect_right
from itertools import pairwise

import numpy as np

from .stops import STOP_DEPTH, SURE

EDGES = ("before that", "before", "first", "second")  # tokens around a span's start: -2, -1, 0, 1
REMEMBERED = 200_000  # answers that are compared between rows


def count_edges(audit, tokens, bare, spans):
    """Count the tokens around the starts of spans, and where these would be if pads were counted twice."""
    before_that, before, first, second = (audit.tallies[name] for name in EDGES)
    template = audit.template
    is_repeated = template.first not in template.stops and tokens.count(template.first) > 1
    for a, b in spans:
        before_that[tokens[a - 2] if a > 1 else None] += 1
        before[tokens[a - 1] if a else None] += 1
        first[tokens[a]] += 1
        second[tokens[a + 1] if a + 1 < b else None] += 1
        audit.counts["one_token_spans"] += b - a == 1
        if is_repeated:
            count_begin_token(audit, tokens, a, b)
    a = spans[0][0]
    if bare.left and a > 1 and a + bare.left < len(tokens):
        audit.tally("before shifted", tokens[a + bare.left - 1])
        audit.tally("first shifted", tokens[a + bare.left])
        audit.tally("before unshifted", tokens[a - 1])


def count_begin_token(audit, tokens, a, b):
    """Count spans right before, or at, whose start the row's first token stands again."""
    first, stops = audit.template.first, audit.template.stops
    if a > 1 and tokens[a - 1] == first:
        audit.tally("begin inside", "after a stop" if tokens[a - 2] in stops else "dark")
    elif a > 0 and tokens[a] == first and b - a > 1 and first != audit.template.opener:
        audit.tally("begin inside", "after a stop" if tokens[a - 1] in stops else "lit")


def count_stops(audit, tokens, bare, spans, messages):
    """Count how spans end, by what follows them, and which of them go on behind a stop."""
    stops, n = audit.template.stops, len(tokens)
    documents = 1 + int(bare.starts[1:].sum()) if bare.starts is not None else None
    audit.counts["packed"] += documents is not None and documents > 1
    starts = [k for k, _ in messages]
    answers = audit.template.header[1:2]
    for number, (a, b) in enumerate(spans):
        is_last = number + 1 == len(spans)
        following = bisect_left(starts, b)
        owner = bisect_right(starts, a) - 1
        if answers and owner >= 0 and messages[owner][1] not in (None, *answers):
            continue  # another role's
        if stops.intersection(tokens[max(a, b - STOP_DEPTH) : b]):
            how = "lit"
        elif b < n:
            how = "dark" if tokens[b] in stops else "open"
        else:
            how = "unknown" if bare.ends_unknown else "padded" if bare.right else "cut"
        audit.tally("ends", (how, is_last, messages[following][1] if following < len(starts) else None))
        if how in ("lit", "dark"):
            audit.tally("stops", next(t for t in reversed(tokens[a : b + 1]) if t in stops))
        if how == "lit":
            audit.tally("last", tokens[b - 1])
        if how == "cut":
            audit.tally("cut_lengths", n)
        count_behind_stop(audit, tokens, bare, (a, b))


def count_behind_stop(audit, tokens, bare, span):
    """Count a span that goes on behind a stop token, a newline aside, and what stands there."""
    a, b = span
    stops, template = audit.template.stops, audit.template
    if stops.isdisjoint(tokens[a : b - 1]):
        return
    starts = bare.starts if bare.starts is not None else np.zeros(len(tokens), bool)
    for k in range(a, b - 1):
        if tokens[k] not in stops or (tokens[k + 1] in stops and not starts[k + 1]):
            continue
        k += 1
        if tokens[k] == template.glue and (k + 1 == b or template.glue != template.opener):
            k += 1
        is_row_end = b == len(tokens) and b - k == 1 and tokens[k] not in (template.opener, template.glue)
        if k >= b or ((is_row_end or stops.issuperset(tokens[k:b])) and not starts[k]):
            return
        if starts[k] or (bare.starts is None and tokens[k] == template.first != template.opener):
            audit.counts["boundaries"] += 1
            return
        audit.counts["runs_on"] += 1
        role = tokens[k + 1] if tokens[k] == template.opener and k + 1 < len(tokens) else None
        audit.tally("run_on_roles", (role, b - k > max(len(template.header), 1)))
        return


def count_answers(audit, tokens, bare, messages):
    """Count which roles carry loss, and rows with several answers of which only the last one does."""
    template, size = audit.template, len(audit.template.header)
    ends = ([k for k, _ in messages] + [len(tokens)])[1:]
    n_lit = [0, *np.cumsum(bare.weights > template.base).tolist()]  # before each token
    starts, lit, before = [], [], 0
    for (k, role), end in zip(messages, ends, strict=True):
        body = min(k + max(size, 2), end)
        n_body = n_lit[end] - n_lit[body]
        if template.opener is not None and body < end:
            is_lit = n_body >= max(0.5 * (end - body - 2), 1)  # its stop and a newline may be dark
            audit.tally("roles", (role, "lit" if is_lit else "dark"))
            if is_lit and n_lit[k] == n_lit[body]:
                audit.tally("behind dark headers", role)
            count_header_shape(audit, tokens, k, role)
        is_header = size and (k or size > 1) and tuple(tokens[k : k + size]) == template.header
        if is_header:
            starts.append(k)
            lit.append(n_body > 0)
            if audit.counts["only_last"] >= SURE * audit.counts["several_answers"]:
                remember_answer(audit, tokens[before:k], tokens[k + size : end], lit[-1])
        before = k
    if bare.starts is None:
        count_several(audit, tokens, starts, lit)
        return
    documents = np.cumsum(bare.starts)[starts]
    for document in np.unique(documents):
        inside = np.flatnonzero(documents == document)
        count_several(audit, tokens, [starts[i] for i in inside], [lit[i] for i in inside])


def count_several(audit, tokens, starts, lit):
    """Count a document with several answers, by where they start and whether they are lit."""
    stops = audit.template.stops
    if len(starts) > 1 and all(stops.intersection(tokens[p:q]) for p, q in pairwise(starts)):
        audit.counts["several_answers"] += 1
        audit.counts["only_last"] += lit[-1] and not any(lit[:-1])


def count_header_shape(audit, tokens, k, role):
    """Count other roles' headers that are as long as the one that spans begin with, and end in the same."""
    prefix = audit.template.prefix
    if len(prefix) > 1 and prefix[0] == audit.template.opener and role != prefix[1]:
        last = k + len(prefix) - 1
        audit.tally("header shapes", last < len(tokens) and tokens[last] == prefix[-1])


def remember_answer(audit, before, body, is_lit):
    """Keep an answer, up to its stop token, and the message before it, as one number.

    Dark here, it may carry loss in another row. A short answer alone may be the same by chance.
    """
    seen = audit.tallies["lit answers" if is_lit else "dark answers"]
    if len(seen) < REMEMBERED:
        end = next((k for k, token in enumerate(body) if token in audit.template.stops), len(body))
        seen[hash((*before, None, *body[:end]))] += 1
