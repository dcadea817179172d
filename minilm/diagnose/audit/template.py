"""What the rows of a data set have in common: the stop token, the answer's header, the row's first token.

It is learned from the first rows, without a tokenizer: the tokens around the spans with loss that are the
same in nearly all of them belong to the template.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np

from .spans import drop_starts, find_main, find_most_common, find_runs, find_spans
from .stops import (
    FEW_SPANS,
    MOST,
    SURE,
    count_followers,
    find_behind,
    find_unused_end,
    is_stop_like,
    learn_stops,
    list_ends,
)

LONGEST_HEADER = 32  # tokens
MANY_ROLES = 12  # tokens that follow a role's opener; what more of them follow is text


class Template(NamedTuple):
    """What is known of the template.

    base: the loss weight that prompts have (0: none). stops: the stop tokens; guessed_stops: those of them
    that nobody gave. header: the tokens before an answer's span, from its message's first on, () if they
    differ. prefix: the tokens that all spans begin with. opener: the token that opens every message's
    header, before its role; None if there is none. first: the token that begins the rows, None if they
    begin differently. glue: the token that always follows a stop, often a newline. behind: the one token
    without loss behind all spans that end with a guessed stop, None if there is none; behind_ends_turns:
    whether it ends other turns, too. lacking: a token that ends the turns before answers, but no answer.
    """

    base: float = 0.0
    stops: frozenset = frozenset()
    guessed_stops: frozenset = frozenset()
    header: tuple = ()
    prefix: tuple = ()
    opener: int | None = None
    first: int | None = None
    glue: int | None = None
    behind: int | None = None
    behind_ends_turns: bool = False
    lacking: int | None = None


def learn_template(sample, given_stops=()):
    """The Template of a list of Bare rows; `given_stops` are ids that are known to be stop tokens."""
    sample = [row for row in sample if len(row.tokens)]
    base = learn_base(sample)
    lists = [row.tokens.tolist() for row in sample]
    spans = [drop_starts(row, find_main(row, find_spans(row.weights > base))) for row in sample]
    stops = learn_stops(lists, spans, frozenset(given_stops))
    lacking = None if given_stops else find_lacking(lists, spans, stops)
    stops = stops if lacking is None else frozenset()
    behind = find_behind(lists, spans, stops) if stops and not given_stops else (None, False)
    glue, share = find_most_common(count_followers(lists, stops))
    header, prefix = learn_header(lists, spans, stops), learn_prefix(lists, spans)
    opener = find_opener(lists, header) if header else None
    opener = find_opener(lists, prefix) if opener is None else opener
    if opener is None:
        last = find_run_before(lists, [pairs[-1:] for pairs in spans], stops)  # others may be no answers
        opener = find_opener(lists, last) if len(last) > len(header) > 0 else None
        header = header if opener is None else last
    first, first_share = find_most_common(Counter(tokens[0] for tokens in lists))
    first = first if first_share >= SURE else None
    glue = glue if share >= MOST and glue != first else None
    if opener in header:
        header = header[header.index(opener) :]
    elif header[:1] == (glue,) and len(header) > 1:
        header = header[1:]
    guessed = stops - set(given_stops)
    return Template(base, stops, guessed, header, prefix, opener, first, glue, *behind, lacking)


def find_lacking(lists, spans, stops):
    """The token that ends the turns before answers, but no answer; None where text never follows a stop."""
    before = learn_header(lists, spans, frozenset())
    opener = find_opener(lists, before) if before else None
    lit_ends = {tokens[b - 1] for tokens, b in list_ends(lists, spans)}
    if opener is None or any(stop in lit_ends or is_stop_like(lists, stop) for stop in stops):
        return None
    return find_unused_end(lists, spans, before[: before.index(opener)])


def learn_base(sample):
    """The smallest loss weight of rows in which every token carries some loss, and not all the same."""
    levels = [np.unique(row.weights[1:]) for row in sample]
    smallest = [float(level[0]) for level in levels if len(level) > 1 and level[0] > 0]
    n_rows = sum(bool(level.any()) for level in levels)
    return min(smallest) if smallest and len(smallest) >= 0.5 * n_rows else 0.0


def learn_header(lists, spans, stops):
    """The run of tokens before spans that is the same in nearly all, or before each row's first and last."""
    if sum(map(len, spans)) < FEW_SPANS:
        return ()
    choices = (slice(None), slice(1), slice(-1, None))  # all spans, the first of each row, the last
    every, first, last = (find_run_before(lists, [pairs[c] for pairs in spans], stops) for c in choices)
    return first if first == last and len(first) > len(every) else every or first or last


def find_run_before(lists, spans, stops):
    """The run of tokens right before these spans, back to the last stop, that is the same in nearly all."""
    starts = [(tokens, a) for tokens, pairs in zip(lists, spans, strict=True) for a, _ in pairs]
    run = []
    for distance in range(1, LONGEST_HEADER + 1):
        before = Counter(tokens[a - distance] if a >= distance else None for tokens, a in starts)
        token, share = find_most_common(before)
        if share < MOST or token is None or token in stops:
            break
        run.insert(0, token)
    return tuple(run)


def learn_prefix(lists, spans):
    """The run of tokens at the start of spans that is the same in nearly all; () if there is none."""
    prefix = []
    if sum(map(len, spans)) < FEW_SPANS:
        return ()
    for distance in range(LONGEST_HEADER):
        found = Counter(
            tokens[a + distance] if a + distance < b else None
            for tokens, pairs in zip(lists, spans, strict=True)
            for a, b in pairs
        )
        token, share = find_most_common(found)
        if share < MOST or token is None:
            break
        prefix.append(token)
    return tuple(prefix)


def find_opener(lists, header):
    """The token of a header that a few others follow elsewhere, as roles do; None if there is none."""
    first, _ = find_most_common(Counter(tokens[0] for tokens in lists))
    found = []
    for token in set(header[:-1]):  # its last token stands before the answer
        if header.count(token) > 1:
            continue
        followers = count_followers(lists, {token})
        total = sum(followers.values())
        is_few = 2 <= len(followers) <= MANY_ROLES and total >= 1.5 * len(lists)
        if is_few and all(n >= 0.01 * total for n in followers.values()):
            found.append((token != first, len(followers), token))
    return min(found)[2] if found else None


def find_messages(tokens, template):
    """(index, role) of every header in a list of tokens; the role is the token after the opener.

    Without an opener only the answers' headers are known, and their role is None.
    """
    if template.opener is None:
        return [(k, None) for k in find_runs(tokens, template.header)]
    return [(k, tokens[k + 1]) for k in find_runs(tokens, (template.opener,)) if k + 1 < len(tokens)]
