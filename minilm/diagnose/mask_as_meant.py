"""Is the mask as meant? The mask that a batch comes with against the one that its examples ask for.

The shortest explanation that fits exactly gives the name: each known mistake's mask is compared.
"""

import numpy as np

from . import locate
from .locate import LEAD, PAD, PROMPT, RESPONSE, STOP, TOOL
from .report import Finding

KNOWN_PARTS = (PROMPT, TOOL, RESPONSE, STOP)


def check_mask(case):
    """The mask as made; examples that stand alone in a batch can give a wrong one a narrower name."""
    finding = compare_mask(case)
    if finding is None:
        return None
    rows = [doc.row for doc in case.documents]
    is_packed = len(set(rows)) < len(rows)
    if is_packed and all(example.mask_is_right for example in case.alone):
        if finding.fault != "mask_not_applied":
            return finding
        return Finding("packing_drops_mask", f"{finding.evidence}; each example alone has the right mask")
    if finding.fault == "eos_masked" and not any(example.after for example in case.alone):
        return Finding(
            "stop_in_next_message", f"{finding.evidence}; the last answers have no stop token at all"
        )
    return finding


def check_stop_token(case):
    """A token must follow every response: without one nothing teaches the model to stop."""
    without = [number for number, example in enumerate(case.alone) if not example.after]
    if without:
        return Finding("eos_cut", f"no token follows the response in examples {show_numbers(without)}")
    return None


def check_double_bos(case):
    """Not every row may begin with one token twice."""
    starts = {tuple(example.before[:2]) for example in case.alone}
    if len(starts) == 1:
        (start,) = starts
        if len(start) == 2 and start[0] == start[1]:
            return Finding("double_bos", f"every row begins with the ids {list(start)}")
    return None


def compare_mask(case):
    """What is wrong with the mask as made, as a Finding, or None.

    Examples without any loss weight are told apart first; then each known mistake's mask is compared.
    """
    spans = [(d.row, slice(max(d.start - 1, 0), d.end + 1)) for d in case.documents]
    empty = [k for k, span in enumerate(spans) if case.weights[span].any() and not case.mask[span].any()]
    if empty:
        examples = f"examples {show_numbers(empty)} of {len(spans)}"
        return Finding("marker_not_found", f"{examples} carry no loss weight at all")
    known = np.isin(case.roles, KNOWN_PARTS)
    scaled = case.mask / case.mask.max()
    if agree(scaled, case.weights, known):
        return find_weight_beyond_examples(scaled, case)
    for name, wrong in make_known_mistakes(case).items():
        where = known.copy()
        if name == "mask_one_late":  # a mask moved by np.roll has something else in its first column,
            where[:, 0] = False
        if name == "mask_one_early":  # or in its last
            where[:, -1] = False
        if agree(scaled, wrong, where) and not agree(case.weights, wrong, where):
            return Finding(name, describe_differences(scaled, case, known))
    return Finding("mask_differs", describe_differences(scaled, case, known))


def make_known_mistakes(case):
    """What the mask would be under each known mistake, by name."""
    right, roles = case.weights, case.roles
    last_turns = np.zeros(right.shape)
    for doc in case.documents:
        last_turns[doc.row, max(doc.answer[0] - 1, 0) :] = 1
    return {
        "mask_not_applied": np.isin(roles, KNOWN_PARTS) * 1.0,
        "mask_one_late": move_columns(right, 1),
        "mask_one_early": move_columns(right, -1),
        "mask_inverted": np.isin(roles, (PROMPT, TOOL)) * 1.0,
        "last_turn_only": right * last_turns,
        "tool_output_trained": np.where(roles == TOOL, 1.0, right),
        "eos_masked": np.where(roles == STOP, 0.0, right),
    }


def find_weight_beyond_examples(scaled, case):
    """Loss weight on pads, or on the first token of the next document in a packed row."""
    for role, name in ((PAD, "pads_in_the_loss"), (LEAD, "boundary_in_the_loss")):
        lit = (scaled > 0) & (case.roles == role)
        if lit.any():
            count = f"{int(lit.sum())} {locate.NAMES[role]} targets"
            return Finding(name, f"{count} carry loss weight, the first at {show_first(lit)}")
    return None


def describe_differences(scaled, case, known):
    """Which known targets carry loss weight though they should not, and the other way round, as text."""
    lines = []
    for role in KNOWN_PARTS:
        here = known & (case.roles == role)
        wrong = here & ~np.isclose(scaled, case.weights, atol=1e-4)
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0])
            lines.append(
                f"{int(wrong.sum())} of {int(here.sum())} {locate.NAMES[role]} targets, the first at "
                f"{show_first(wrong)}: {scaled[at]:.2g} where {case.weights[at]:.2g} is meant"
            )
    return "; ".join(lines)


def agree(mask, other, where):
    """Whether two masks agree on the places that count."""
    return np.allclose(mask[where], other[where], atol=1e-4)


def move_columns(mask, places):
    """A mask's columns moved to the right, or left if negative; zeros come in."""
    moved = np.zeros_like(mask)
    if places > 0:
        moved[:, places:] = mask[:, :-places]
    else:
        moved[:, :places] = mask[:, -places:]
    return moved


def show_first(where):
    """The first place of a boolean array, as text."""
    at = np.argwhere(where)
    return f"[{at[0][0]}, {at[0][1]}]" if len(at) else "no place"


def show_numbers(numbers):
    """A short list of numbers, as text."""
    shown = ", ".join(map(str, numbers[:4]))
    return f"{shown}, ..." if len(numbers) > 4 else shown
