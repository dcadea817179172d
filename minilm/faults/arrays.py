"""Array work that several faults share."""

import numpy as np

from .. import data


def shift_columns(array, places):
    """Move columns to the right, or to the left if negative; what comes in is 0."""
    moved = np.roll(array, places, axis=1)
    if places > 0:
        moved[:, :places] = 0
    else:
        moved[:, places:] = 0
    return moved


def light_all_targets(roles):
    """A mask of 1 on every target that is no pad."""
    return (roles != data.PAD) * 1.0
