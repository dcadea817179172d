"""Is the mask as meant? Loss weights of targets against those that the examples ask for.

The shortest explanation that fits exactly gives the name: each known mistake's mask is compared.
"""

import numpy as np

from .examples import BOUNDARY, HEADER, NAMES, PAD, RESPONSE, STOP, TAIL
from .mistakes import make_known_mistakes
from .report import Finding

TOLERANCE = 0.02  # of a loss weight
LIGHT_BOUNDARIES = {  # mistakes that also light the first token of a packed document
    *("mask_not_applied", "packing_drops_mask", "mask_one_late", "mask_one_early", "mask_inverted"),
}


def check_mask(case):
    """The mask as made; examples that stand alone in a batch can give a wrong one a narrower name."""
    findings = name_differences(case, case.mask)
    rows = [document.row for document in case.documents]
    is_packed = len(set(rows)) < len(rows)
    if is_packed and all(is_right_alone(example) for example in case.alone):
        renamed = ("packing_drops_mask", "each example alone has the right mask")
        findings = [rename(finding, "mask_not_applied", *renamed) for finding in findings]
    if not any(example.after for example in case.alone):
        renamed = ("stop_in_next_message", "the last answers have no stop token at all")
        findings = [rename(finding, "eos_masked", *renamed) for finding in findings]
    if case.stop_is_guess and any(finding.fault == "eos_masked" for finding in findings):
        findings = [f._replace(certain=f.certain and f.fault != "eos_masked") for f in findings]
        findings.append(Finding("eos_cut", "what follows the answers is a stop token or a pad", False))
    return findings


def check_stop_token(case):
    """A token must follow every response: without one nothing teaches the model to stop."""
    without = [k for k, example in enumerate(case.alone) if not example.after or example.document.is_cut]
    if without:
        return Finding("eos_cut", f"no token follows the response in examples {show_numbers(without)}")
    return None


def check_double_bos(case):
    """Not every row may begin with one token twice."""
    starts = {tuple(example.before[::-1][:3]) for example in case.alone}
    first = {start[:2] for start in starts}
    if len(first) == 1 and all(len(set(start)) > 1 or len(start) < 3 for start in starts):
        (start,) = first
        if len(start) == 2 and start[0] == start[1]:
            return Finding("double_bos", f"every row begins with the ids {list(start)}")
    return None


def check_token_inside(case):
    """What begins the row may not stand again right before the answer, as if that were a text of its own.

    One token that stands before prompt and answer alike is a separator, and right.
    """
    for example in (example for example in case.alone if example.document.answers):
        start = example.document.answers[0][0]
        row, begins = join_row(example), example.before[-1:]
        before = [end for _, end, part in example.document.spans if end <= start]
        between = row[before[-1] : start].tolist() if before else []
        if not begins or between[-1:] != begins or between == example.before[::-1]:
            return None
    return Finding(
        "bos_eos_inside", f"the ids {between} stand between prompt and answer of every example", certain=False
    )


def join_row(example):
    """The tokens of the row in which an example stands alone; the first is never a target."""
    batch, row = example.batch, example.document.row
    return np.concatenate([batch.ids[row, :1], np.where(batch.targets[row] < 0, -1, batch.targets[row])])


def is_right_alone(example):
    """Whether an example in a batch of its own has the mask that is meant."""
    scaled = scale_like(example.batch.mask, example.layout)
    differs = find_differences(scaled, example.layout)
    return not differs[np.isin(example.layout.roles, (PAD, BOUNDARY), invert=True)].any()


def name_differences(case, weights):
    """What is wrong with loss weights (B, T) of any scale: a list of Findings, empty if nothing is.

    Each known mistake's mask is compared. Where none fits, examples without any loss weight are told apart
    from what differs in the others. Loss beyond the examples is said beside that.
    """
    layout = case.layout
    known = [layout.examples == k for k in range(len(case.documents))]
    has_loss = [here & (layout.meant > 0) & ~layout.is_free for here in known]
    empty = [k for k, here in enumerate(has_loss) if here.any() and not (weights * known[k]).any()]
    scaled = scale_like(weights, layout)
    differs = find_differences(scaled, layout)
    outside = np.isin(layout.roles, (PAD, BOUNDARY))
    if not (differs & ~outside).any():
        return find_loss_outside(scaled, differs, layout)
    fits = find_fits(case, scaled, outside)
    if empty and not fits:
        evidence = f"examples {show_numbers(empty)} of {len(known)} carry no loss weight at all"
        found = [Finding("marker_not_found", evidence)]
        others = differs & ~outside & ~np.isin(layout.examples, empty)
        if others.any():
            found.append(Finding("mask_differs", describe_differences(scaled, others, layout)))
        return found
    said = find_loss_outside(scaled, differs & ~find_explained(case, fits), layout)
    evidence = describe_differences(scaled, differs & ~outside, layout)
    if not fits:
        return [Finding("mask_differs", evidence), *said]
    is_certain = len(fits) == 1 and all(fits.values())
    names = list(dict.fromkeys(name for names in fits for name in names))
    return [*(Finding(name, evidence, is_certain) for name in names), *said]


