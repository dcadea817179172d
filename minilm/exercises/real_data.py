"""The exercises on real data: a batch in parts; the mask of conversations is taken in."""

import numpy as np

from . import last_turn
from .exercise import Exercise, draw_normal, draw_sizes


def combine_gradients(gradients, counts):
    """The gradient (P,) of the mean over all tokens, from each part's mean (K, P) and count (K,)."""
    return counts @ gradients / counts.sum()


def make_parts(rng, dtype):
    """Gradients of means (K, P) and uneven counts; a part without supervised tokens gives zeros."""
    K, P = draw_sizes(rng, "K", "P", low=3)
    counts = rng.permutation(np.arange(2, 40))[:K]
    counts[rng.integers(K - 1)] = 0
    return draw_normal(rng, dtype, K, P) * (counts[:, None] > 0).astype(dtype), counts.astype(dtype)


def total_of(gradients, counts):
    """The gradient of the sum over all tokens."""
    return counts @ gradients


def make_part_mistakes(gradients, counts):
    n_tokens, total = counts.sum(), counts @ gradients
    running = gradients[0]
    for gradient in gradients[1:]:
        running = (running + gradient) / 2
    of_means, added = gradients.mean(axis=0), gradients.sum(axis=0)
    divided_twice = added / n_tokens
    last_share = counts[-1] * gradients[-1] / n_tokens
    of_used = gradients[counts > 0].mean(axis=0)
    right, K, used = total / n_tokens, len(counts), counts > 0
    inverse = np.where(used, 1 / np.where(used, counts, 1), 0)
    until_empty = slice(None, int(np.argmin(used)))
    shrunk = 0 * gradients[0]
    for k in range(K):
        shrunk = (shrunk + counts[k] * gradients[k]) / max(counts[: k + 1].sum(), 1)
    with np.errstate(all="ignore"):
        softmax = np.exp(counts - counts.max())
        cut = total_of(gradients[until_empty], counts[until_empty]) / counts[until_empty].sum()
    return {
        "gradient": {
            "The mean of the means: a token of a small part counts more than one of a large part.": of_means,
            "That is the mean over the parts with tokens: they count alike, whatever their size.": of_used,
            "The means are only added up: each counts by its share of the tokens.": added,
            "That is the gradient of the sum: divide by the number of all supervised tokens.": total,
            "Divided by the number of parts: divide by that of all supervised tokens.": total / len(counts),
            "These are gradients of means: multiply each by its count before adding up.": divided_twice,
            "That is the last part alone: is it = where += is meant?": gradients[-1],
            "That is the last part's share alone: is it = where += is meant?": last_share,
            "A running mean (a + b) / 2: the last part counts half, the first hardly at all.": running,
            "The parts are not added up yet: sum over axis 0.": gradients * counts[:, None] / n_tokens,
            "Divided by the number of parts that have tokens: divide by that of all tokens.": total
            / used.sum(),
            "Divided by P, the number of parameters: divide by the number of all tokens.": total
            / gradients.shape[1],
            "Divided by the largest count: divide by the sum of all counts.": total / counts.max(),
            "Divided by the sum of all counts minus 1.": total / (n_tokens - 1),
            "Each part counts by the inverse of its count: a mean times its count is a sum.": (
                inverse @ gradients / inverse.sum()
            ),
            "Gradients are divided by their counts: they are means already, multiply.": (
                (gradients / np.maximum(counts, 1)[:, None]).sum(axis=0)
            ),
            "Each part counts by the root of its count: by the count itself.": (
                np.sqrt(counts) @ gradients / np.sqrt(counts).sum()
            ),
            "Each part counts by the square of its count: by the count itself.": (
                counts**2 @ gradients / (counts**2).sum()
            ),
            "The shares are a softmax of the counts: a share is count / sum of counts.": softmax
            @ gradients
            / softmax.sum(),
            "1 is added to every count: a part without tokens has no share.": (
                (counts + 1) @ gradients / (counts + 1).sum()
            ),
            "That is the first part alone: does a loop end too early?": gradients[0],
            "That is the largest part alone: all parts have their share.": gradients[counts.argmax()],
            "The first part is left out: does a loop begin at 1?": counts[1:] @ gradients[1:] / n_tokens,
            "The last part is left out: does a loop end too early?": counts[:-1] @ gradients[:-1] / n_tokens,
            "The first part is left out, and its count, too.": counts[1:] @ gradients[1:] / counts[1:].sum(),
            "The last part is left out, and its count, too.": counts[:-1]
            @ gradients[:-1]
            / counts[:-1].sum(),
            "All parts after an empty one are left out: skip it with continue, not break.": cut,
            "The division is inside the loop: divide once, at the end.": shrunk,
            "Gradients and counts are paired in another order: gradients[k] goes with counts[k].": (
                counts[::-1] @ gradients / n_tokens
            ),
            "The counts are sorted: gradients[k] goes with counts[k].": np.sort(counts)
            @ gradients
            / n_tokens,
            "That is the median: the mean over all tokens is asked for.": np.median(gradients, axis=0),
            "The mean of the means is multiplied by the number of tokens: multiply each by its own count.": (
                of_means * n_tokens
            ),
            "Summed over axis 1, over the parameters: sum over the parts, axis 0.": (
                gradients * counts[:, None]
            ).sum(axis=1)
            / n_tokens,
            "It is one number: one for each parameter should stay.": right.mean(),
            "It is one number: one for each parameter should stay, sum over axis 0 only.": right.sum(),
        }
    }


EXERCISES = {
    **last_turn.EXERCISES,
    "combine_gradients": Exercise(
        "combine_gradients(gradients, counts): gradients (K, P), each of the mean loss of one of K parts of "
        "a batch, and counts (K,) of their supervised tokens. Return the gradient (P,) of the mean over "
        "all tokens. A part without such tokens has a gradient of zeros.",
        ("gradient",),
        combine_gradients,
        make_parts,
        make_part_mistakes,
        hints=(
            "A mean times its count is a sum. Sums add up. Divide once, at the end.",
            "counts @ gradients / counts.sum()",
        ),
        constants=lambda gradients, counts: {"K": len(counts), "the number of all tokens": counts.sum()},
        is_tuple=False,
    ),
}
