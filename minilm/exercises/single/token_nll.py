"""The exercise on the NLL of tokens, which forward takes in."""

import numpy as np

from ... import losses
from ..checker import examples
from ..checker.compare import find_differences, find_ratio, is_close
from ..checker.exercise import Exercise, draw_normal, draw_sizes, pick_targets


def token_nll(logits, targets):
    """-log softmax(logits)[target] for every target."""
    return losses.token_nll_forward(logits, targets)[0]


def make_logits(rng, dtype):
    B, T, V = draw_sizes(rng, "B", "T", "V", low=3)
    scale = 1 if B % 2 else 1000  # large logits overflow exp
    return draw_normal(rng, dtype, B, T, V) * dtype(scale), rng.integers(0, V, (B, T))


def make_nll_mistakes(logits, targets):
    return {
        "nll": list_picks(logits, targets) | list_softmaxes(logits, targets) | list_losses(logits, targets)
    }


def list_picks(logits, targets):
    """Right log-probabilities, of which the wrong ones are taken, or added up."""
    nll, every = token_nll(logits, targets), -take_log_softmax(logits)
    shifted_twice = token_nll(logits[:, :-1], targets[:, 1:])
    entropy, V = (np.exp(-every) * every).sum(-1), logits.shape[-1]
    return {
        "The minus is missing: a likely token has an NLL near 0, an unlikely one a large one.": -nll,
        "It is already averaged: keep one value for each token, so that a mask can weigh them.": nll.mean(),
        "It is summed already: keep one value for each token, so that a mask can weigh them.": nll.sum(),
        "It is summed over time already: keep one value for each token.": nll.sum(-1),
        "This is the NLL of the most likely token: the target's own logit is not used.": every.min(-1),
        "This is the entropy, a mean over all of V: pick the target's term alone.": entropy,
        "This is a mean over V: pick the target's term alone.": every.mean(-1),
        "This is a sum over V: pick the target's term alone.": every.sum(-1),
        "The target's entry is not picked yet: one value for each position, not V.": every,
        "[:, :, targets] picks all targets at all positions: use np.take_along_axis.": every[:, :, targets],
        "1 is subtracted from the targets: token ids begin at 0.": (
            token_nll(logits, targets - 1 + V * (targets == 0))
        ),
        "The NLL of token 0 is taken everywhere: pick each position's own target.": every[..., 0],
        "Targets of the position before are used: position t has its own.": (
            token_nll(logits, np.roll(targets, 1, axis=1))
        ),
        "Targets of the position after are used: position t has its own.": (
            token_nll(logits, np.roll(targets, -1, axis=1))
        ),
        "The first row's targets are used in all rows: each row has its own.": (
            token_nll(logits, np.tile(targets[0], (len(targets), 1)))
        ),
        "One token is picked at all positions: each has its own target.": every[..., targets[0, 0]],
        "The position t is picked as if it were a token: pick targets[b, t].": (
            token_nll(logits, np.arange(targets.size).reshape(targets.shape) % targets.shape[1] % V)
        ),
        "The targets are shifted once more: position t holds its own target already.": shifted_twice,
    }


def list_softmaxes(logits, targets):
    """The target's term, of a softmax that is wrong."""
    nll, logit, top = token_nll(logits, targets), pick_targets(logits, targets), logits.max(-1)
    over_time = -pick_targets(take_log_softmax(logits, axis=1), targets)
    exps = np.exp(logits - logits.max())
    row_exps = np.exp(logits - top[..., None])
    with np.errstate(all="ignore"):
        one_maximum = np.log(exps.sum(-1)) + logits.max() - logit
        too_large = -np.log(pick_targets(np.exp(logits), targets) / np.exp(logits).sum(-1))
        rounded = -np.log(pick_targets(row_exps, targets) / row_exps.sum(-1))
    return {
        "The softmax runs over the wrong axis: take the last one, the vocabulary.": over_time,
        "This is minus the target's logit: log(sum(exp(logits))) is missing.": -logit,
        "The plain logits are divided by their sum: exp makes probabilities of them.": (
            -np.log(logit / logits.sum(-1))
        ),
        "exp is missing in the sum: log(sum(exp(logits))).": np.log(logits.sum(-1)) - logit,
        "log(sum(exp(shifted))) is missing: this is only the distance to the largest logit.": top - logit,
        "The maximum is subtracted in the sum only: subtract it from the target's logit, too.": nll - top,
        "The maximum is subtracted from the target's logit only: subtract it in the sum, too.": nll + top,
        "The sum runs over the whole batch: each position has a softmax of its own.": (
            np.log(exps.sum()) + logits.max() - logit
        ),
        "One maximum is subtracted from all rows, and low rows are lost: each has its own.": one_maximum,
        "A mean stands where the softmax has a sum: it is log(V) too small.": nll - np.log(logits.shape[-1]),
        "exp overflows: subtract each row's maximum from its logits first.": too_large,
        "The probability was rounded to 0, and log(0) is infinite: stay with logarithms, "
        "log(sum(exp(shifted))) - shifted[target].": rounded,
    }


