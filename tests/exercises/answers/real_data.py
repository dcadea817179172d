"""Answers: a mask of conversations, and a batch in parts."""

import numpy as np


def is_answer(roles):
    return (roles == 3) | (roles == 4)


def light_first(roles, turns):
    out = np.zeros(roles.shape)
    for b in range(len(roles)):
        first = turns[b][is_answer(roles[b])][0]
        out[b] = is_answer(roles[b]) & (turns[b] == first)
    return out


def light_last(roles, turns, lit=is_answer):
    """Row by row: where `lit(roles)` holds in the turn of the row's last answer."""
    out = np.zeros(roles.shape)
    for b in range(len(roles)):
        out[b] = lit(roles[b]) & (turns[b] == turns[b][is_answer(roles[b])].max())
    return out


def light_last_token(roles, turns):
    out = np.zeros(roles.shape)
    for b in range(len(roles)):
        out[b, np.flatnonzero(roles[b] == 4)[-1]] = 1
    return out


def go_back_from_last_eos(roles, turns):
    out = np.zeros(roles.shape)
    for b, row in enumerate(roles):
        t = np.flatnonzero(row == 4)[-1]
        out[b, t] = 1
        while t > 0 and row[t - 1] == 3:
            t -= 1
            out[b, t] = 1
    return out


def count_eos_to_come(roles, turns):
    to_come = (roles == 4)[:, ::-1].cumsum(axis=1)[:, ::-1]
    return (is_answer(roles) & (to_come == 1)).astype(float)


def overwrite(gradients, counts):
    for gradient in gradients:
        total = gradient
    return total


def overwrite_share(gradients, counts):
    for gradient, count in zip(gradients, counts, strict=True):
        total = gradient * count / counts.sum()
    return total


def halve_each_time(gradients, counts):
    mean = gradients[0]
    for k in range(1, len(gradients)):
        mean = 0.5 * (mean + gradients[k])
    return mean


def add_in_a_loop(gradients, counts):
    total, seen = np.zeros_like(gradients[0]), 0
    for gradient, count in zip(gradients, counts, strict=True):
        total += gradient * count
        seen += count
    return total / seen


def weigh_running_mean(gradients, counts):
    mean, seen = np.zeros_like(gradients[0]), counts.dtype.type(0)
    for gradient, count in zip(gradients, counts, strict=True):
        if count:
            seen += count
            mean += (gradient - mean) * (count / seen)
    return mean


WRONG = {
    "last_turn_mask": {
        r"All answers carry loss, not only the last of each row": lambda roles, turns: is_answer(roles) * 1.0,
        r"last turn of the longest conversation": lambda roles, turns: (
            is_answer(roles) & (turns == turns.max())
        ).astype(float),
        r"If a row ends with the user, nothing is lit": lambda roles, turns: (
            is_answer(roles) & (turns == turns.max(axis=1)[:, None])
        ).astype(float),
        r"the first answer of each row": light_first,
        r"<eos> is left out": lambda roles, turns: light_last(roles, turns, lambda r: r == 3),
        r"The marker <assistant> is lit, too": lambda roles, turns: light_last(
            roles, turns, lambda r: r >= 3
        ),
        r"The turn alone is not enough: markers and pads have one": lambda roles, turns: light_last(
            roles, turns, lambda r: r > -1
        ),
        r"Inverted: all but the last answer is lit": lambda roles, turns: 1 - light_last(roles, turns),
        r"one late: roles and turns are those of the targets already": lambda roles, turns: np.hstack(
            [np.zeros((len(roles), 1)), light_last(roles, turns)[:, :-1]]
        ),
        r"shape.*A column is cut: roles and turns are those of the targets already": lambda roles, turns: (
            light_last(roles[:, 1:], turns[:, 1:])
        ),
        r"Only <eos> is lit: the answer before it counts": light_last_token,
    },
    "combine_gradients": {
        r"mean of the means: a token of a small part counts more than one of a large part": lambda g, n: (
            np.mean(g, axis=0)
        ),
        r"mean over the parts with tokens": lambda g, n: g.sum(axis=0) / np.count_nonzero(n),
        r"The means are only added up": lambda g, n: sum(g),
        r"gradient of the sum: divide by the number of all supervised tokens": lambda g, n: (
            g * n[:, None]
        ).sum(axis=0),
        r"Divided by the number of parts": lambda g, n: (g * n[:, None]).mean(axis=0),
        r"multiply each by its count before adding up": lambda g, n: g.sum(axis=0) / n.sum(),
        r"the last part alone: is it = where \+= is meant": overwrite,
        r"the last part's share alone: is it = where \+= is meant": overwrite_share,
        r"A running mean \(a \+ b\) / 2": halve_each_time,
        r"shape.*not added up yet: sum over axis 0": lambda g, n: g * (n / n.sum())[:, None],
        r"not finite": lambda g, n: (g / n[:, None]).sum(axis=0),
    },
}

RIGHT = {
    "last_turn_mask": (
        lambda roles, turns: light_last(roles, turns),
        go_back_from_last_eos,
        count_eos_to_come,
    ),
    "combine_gradients": (
        lambda g, n: np.average(g, axis=0, weights=n).astype(g.dtype),
        add_in_a_loop,
        weigh_running_mean,
    ),
}
