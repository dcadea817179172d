"""How do targets stand to inputs: one place ahead, at their own place, rolled, padded apart?"""

import numpy as np

IGNORED = -100
SHIFTS = (1, 0, 2)  # right, not shifted, shifted twice


def find_shift(ids, targets):
    """How many places the targets are ahead of the inputs, or None if they are something else.

    1 is right: targets[:, t] == ids[:, t + 1]. Negative targets (-100) are not compared, nor is a row's last
    target where ids and targets were each padded behind it.
    """
    T = ids.shape[1]
    for shift in SHIFTS:
        known = targets[:, : T - shift] >= 0
        if known.any() and not find_strangers(ids, targets, shift).any():
            return shift
    return None


def find_strangers(ids, targets, shift=1):
    """Which targets (B, T) do not stand in ids where the shift says; a row's last one before pads may."""
    T = ids.shape[1]
    strange = np.zeros(ids.shape, bool)
    strange[:, : T - shift] = (targets >= 0)[:, : T - shift] & (targets[:, : T - shift] != ids[:, shift:])
    for row in np.flatnonzero(strange.sum(axis=1) == 1):
        at = int(strange[row].argmax())
        if shift == 1 and len(set(ids[row, at + 1 :].tolist())) == 1:
            strange[row, at] = False
    return strange


def join_tokens(ids, targets):
    """The whole rows (B, T + 1): the inputs, and the targets that no input repeats, such as the last."""
    tokens = np.concatenate([ids, targets[:, -1:]], axis=1)
    ahead = targets[:, :-1]
    tokens[:, 1:-1] = np.where((ahead >= 0) & (ahead != ids[:, 1:]), ahead, tokens[:, 1:-1])
    return tokens


def is_rolled(ids, targets):
    """Whether every row's last target is its own first token: labels that were rolled, not cut."""
    return bool((targets == np.roll(ids, -1, axis=1))[targets >= 0].all())
