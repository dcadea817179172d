"""Answers: the NLL of tokens, the log-probabilities of sequences."""

import math

import numpy as np


def pick(array, targets):
    return np.take_along_axis(array, targets[..., None], axis=-1)[..., 0]


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def log_softmax(z):
    shifted = z - z.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def sums(nll, roles):
    """log P(x), log P(y|x), log P(x, y)."""
    return tuple(-(nll * mask).sum(axis=1) for mask in (roles == 2, roles >= 3, roles >= 2))


def means(nll, roles):
    return tuple(-(nll * m).sum(1) / m.sum(1) for m in (roles == 2, roles >= 3, roles >= 2))


def sums_without_eos(nll, roles):
    x, y = -(nll * (roles == 2)).sum(1), -(nll * (roles == 3)).sum(1)
    return x, y, x + y


def exchange(nll, roles):
    x, y, both = sums(nll, roles)
    return y, x, both


def multiply(nll, roles):
    x, y, _ = sums(nll, roles)
    return x, y, x * y


def probabilities(nll, roles):
    p = np.exp(-nll)
    return tuple(np.where(m, p, 1).prod(axis=1) for m in (roles == 2, roles >= 3, roles >= 2))


def nll_by_loops(logits, targets):
    nll = np.zeros(targets.shape)
    for b, t in np.ndindex(targets.shape):
        row = logits[b, t].astype(float)
        top = row.max()
        nll[b, t] = top + math.log(sum(math.exp(z - top) for z in row)) - row[targets[b, t]]
    return nll


def nll_by_onehot(logits, targets):
    onehot = np.eye(logits.shape[-1])[targets]
    return np.logaddexp.reduce(logits, axis=-1) - np.einsum("btv,btv->bt", onehot, logits)


def log_probs_by_loops(nll, roles):
    x, y = np.zeros(len(nll)), np.zeros(len(nll))
    for b, t in np.ndindex(nll.shape):
        if roles[b, t] == 2:
            x[b] -= nll[b, t]
        elif roles[b, t] > 2:
            y[b] -= nll[b, t]
    return x, y, x + y


def log_probs_of_products(nll, roles):
    p = np.exp(-nll.astype(float))
    x = np.log(np.where(roles == 2, p, 1).prod(axis=-1))
    y = np.log(np.where(roles >= 3, p, 1).prod(axis=-1))
    return [x, y, x + y]


WRONG = {
    "token_nll": {
        r"exp overflows: subtract each row's maximum": lambda z, y: (
            -np.log(pick(np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True), y))
        ),
        r"The probability was rounded to 0, and log\(0\) is infinite": lambda z, y: (
            -np.log(pick(softmax(z), y))
        ),
        r"The minus is missing: a likely token has an NLL near 0": lambda z, y: pick(log_softmax(z), y),
        r"These are probabilities: take -log": lambda z, y: pick(softmax(z), y),
        r"The softmax runs over the wrong axis": lambda z, y: -np.log(pick(softmax(z, axis=1), y)),
        r"It is already averaged: keep one value for each token": lambda z, y: (
            -pick(log_softmax(z), y).mean()
        ),
        r"This is minus the target's logit: log\(sum\(exp\(logits\)\)\) is missing": lambda z, y: -pick(z, y),
        r"NLL of the most likely token: the target's own logit is not used": lambda z, y: (
            -log_softmax(z).max(-1)
        ),
        r"1\.443 times too large: multiply by ln 2 \(0\.6931\), since a bit is ln 2 nats": lambda z, y: (
            -pick(log_softmax(z), y) / np.log(2)
        ),
    },
    "log_probs": {
        r"log P\(x\) is wrong.*It is a mean: log-probabilities of tokens add up": means,
        r"log P\(x\) is wrong.*The sign is wrong": lambda nll, roles: sums(-nll, roles),
        r"log P\(y\|x\) is wrong.*<eos> is left out": sums_without_eos,
        r"log P\(x, y\) is wrong.*Pads are counted": lambda nll, roles: (*sums(nll, roles)[:2], -nll.sum(1)),
        r"log P\(x\) has shape.*summed over the whole batch": lambda nll, roles: tuple(
            a.sum() for a in sums(nll, roles)
        ),
        r"yours is \(log P\(y\|x\), .*Please return \(log P\(x\), log P\(y\|x\), log P\(x, y\)\)": exchange,
        r"log P\(x, y\) is wrong.*Logarithms of a product add up": multiply,
        r"log P\(y\|x\) is wrong.*the prompt's part must go": lambda nll, roles: [
            sums(nll, roles)[i] for i in (0, 2, 2)
        ],
        r"This is the probability: return its logarithm": probabilities,
    },
}

RIGHT = {
    "token_nll": (nll_by_loops, nll_by_onehot),
    "log_probs": (log_probs_by_loops, log_probs_of_products),
}
