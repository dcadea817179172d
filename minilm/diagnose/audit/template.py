"""What the rows of a data set have in common: the stop token, the answer's header, the row's first token.

It is learned from the first rows, without a tokenizer: the tokens around the spans with loss that are the
same in nearly all of them belong to the template.
"""

from collections import Counter
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .spans import find_main, find_most_common, find_runs, find_spans

SURE = 0.95  # share of spans or rows in which a token is the same, if it is the template's
MOST = 0.9  # share that is enough where a fault may touch some of them
LONGEST_HEADER = 32  # tokens
MANY_ROLES = 12  # tokens that follow a role's opener; what more of them follow is text
FEW_SPANS = 3  # spans that can show what is the same in all
FEW_STOPS = 4  # different stop tokens of one template
STOP_DEPTH = 3  # the stop is among so many last tokens of a span: a newline may follow it


class Template(NamedTuple):
    """What is known of the template.

    base: the loss weight that prompts have (0: none). stops: the stop tokens; guessed_stops: those of them
    that nobody gave. header: the tokens before an answer's span, from its message's first on, () if they
    differ. prefix: the tokens that all spans begin with. opener: the token that opens every message's
    header, before its role; None if there is none. first: the token that begins the rows, None if they
    begin differently. glue: the token that always follows a stop, often a newline.
    """

    base: float = 0.0
    stops: frozenset = frozenset()
    guessed_stops: frozenset = frozenset()
    header: tuple = ()
    prefix: tuple = ()
    opener: int | None = None
    first: int | None = None
    glue: int | None = None


def learn_template(sample, given_stops=()):
    """The Template of a list of Bare rows; `given_stops` are ids that are known to be stop tokens."""
    sample = [row for row in sample if len(row.tokens)]
    base = learn_base(sample)
    lists = [row.tokens.tolist() for row in sample]
    spans = [find_main(row, find_spans(row.weights > base)) for row in sample]
    stops = learn_stops(lists, spans, frozenset(given_stops))
    glue, share = find_most_common(count_followers(lists, stops))
    header, prefix = learn_header(lists, spans, stops), learn_prefix(lists, spans)
    opener = find_opener(lists, header) if header else None
    opener = find_opener(lists, prefix) if opener is None else opener
    first, first_share = find_most_common(Counter(tokens[0] for tokens in lists))
    first = first if first_share >= SURE else None
    glue = glue if share >= MOST and glue != first else None
    if opener in header:
        header = header[header.index(opener) :]
    elif header[:1] == (glue,) and len(header) > 1:
        header = header[1:]
    return Template(base, stops, stops - set(given_stops), header, prefix, opener, first, glue)


def learn_base(sample):
    """The smallest loss weight of rows in which every token carries some loss, and not all the same."""
    levels = [np.unique(row.weights[1:]) for row in sample]
    smallest = [float(level[0]) for level in levels if len(level) > 1 and level[0] > 0]
    n_rows = sum(bool(level.any()) for level in levels)
    return min(smallest) if smallest and len(smallest) >= 0.5 * n_rows else 0.0


class End(NamedTuple):
    """How one span ends: its last tokens, the token after it or None, all its tokens.

    is_final: whether the token after it is the row's last.
    """

    tail: list
    after: int | None
    tokens: list
    is_final: bool


def learn_stops(lists, spans, given):
    """The stop tokens: those given, what ends the rows' last spans, and what ends all that is left."""
    ends = [[make_end(tokens, a, b) for a, b in pairs] for tokens, pairs in zip(lists, spans, strict=True)]
    longest = max(map(len, lists), default=0)
    whole = [row[-1] for row, tokens in zip(ends, lists, strict=True) if row and len(tokens) < longest]
    stops = given
    groups = [whole] if len(whole) >= FEW_SPANS else []  # the longest rows may be cut
    for group in (*groups, [row[-1] for row in ends if row], [end for row in ends for end in row]):
        open_ends = [end for end in group if stops.isdisjoint([*end.tokens, end.after])]
        if len(open_ends) >= (2 if stops else 1):
            stops = stops | choose_stops(lists, open_ends)
    return stops


def make_end(tokens, a, b):
    """The End of the span [a, b) of a list of tokens."""
    after = tokens[b] if b < len(tokens) else None
    return End(tokens[max(a, b - STOP_DEPTH) : b], after, tokens[a:b], b + 1 == len(tokens))


def choose_stops(lists, ends):
    """The one token that ends, or follows, nearly all of these spans; a few that do; or none."""
    for depth in (1, 2):
        token, share = find_most_common(Counter(end.tail[-depth] for end in ends if len(end.tail) >= depth))
        inside = len(ends) < FEW_SPANS and any(token in end.tokens[:-depth] for end in ends)
        if share >= MOST and is_stop_like(lists, token) and not inside:
            return {token}
    near = Counter(token for end in ends for token in {end.tail[-1], end.after} - {None})
    ((token, n),) = near.most_common(1)
    if n >= MOST * len(ends) and is_stop_like(lists, token):
        return {token}
    token, share = find_most_common(Counter(end.after if end.is_final else None for end in ends))
    if token is not None and share >= MOST and len(ends) >= FEW_SPANS:
        return {token}
    token, share = find_most_common(Counter(end.tail[-1] for end in ends))
    if share >= 0.8 and len(ends) >= FEW_SPANS:
        return {token}
    return find_stop_set(ends)


def is_stop_like(lists, token):
    """Whether a token is always followed by the same one, or by nothing: text follows no stop token."""
    _, share = find_most_common(count_followers(lists, {token}))
    return share >= MOST or not count_followers(lists, {token})


def count_followers(lists, wanted):
    """Counts of the tokens right after those wanted; what is repeated, as pads are, does not count."""
    followers = Counter()
    for tokens in lists:
        if not wanted.isdisjoint(tokens):
            pairs = pairwise(tokens)
            followers.update(after for token, after in pairs if token in wanted and after != token)
    return followers


def find_stop_set(ends):
    """Two to FEW_STOPS tokens that together end nearly all spans, and stand nowhere else in them."""
    last = Counter(end.tail[-1] for end in ends if len(end.tokens) > 1)
    tokens = {token for token, n in last.items() if n >= 0.05 * len(ends) and n >= 2}
    if not 2 <= len(tokens) <= FEW_STOPS or sum(last[token] for token in tokens) < SURE * len(ends):
        return frozenset()
    inside = sum(token in tokens for end in ends for token in end.tokens[:-1])
    return frozenset(tokens if inside < 0.05 * len(ends) else ())


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
    for token in set(header[:-1] if len(header) > 2 else header[:1]):
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
