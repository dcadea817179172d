"""From logits to one number, in two pairs: first the NLL of each token, then the reduction.

Because the two are kept apart, the loss mask is an array that can be seen: the gradient that
enters the network is dnll = loss_mask / loss_mask.sum(), one loss weight for every target.
"""

import numpy as np

SMALLEST, LARGEST = np.float64(1e-30), np.float64(1e30)  # loss weights; float32 holds both, and sums
WEIGHT_RULE = "a loss weight is 0, or lies between 1e-30 and 1e30"


def token_nll_forward(logits, targets):
    """Negative log-likelihood of every target token.

    nll[b, t] = -log softmax(logits[b, t])[targets[b, t]], in nats;
    logits (B, T, V), targets (B, T) integers in [0, V) -> nll (B, T).
    cache: probs, the indices of the targets' entries in logits.
    Raises ValueError for targets of another shape, and for targets that are no token ids. -100 and
    -1 are none: keep the real id, and give it loss weight 0.
    """
    check_targets(targets, logits.shape)
    where = (..., *np.indices(targets.shape, sparse=True), targets)  # logits[b, t, targets[b, t]]
    shifted = logits - logits.real.max(axis=-1, keepdims=True)  # so that exp cannot overflow
    exp = np.exp(shifted)
    total = exp.sum(axis=-1, keepdims=True)  # (B, T, 1)
    nll = np.log(total[..., 0]) - shifted[where]
    return nll, (exp / total, where)


def token_nll_backward(dnll, cache):
    """dlogits = (probs - onehot(targets)) dnll: where dnll is 0, the row is exactly 0."""
    probs, where = cache
    dlogits = probs * dnll[..., None]
    dlogits[where] -= dnll
    return dlogits, None


def weighted_mean_forward(nll, loss_mask):
    """Reduce the losses of all tokens to their weighted mean.

    loss = sum(loss_mask * nll) / sum(loss_mask), in nats per unit of weight;
    nll, loss_mask (B, T) -> loss (). cache: weights, their sum.
    Responses have loss weight 1. Prompts have 0 in SFT, 1 in full-sequence loss, w with prompt-loss
    weight w. Pads have 0. The denominator is the sum of the weights, so pads never count.
    Raises ValueError for a mask of another shape, for what is no loss weight, and if all are 0.
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
    """Log-probability of the tokens that `mask` selects, summed over each row.

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
        received = getattr(targets, "dtype", type(targets).__name__)
        raise ValueError(f"targets must be integers, not {received}: cast token ids to an int64 array")
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
    """Raise ValueError unless `loss_mask` is (B, T) like the targets, and all in it are loss weights."""
    if getattr(loss_mask, "dtype", np.dtype(object)).kind not in "biuf":
        received = getattr(loss_mask, "dtype", type(loss_mask).__name__)
        raise ValueError(f"loss_mask must be an array of numbers, not {received}: np.array(mask, float)")
    if loss_mask.ndim != 2 or loss_mask.shape != shape[-2:]:
        hint = "give every target one weight, without broadcasting"
        if loss_mask.ndim == 2 and loss_mask.shape[1] == shape[-1] + 1:
            hint = "it has one column too many: shift it with the targets, mask[:, 1:]"
        raise ValueError(f"loss_mask has shape {loss_mask.shape}, nll {shape[-2:]}: {hint}")
    bad = ~is_weight(loss_mask)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"loss_mask is {loss_mask[place]} at {place}: {WEIGHT_RULE}")


def is_weight(number):
    """Whether a number, or each of an array, follows WEIGHT_RULE: float32 makes it neither 0 nor infinite."""
    return (number == 0) | ((number >= SMALLEST) & (number <= LARGEST))
