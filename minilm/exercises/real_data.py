"""The exercises on real data: a batch in parts; the mask of conversations is taken in."""

import numpy as np

from .checker.exercise import Exercise, draw_normal, draw_sizes
from .single import last_turn


def combine_gradients(gradients, counts):
    """The gradient (P,) of the mean over all tokens, from each part's mean (K, P) and count (K,)."""
    return counts @ gradients / counts.sum()


def make_parts(rng, dtype):
    """Gradients of means (K, P) and uneven counts; a part without supervised tokens gives zeros."""
    K, P = draw_sizes(rng, "K", "P", low=3)
    counts = rng.permutation(np.arange(2, 40))[:K]
    counts[rng.integers(K - 1)] = 0
    return draw_normal(rng, dtype, K, P) * (counts[:, None] > 0).astype(dtype), counts.astype(dtype)


def make_part_mistakes(gradients, counts):
    return {
        "gradient": (
            list_shares(gradients, counts) | list_dividers(gradients, counts) | list_loops(gradients, counts)
        )
    }


def weigh(gradients, shares):
    """The mean gradient when each part counts by its share."""
    return shares @ gradients / shares.sum()


def list_shares(gradients, counts):
    """Other shares than the counts."""
    used = 1.0 * (counts > 0)
    with np.errstate(all="ignore"):
        inverse = np.where(counts > 0, 1 / counts, 0)
    shares = {
        "The mean of the means: a token of a small part counts more than one of a large part.": (
            1 + 0 * counts
        ),
        "That is the mean over the parts with tokens: they count alike, whatever their size.": used,
        "Each part counts by the inverse of its count: a mean times its count is a sum.": inverse,
        "Each part counts by the root of its count: by the count itself.": np.sqrt(counts),
        "Each part counts by the square of its count: by the count itself.": counts**2,
        "A count of 0 is replaced by 1: a part without tokens has no share.": np.maximum(counts, 1),
        "1 is added to every count: a part without tokens has no share.": counts + 1,
        "The counts are in reverse order: gradients[k] goes with counts[k].": counts[::-1],
        "That is the largest part alone: all parts have their share.": 1.0 * (counts == counts.max()),
    }
    return {sentence: weigh(gradients, share) for sentence, share in shares.items()}


def list_dividers(gradients, counts):
    """Sums that are divided by something else, or over another axis."""
    total, n_tokens, added = counts @ gradients, counts.sum(), gradients.sum(axis=0)
    shares = gradients * counts[:, None] / n_tokens
    return {
        "The means are only added up: each counts by its share of the tokens.": added,
        "That is the gradient of the sum: divide by the number of all supervised tokens.": total,
        "Divided by the number of parts: divide by that of all supervised tokens.": total / len(counts),
        "Divided by the number of parts that have tokens: divide by that of all tokens.": (
            total / (counts > 0).sum()
        ),
        "Divided by P, the number of parameters: divide by the number of all tokens.": (
            total / gradients.shape[1]
        ),
        "Divided by the largest count: divide by the sum of all counts.": total / counts.max(),
        "These are gradients of means: multiply each by its count before adding up.": added / n_tokens,
        "Gradients are divided by their counts: they are means already, multiply.": (
            (gradients / np.maximum(counts, 1)[:, None]).sum(axis=0)
        ),
        "The mean of the means is multiplied by all tokens: each by its own count.": (
            gradients.mean(0) * n_tokens
        ),
        "The parts are not added up yet: sum over axis 0.": shares,
        "Summed over axis 1, over the parameters: sum over the parts, axis 0.": shares.sum(axis=1),
        "This is a mean over the parameters: add up the parts, axis 0.": gradients.mean(axis=1),
        "It is one number: one for each parameter should stay, sum over axis 0 only.": shares.sum(),
        "It is one number, a mean: one for each parameter should stay.": shares.sum(axis=0).mean(),
    }


def list_loops(gradients, counts):
    """Loops that overwrite, end early, begin late, or divide inside."""
    n_tokens, full = counts.sum(), slice(None, int(np.argmin(counts > 0)))
    running = shrunk = gradients[0]
    shrunk = 0 * shrunk
    for k, (gradient, count) in enumerate(zip(gradients, counts, strict=True)):
        running = (running + gradient) / 2 if k else running
        shrunk = (shrunk + count * gradient) / max(counts[: k + 1].sum(), 1)
    with np.errstate(all="ignore"):
        until_empty = weigh(gradients[full], counts[full])
    return {
        "That is the last part alone: is it = where += is meant?": gradients[-1],
        "That is the last part's share alone: is it = where += is meant?": (
            counts[-1] * gradients[-1] / n_tokens
        ),
        "That is the first part alone: does a loop end too early?": gradients[0],
        "A running mean (a + b) / 2: the last part counts half, the first hardly at all.": running,
        "The division is inside the loop: divide once, at the end.": shrunk,
        "All parts after an empty one are left out: skip it with continue, not break.": until_empty,
        "The first part is left out: does a loop begin at 1?": counts[1:] @ gradients[1:] / n_tokens,
        "The last part is left out: does a loop end too early?": counts[:-1] @ gradients[:-1] / n_tokens,
        "The first part is left out, and its count, too.": weigh(gradients[1:], counts[1:]),
        "The last part is left out, and its count, too.": weigh(gradients[:-1], counts[:-1]),
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
