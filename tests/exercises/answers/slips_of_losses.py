"""Answers: log-probabilities and what is computed from them, as they go wrong in practice."""

import numpy as np
from exercises.answers.backward_by_hand import onehot
from exercises.answers.forward import log_softmax, pick, softmax, sums
from exercises.unpacking import unpack_caches

TOKEN_NLL = {
    r"the entropy, a mean over all of V": lambda z, y: -(softmax(z) * log_softmax(z)).sum(-1),
    r"a mean over V: pick the target's term": lambda z, y: -log_softmax(z).mean(-1),
    r"No NLL is above 20\.7.*a constant in the logarithm, or a clip, of 1e-09": lambda z, y: (
        -np.log(pick(softmax(z), y) + 1e-9)
    ),
    r"No NLL is above 16\.1.*or a clip, of 1e-07": lambda z, y: (
        -np.log(np.clip(pick(softmax(z), y), 1e-7, 1))
    ),
    r"The maximum is subtracted in the sum only": lambda z, y: (
        np.log(np.exp(z - z.max(-1, keepdims=True)).sum(-1)) - pick(z, y)
    ),
    r"The maximum is subtracted from the target's logit only": lambda z, y: (
        np.log(np.exp(z).sum(-1)) - pick(z - z.max(-1, keepdims=True), y)
    ),
    r"One maximum is subtracted from all rows": lambda z, y: (
        np.log(np.exp(z - z.max()).sum(-1)) + z.max() - pick(z, y)
    ),
    r"The softmax is taken twice": lambda z, y: -pick(log_softmax(softmax(z)), y),
    r"A mean stands where the softmax has a sum": lambda z, y: -pick(log_softmax(z), y) - np.log(z.shape[-1]),
    r"shape.*The target's entry is not picked yet": lambda z, y: -log_softmax(z),
    r"shape.*\[:, :, targets\] picks all targets": lambda z, y: -log_softmax(z)[:, :, y],
    r"0\.1 of the mean over V is mixed in, as label smoothing does": lambda z, y: (
        -0.9 * pick(log_softmax(z), y) - 0.1 * log_softmax(z).mean(-1)
    ),
    r"The NLL of all unlikely tokens is 1e\+03.*nothing must be replaced": lambda z, y: np.minimum(
        -pick(log_softmax(z), y), 1000
    ),
    r"log\(sum\(exp\(shifted\)\)\) is missing": lambda z, y: (
        -np.log(pick(np.exp(z - z.max(-1, keepdims=True)), y))
    ),
    r"This is the perplexity": lambda z, y: np.exp(-pick(log_softmax(z), y)),
    r"shape.*The targets are shifted once more": lambda z, y: -pick(log_softmax(z)[:, :-1], y[:, 1:]),
}


def with_eos_in_x(nll, roles):
    x, y = -(nll * np.isin(roles, (2, 4))).sum(1), -(nll * (roles == 3)).sum(1)
    return x, y, x + y


LOG_PROBS = {
    r"log P\(x\) is wrong.*<eos> is counted to the prompt": with_eos_in_x,
    r"log P\(x\) has shape.*summed over axis 0, across the batch": lambda nll, roles: tuple(
        -(nll * mask).sum(0) for mask in (roles == 2, roles >= 3, roles >= 2)
    ),
    r"log P\(x\) is wrong.*mean over all T positions": lambda nll, roles: tuple(
        -(nll * mask).mean(1) for mask in (roles == 2, roles >= 3, roles >= 2)
    ),
    r"times too large: multiply by ln 2": lambda nll, roles: tuple(a / np.log(2) for a in sums(nll, roles)),
    r"log P\(x, y\) is wrong.*log P\(y\|x\) is subtracted": lambda nll, roles: (
        *sums(nll, roles)[:2],
        sums(nll, roles)[0] - sums(nll, roles)[1],
    ),
    r"log P\(x\) is wrong.*The roles are shifted once more": lambda nll, roles: sums(
        nll[:, :-1], roles[:, 1:]
    ),
}
NLL_BACKWARD = {
    r"dnll is used as a switch": lambda d, p, where: ((p - onehot(p, where)) * (d != 0)[..., None], None),
    r"1 is added at the target": lambda d, p, where: ((p + onehot(p, where)) * d[..., None], None),
    r"dnll is squared": lambda d, p, where: ((p - onehot(p, where)) * (d**2)[..., None], None),
    r"The mean of dnll is used for all rows": lambda d, p, where: ((p - onehot(p, where)) * d.mean(), None),
    r"derivative by the probability, -1 / p": lambda d, p, where: (
        -onehot(p, where) / p * d[..., None],
        None,
    ),
    r"Only the target's entry is there": lambda d, p, where: (
        (p - 1) * onehot(p, where) * d[..., None],
        None,
    ),
    r"0\.1 of the 1 is spread over V, as in label smoothing": lambda d, p, where: (
        (p - 0.9 * onehot(p, where) - 0.1 / p.shape[-1]) * d[..., None],
        None,
    ),
    r"multiply by V \(\d\)": lambda d, p, where: ((p - onehot(p, where)) * d[..., None] / p.shape[-1], None),
    r"None stands in another place: the order is \(dlogits, None\)": lambda d, p, where: (
        None,
        (p - onehot(p, where)) * d[..., None],
    ),
}
MEAN_BACKWARD = {
    r"weights are used as a switch: they may be 0\.25": lambda d, w, total: (d * (w > 0) / total, None),
    r"weights are used as a switch, and counted": lambda d, w, total: (d * (w > 0) / (w > 0).sum(), None),
    r"Each row is divided by its own sum": lambda d, w, total: (d * w / w.sum(1, keepdims=True), None),
    r"that is total \([\d.]+\) squared": lambda d, w, total: (d * w * total, None),
    r"weights is squared": lambda d, w, total: (d * w * w / total, None),
    r"shape.*It is one number": lambda d, w, total: (d / total, None),
    r"It is divided by T, the number of positions": lambda d, w, total: (d * w / w.shape[1], None),
}
TARGET_WEIGHTS = {
    r"This is the length of the row's change": lambda a, b, y: np.linalg.norm(b - a, axis=-1),
    r"This says only whether a row changes": lambda a, b, y: 1.0 * ((b - a) != 0).any(axis=-1),
    r"The sum over V is 0|differ": lambda a, b, y: (b - a).sum(axis=-1),
    r"It is divided by its sum": lambda a, b, y: pick(b - a, y) / pick(b - a, y).sum(),
    r"The two are added": lambda a, b, y: pick(b + a, y),
}

WRONG = {
    "token_nll": TOKEN_NLL,
    "log_probs": LOG_PROBS,
    "token_nll_backward": unpack_caches(NLL_BACKWARD),
    "weighted_mean_backward": unpack_caches(MEAN_BACKWARD),
    "target_weights": TARGET_WEIGHTS,
}
