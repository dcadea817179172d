"""From logits to one number, in two pairs: per-token NLL first, reduction afterwards.

Keeping the two apart is what makes a loss mask a visible array: the gradient that enters the
network is dnll = loss_mask / loss_mask.sum(), one weight for every target token.
"""

import numpy as np

LARGEST = np.float64(1e30)  # of a weight: in float32, too, their sum is a number


def token_nll_forward(logits, targets):
    """Negative log-likelihood of every target token.

    nll[b, t] = -log softmax(logits[b, t])[targets[b, t]], in nats;
    logits (B, T, V), targets (B, T) integers in [0, V) -> nll (B, T). cache: probs, where
    Raises ValueError for targets of another shape, or that are no token ids (-100 and -1 included: weigh
    them 0 instead).
    """
    check_targets(targets, logits.shape)
    where = (..., *np.indices(targets.shape, sparse=True), targets)  # logits[b, t, targets[b, t]]
    shifted = logits - logits.real.max(axis=-1, keepdims=True)  # so that exp cannot overflow
    exp = np.exp(shifted)
    total = exp.sum(axis=-1, keepdims=True)  # (B, T, 1)
    nll = np.log(total[..., 0]) - shifted[where]
    return nll, (exp / total, where)


def token_nll_backward(dnll, cache):
    """dlogits = (probs - onehot(targets)) dnll: a row whose dnll is 0 is exactly 0."""
    probs, where = cache
    dlogits = probs * dnll[..., None]
    dlogits[where] -= dnll
    return dlogits, None


def weighted_mean_forward(nll, loss_mask):
    """Reduce per-token losses to one, each with its weight.

    loss = sum(loss_mask * nll) / sum(loss_mask), in nats per unit of weight;
    nll, loss_mask (B, T) -> loss (). cache: weights, their sum.
    Ones on every non-pad target = full-sequence loss; 1 on response targets and 0 elsewhere =
    SFT; 1 and w = prompt-loss weight w. The denominator counts weights, never pads.
    Raises ValueError for a mask of another shape, NaN or negative weights, or no weight at all.
    """
    check_loss_mask(loss_mask, nll.shape)
    weights = np.asarray(loss_mask, dtype=nll.real.dtype)
    total = weights.sum()
    if total == 0:
        raise ValueError(
            "loss_mask is empty: no target has weight, the mean would be 0 / 0; check that every "
            "batch keeps at least one response token after the shift and after truncation"
        )
    return (weights * nll).sum(axis=(-2, -1)) / total, (weights, total)


def weighted_mean_backward(dloss, cache):
    """dnll = dloss * loss_mask / sum(loss_mask); no gradient for the mask, which is data."""
    weights, total = cache
    return dloss * weights / total, None


def log_prob(nll, mask):
    """Log-probability of the tokens that `mask` selects, each row a sum.

    log P = -sum over t of mask[b, t] nll[b, t], in nats;  nll, mask (B, T) -> (B,).
    With the masks of data.py: prompt targets give log P(x), response targets log P(y|x), all
    targets log P(x, y) = log P(x) + log P(y|x). log P(x) covers the whole prompt only when a
    <bos> stands before it; without one, the first prompt token is never predicted.
    Source: Xiao & Zhu 2025, Foundations of Large Language Models, arXiv 2501.09223, ch. 4.
    """
    check_loss_mask(mask, nll.shape)
    return -(np.asarray(mask, dtype=nll.real.dtype) * nll).sum(axis=-1)


def check_targets(targets, shape):
    """Raise ValueError unless `targets` are integers in [0, V), one for each row of logits (B, T, V)."""
    if getattr(targets, "dtype", np.dtype(object)).kind not in "iu":
        found = getattr(targets, "dtype", type(targets).__name__)
        raise ValueError(f"targets must be integers, not {found}: cast token ids to an int64 array")
    if targets.shape != shape[-3:-1]:  # before these, stacked copies of logits may have more axes
        raise ValueError(f"targets have shape {targets.shape}, logits {shape}: give every row one target")
    vocab_size = shape[-1]
    bad = (targets < 0) | (targets >= vocab_size)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"target {targets[place]} at {place} is outside the vocabulary of {vocab_size}: there is "
            "no ignore index here, keep a real token id and give it weight 0 in loss_mask"
        )


def check_loss_mask(loss_mask, shape):
    """Raise ValueError unless `loss_mask` is (B, T) like the targets, finite and >= 0."""
    if getattr(loss_mask, "dtype", np.dtype(object)).kind not in "biuf":
        found = getattr(loss_mask, "dtype", type(loss_mask).__name__)
        raise ValueError(f"loss_mask must be an array of numbers, not {found}: np.array(mask, float)")
    if loss_mask.ndim != 2 or loss_mask.shape != shape[-2:]:
        hint = "give every target one weight, without broadcasting"
        if loss_mask.ndim == 2 and loss_mask.shape[1] == shape[-1] + 1:
            hint = "it has one column too many: shift it with the targets, mask[:, 1:]"
        raise ValueError(f"loss_mask has shape {loss_mask.shape}, nll {shape[-2:]}: {hint}")
    bad = ~((loss_mask >= 0) & (loss_mask <= LARGEST))
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"loss_mask is {loss_mask[place]} at {place}: weights are finite and not negative")