def list_losses(logits, targets):
    """Other losses of the right softmax."""
    nll, probs = token_nll(logits, targets), np.exp(take_log_softmax(logits))
    return {
        "These are probabilities: take -log.": np.exp(-nll),
        "1 - p is no NLL: take -log(p).": 1 - np.exp(-nll),
        "This is the perplexity exp(NLL): return the NLL.": np.exp(nll),
        "The softmax is taken twice: its input is the logits.": token_nll(probs, targets),
    }


def take_log_softmax(logits, axis=-1):
    shifted = logits - logits.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def find_limit(label, wrong):
    """A sentence for NLLs of unlikely tokens that are all replaced by one number, the others right, or ""."""
    found = ""
    for _, got, right in wrong:
        off = find_differences(got, right)
        some = np.unique(got[off])
        if len(some) == 1 and np.isfinite(some[0]) and right[off].min() > right[~off].max(initial=0):
            found = explain_limit(float(some[0]), right.max())
        elif not is_close(got, right, tolerance=1e-2):
            return ""
    return found


def explain_limit(limit, largest):
    """What a limit says: of what number it is the logarithm, if of any."""
    if not 0 < limit < 700:
        return (
            f"The NLL of all unlikely tokens is {limit:.3g}, where it should rise up to {largest:.4g}: "
            "nothing is infinite, and nothing must be replaced, if you stay with logarithms."
        )
    return (
        f"No NLL is above {limit:.3g}, where it should rise up to {largest:.4g}: a constant in the "
        f"logarithm, or a clip, of {np.exp(-limit):.2g} hides how wrong the model is."
    )


def find_smoothing(label, wrong):
    """A sentence for the loss of label smoothing, a part of it the mean over V, or ""."""
    shares = []
    for (logits, _), got, right in wrong:
        mean = -take_log_softmax(logits).mean(-1)
        shares.append(find_ratio(got - right, mean - right))
    if None in shares or not np.allclose(shares, shares[0], rtol=1e-3):
        return ""
    return (
        f"{shares[0]:.3g} of the mean over V is mixed in, as label smoothing does: the target's term is all."
    )


EXERCISES = {
    "token_nll": Exercise(
        "token_nll(logits, targets): from logits (B, T, V) and targets (B, T) return (B, T): "
        "-log softmax(logits)[target].",
        ("nll",),
        token_nll,
        make_logits,
        make_nll_mistakes,
        hints=(
            "exp(1000) overflows. What may you subtract from a row of logits without changing the softmax?",
            "shifted = logits - logits.max(axis=-1, keepdims=True)\n"
            "picked = np.take_along_axis(shifted, targets[..., None], axis=-1)[..., 0]\n"
            "return np.log(np.exp(shifted).sum(axis=-1)) - picked",
        ),
        diagnose=lambda label, wrong: find_limit(label, wrong) or find_smoothing(label, wrong),
        show_off=examples.show_nll,
        constants=lambda logits, targets: {
            "ln 2, since a bit is ln 2 nats": np.log(2),
            "ln 10": np.log(10),
            "V": logits.shape[-1],
            "the number of targets": targets.size,
        },
        is_tuple=False,
    ),
}