def find_fits(case, scaled, outside):
    """{names: is_certain} of the known mistakes whose mask is exactly the one that is there."""
    layout, ranks = case.layout, {}
    for rank, names, mask in make_known_mistakes(case):
        counts = ~outside & ~np.isnan(mask)
        same = np.abs(scaled - mask) < TOLERANCE
        as_good = (np.abs(scaled - layout.other) < TOLERANCE) & (np.abs(mask - layout.meant) < TOLERANCE)
        explains = find_differences(mask, layout)[counts].any()
        if explains and (same | as_good)[counts].all():
            ranks[names] = min(ranks.get(names, rank), rank)
    best = min(ranks.values(), default=None)
    return {names: not rank[0] for names, rank in ranks.items() if rank == best}


def find_explained(case, fits):
    """Loss on boundaries that a mask of ones, or one that is moved, brings with it (B, T)."""
    names = {name for found in fits for name in found}
    return (case.roles == BOUNDARY) & bool(names & LIGHT_BOUNDARIES)


def find_loss_outside(scaled, differs, layout):
    """Loss weight on pads, or on the first token of the next document in a packed row: Findings."""
    findings = []
    for role, name in ((PAD, "pads_in_the_loss"), (BOUNDARY, "boundary_in_the_loss")):
        lit = differs & (scaled > 0) & (layout.roles == role)
        if lit.any():
            text = f"{int(lit.sum())} {NAMES[role]} targets carry loss weight, the first at {show_first(lit)}"
            findings.append(Finding(name, text))
    return findings


def scale_like(weights, layout):
    """Loss weights divided by what an answer's 1 has become: by what makes most of them as meant."""
    here = (layout.meant > 0) & (weights > 0) & ~layout.is_free
    answers = here & np.isin(layout.roles, (RESPONSE, STOP))
    here = answers if answers.any() else here
    factors = np.unique(np.round(weights[here] / layout.meant[here], 9))
    if not len(factors):
        return weights / (weights.max() or 1.0)
    factors = factors[np.linspace(0, len(factors) - 1, min(len(factors), 50)).astype(int)]
    return weights / min(factors, key=lambda f: (find_differences(weights / f, layout).sum(), -f))


def find_differences(scaled, layout):
    """Which targets (B, T) have another loss weight than the ones that are meant."""
    differs = np.minimum(np.abs(scaled - layout.meant), np.abs(scaled - layout.other)) > TOLERANCE
    return differs & ~layout.is_free


def describe_differences(scaled, differs, layout):
    """Which targets carry loss weight though they should not, and the other way round, as text."""
    lines = []
    for role in np.unique(layout.roles[differs]):
        here = layout.roles == role
        wrong = here & differs
        at = tuple(np.argwhere(wrong)[0])
        lines.append(
            f"{int(wrong.sum())} of {int(here.sum())} {NAMES[role]} targets, the first at "
            f"{show_first(wrong)}: {scaled[at]:.2g} where {layout.meant[at]:.2g} is meant"
        )
    return "; ".join(lines)


def list_free_facts(case, scaled):
    """What the free template tokens next to answers carry, as sentences."""
    facts = []
    for role, what in ((HEADER, "the header before answers"), (TAIL, "what stands around stop tokens")):
        here = case.layout.is_free & (case.roles == role)
        if (here & (scaled > TOLERANCE)).any():
            n = int((here & (scaled > TOLERANCE)).sum())
            facts.append(f"{what} carries loss in {n} of {int(here.sum())} targets, which is free")
    return facts


def rename(finding, old, new, evidence):
    """The finding under a narrower name, if it has the old one."""
    if finding.fault != old:
        return finding
    return finding._replace(fault=new, evidence=f"{finding.evidence}; {evidence}")


def show_first(where):
    """The first place of a boolean array, as text."""
    at = np.argwhere(where)
    return f"[{at[0][0]}, {at[0][1]}]" if len(at) else "no place"


def show_numbers(numbers):
    """A short list of numbers, as text."""
    shown = ", ".join(map(str, numbers[:4]))
    return f"{shown}, ..." if len(numbers) > 4 else shown


def describe_use(used, given):
    """Where a mask as used differs from the one that is given, as text."""
    return (
        f"loss weight at {show_first(used & ~given)}, which is masked, "
        f"none at {show_first(given & ~used)}, which is not"
    )
