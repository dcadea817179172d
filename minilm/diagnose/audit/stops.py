"""Which tokens end answers? Learned from how spans with loss end, and from what follows these tokens."""

from collections import Counter
from itertools import dropwhile, pairwise, takewhile
from typing import NamedTuple

from .spans import find_most_common

SURE = 0.95  # share of spans or rows in which a token is the same, if it is the template's
MOST = 0.9  # share that is enough where a fault may touch some of them
FEW_SPANS = 3  # spans that can show what is the same in all
ENOUGH_SPANS = 8  # spans that can show that what follows them, at the row's end, is the stop
FEW_STOPS = 4  # different stop tokens of one template
STOP_DEPTH = 3  # the stop is among so many last tokens of a span: a newline may follow it


class End(NamedTuple):
    """How one span ends: its last tokens, the token after it or None, all its tokens.

    is_final: whether the token after it is the row's last.
    """

    tail: list
    after: int | None
    tokens: list
    is_final: bool


def learn_stops(lists, spans, given):
    """The stop tokens: those given, what ends the rows' last spans, and what ends all that is left.

    Where no span holds those given, or stands before them, nothing is guessed beside them.
    """
    ends = [[make_end(tokens, a, b) for a, b in pairs] for tokens, pairs in zip(lists, spans, strict=True)]
    if given and all(given.isdisjoint([*end.tokens, end.after]) for row in ends for end in row):
        return given
    longest = max(map(len, lists), default=0)
    whole = [row[-1] for row, tokens in zip(ends, lists, strict=True) if row and len(tokens) < longest]
    stops = given
    groups = [whole] if len(whole) >= FEW_SPANS else []  # the longest rows may be cut
    for group in (*groups, [row[-1] for row in ends if row], [end for row in ends for end in row]):
        open_ends = [end for end in group if stops.isdisjoint([*end.tokens, end.after])]
        if len(open_ends) >= (2 if stops else 1):
            choose = choose_more_stops if stops else choose_stops
            stops = stops | choose(lists, open_ends)
    earlier = [end for row in ends for end in row[:-1]]
    return stops or frozenset(find_last_token(lists, earlier) if len(earlier) >= FEW_SPANS else ())


def make_end(tokens, a, b):
    """The End of the span [a, b) of a list of tokens."""
    after = tokens[b] if b < len(tokens) else None
    return End(tokens[max(a, b - STOP_DEPTH) : b], after, tokens[a:b], b + 1 == len(tokens))


def choose_stops(lists, ends):
    """The one token that ends, or follows, nearly all of these spans; a few that do; or none."""
    if found := choose_more_stops(lists, ends):
        return found
    token, share = find_most_common(Counter(end.after if end.is_final else None for end in ends))
    if token is not None and share >= MOST and len(ends) >= ENOUGH_SPANS:
        return {token}
    token, share = find_most_common(Counter(end.tail[-1] for end in ends))
    if share < 0.8 or len(ends) < FEW_SPANS:
        return set()
    inside = sum(end.tokens[:-1].count(token) for end in ends)
    is_text = inside >= 0.05 * len(ends) and len(count_followers(lists, {token})) > FEW_STOPS
    return set() if is_text else {token}


def choose_more_stops(lists, ends):
    """As choose_stops, but only what text never follows: beside a known stop, a "." is none."""
    if found := find_last_token(lists, ends):
        return found
    near = Counter(token for end in ends for token in {end.tail[-1], end.after} - {None})
    ((token, n),) = near.most_common(1)
    if n >= MOST * len(ends) and is_stop_like(lists, token):
        return {token}
    return find_stop_set(ends)


def find_last_token(lists, ends):
    """The token that nearly all of these spans end with, itself or before one more; or none."""
    for depth in (1, 2):
        token, share = find_most_common(Counter(end.tail[-depth] for end in ends if len(end.tail) >= depth))
        inside = len(ends) < FEW_SPANS and any(token in end.tokens[:-depth] for end in ends)
        if share >= MOST and is_stop_like(lists, token) and not inside:
            return {token}
    return set()


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


def find_behind(lists, spans, stops):
    """(token, whether it ends other turns, too) for the one without loss behind nearly all spans.

    (None, False) if there is none, or if spans do not end with the stop itself. It ends other turns if
    always the same follows it and it often stands behind something else than the stop.
    """
    ends = [(tokens[b - 1], tokens[b] if b < len(tokens) else None) for tokens, b in list_ends(lists, spans)]
    (last, last_share), (behind, share) = (
        find_most_common(Counter(side)) for side in zip(*ends, strict=True)
    )
    is_stop = last in stops and behind not in stops
    if len(ends) < FEW_SPANS or behind is None or not is_stop or min(last_share, share) < SURE:
        return None, False
    if not is_stop_like(lists, behind):
        return behind, False
    others = sum(b == behind and a not in (last, behind) for tokens in lists for a, b in pairwise(tokens))
    return behind, others >= max(FEW_SPANS, 0.5 * len(lists))


def find_unused_end(lists, spans, run):
    """The token of a run before answers that ends turns, as a stop does, but no answer; or None."""
    near = {
        token for tokens, b in list_ends(lists, spans) for token in tokens[max(b - STOP_DEPTH, 0) : b + 1]
    }
    unused = list(takewhile(lambda token: token not in near, dropwhile(near.__contains__, run)))
    return unused[-1] if unused and is_stop_like(lists, unused[-1]) else None


def list_ends(lists, spans):
    """(tokens, end) of every span."""
    return [(tokens, b) for tokens, pairs in zip(lists, spans, strict=True) for _, b in pairs]


def find_stop_set(ends):
    """Two to FEW_STOPS tokens that together end nearly all spans, and stand nowhere else in them."""
    last = Counter(end.tail[-1] for end in ends if len(end.tokens) > 1)
    tokens = {token for token, n in last.items() if n >= 0.05 * len(ends) and n >= 2}
    if not 2 <= len(tokens) <= FEW_STOPS or sum(last[token] for token in tokens) < SURE * len(ends):
        return frozenset()
    inside = sum(token in tokens for end in ends for token in end.tokens[:-1])
    return frozenset(tokens if inside < 0.05 * len(ends) else ())
