"""Slips that every formula invites, as tables {sentence: the wrong value that comes of it}."""

import numpy as np


def vary_terms(terms, but=()):
    """Of a sum of terms {text: value}: each left out, of the wrong sign, doubled, halved.

    `but` holds the sentences of slips for which an exercise has its own words.
    """
    total = sum(terms.values())
    table = {}
    for text, value in terms.items():
        table[f"{text} is missing."] = total - value
        table[f"{text} has the wrong sign."] = total - 2 * value
        table[f"{text} is twice what it should be."] = total + value
        table[f"{text} is half of what it should be."] = total - value / 2
    return {sentence: value for sentence, value in table.items() if sentence not in but}


def vary_factor(text, factor, build):
    """Of a formula build(factor): the factor squared, inverted, under a root."""
    with np.errstate(all="ignore"):
        return {
            f"{text} is squared: once is enough.": build(factor * factor),
            f"{text} divides where it should multiply, or the other way round.": build(1 / factor),
            f"The square root of {text} is taken: use it as it is.": build(np.sqrt(factor)),
        }


def vary_sum(parts):
    """Of a sum over examples and positions, parts (B, T, ...): wrong axes, a part of it alone."""
    total = parts.sum((0, 1))
    table = {
        "It is not yet summed over the rows.": parts,
        "It is summed over the batch only: sum over time, too.": parts.sum(0),
        "It is summed over time only: sum over the batch, too.": parts.sum(1),
        "Only the last example is there: is it = where += is meant?": parts[-1].sum(0),
        "Only the first example is there: add the others.": parts[0].sum(0),
        "Only the last position of every example is there: add the others.": parts[:, -1].sum(0),
        "Only the first position of every example is there: add the others.": parts[:, 0].sum(0),
        "Only the very last row is there: is it = where += is meant?": parts[-1, -1],
        "Only the very first row is there: does a loop end too early?": parts[0, 0],
    }
    if total.ndim == 1:
        table["It is summed over the channels: sum over the rows, that is batch and time."] = parts.sum(-1)
        table["It is summed over everything: one number for each channel should stay."] = parts.sum()
    return table
