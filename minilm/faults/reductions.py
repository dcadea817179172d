"""Faults in what is made of a right mask: the mean, its gradient, and terms beside it."""

import numpy as np

from .. import recording
from .planting import fault


def divide_unguarded(nll, loss_mask, smallest):
    """The weighted mean without its check: an empty mask divides by `smallest`."""
    weights = np.asarray(loss_mask, dtype=nll.real.dtype)
    total = np.maximum(weights.sum(), smallest)
    with np.errstate(invalid="ignore"):
        return (weights * nll).sum() / total, (weights, total)


@fault("losses.weighted_mean_forward", met_in="nanochat #590, #618, #834")
def empty_mask_nan(original, nll, loss_mask):
    """A batch without supervised tokens divides 0 by 0, and NaN reaches every parameter.

    A mask of zeros gives NaN, which one unlucky batch carries into every parameter.
    """
    return divide_unguarded(nll, loss_mask, smallest=0.0)


@fault("losses.weighted_mean_forward", met_in="TRL #6668, #3927, LLaVA #1166")
def empty_mask_silent(original, nll, loss_mask):
    """A batch without supervised tokens has loss 0 and gradient 0: the run looks healthy.

    A mask of zeros gives a loss of 0 instead of an error.
    """
    return divide_unguarded(nll, loss_mask, smallest=1.0)


@fault("losses.weighted_mean_forward", met_in="d2l #2076, mlx-vlm #1392")
def denominator_counts_all(original, nll, loss_mask):
    """The mean divides by all B T positions, not by the R supervised ones: the gradient gets too small.

    More pads, which carry no loss weight, make the loss smaller.
    """
    loss, (weights, total) = original(nll, loss_mask)
    return loss * total / nll.size, (weights, nll.dtype.type(nll.size))


@fault("losses.weighted_mean_forward", met_in="transformers #34191, torchtune #1875, nanochat #400")
def mean_of_means(original, nll, loss_mask):
    """Examples are averaged first: short answers count more per token, and cutting a batch changes the loss.

    The loss of two examples is the plain mean of their losses, though the one with more answer tokens
    should count for more.
    """
    per_row = loss_mask / np.maximum(loss_mask.sum(axis=-1, keepdims=True), 1e-9)
    return original(nll, per_row)


def spread_over_all(original, dloss, cache):
    """The backward of a plain mean: every position gets its share."""
    weights, _ = cache
    return np.full_like(weights, dloss / weights.size), None


@fault(
    "losses.weighted_mean_forward",
    met_in="minimind #51",
    also={"losses.weighted_mean_backward": spread_over_all},
)
def mask_after_reduction(original, nll, loss_mask):
    """The mask is applied after the mean is taken: every target keeps its loss, pads too.

    Every row is lit, those of pads too, and more pads change the loss.
    """
    _, cache = original(nll, loss_mask)
    return nll.mean(), cache


@fault("losses.weighted_mean_backward", met_in="a NumPy GPT")
def gradient_scaled(original, dloss, cache):
    """Loss and gradient divide by different numbers: a gradient check is off by a constant factor.

    The gradient is not the slope of the loss, but a constant times it.
    """
    weights, _ = cache
    return dloss * weights / weights.size, None


@fault("losses.token_nll_backward", met_in="pytorch #73205")
def smoothing_ignores_mask(original, dnll, cache):
    """Label smoothing forgets the mask: it also reaches targets of loss weight 0.

    Rows of loss weight 0 are faintly lit, and the gradient is not the slope of the loss: something that
    is not in the loss reaches them.
    """
    probs, _ = cache
    share = 0.1  # of every label, spread evenly over the vocabulary
    dlogits, none = original((1 - share) * dnll, cache)
    return dlogits + share * dnll.max() * (probs - 1 / probs.shape[-1]), none


def compare_with_reference(probs):
    """KL divergence (.., 1) of each row of probabilities from a reference by Zipf's law, and its dlogits.

    KL = sum(probs * log(probs / reference)); dlogits = probs * (log(probs / reference) - KL).
    """
    ranks = np.arange(1, probs.shape[-1] + 1, dtype=probs.real.dtype)
    log_ratio = np.log(probs + 1e-30) + np.log(ranks) + np.log((1 / ranks).sum())
    divergence = (probs * log_ratio).sum(axis=-1, keepdims=True)
    return divergence, probs * (log_ratio - divergence)


def add_to_all_rows(original, dnll, cache):
    """The backward of the NLL, and of the mean divergence over all positions."""
    dlogits, none = original(dnll, cache)
    _, dterm = compare_with_reference(cache[0])
    return dlogits + dterm / dnll.size, none


@fault(
    "model.loss_and_grads",
    met_in="MambaInLlama #11, optipfair #34, transformers #28505",
    also={"losses.token_nll_backward": add_to_all_rows},
)
def auxiliary_loss_unmasked(original, params, ids, targets, loss_mask, config, documents=None):
    """An auxiliary term (KL, router balance, z-loss) gives masked targets gradient, too, meant or not.

    Rows of loss weight 0 are faintly lit, and yet the gradient is the slope of the loss: the term is in both.
    Where the term is meant for all positions, that is right.
    """
    with recording("losses.token_nll_forward") as results:
        loss, grads = original(params, ids, targets, loss_mask, config, documents)
    _, (probs, _) = results[0]
    divergence, _ = compare_with_reference(probs)
    return loss + divergence.mean(), grads
