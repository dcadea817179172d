"""What the mask would be under each known mistake: one function for each, all in KNOWN and STOPS.

A function takes a Case and a base, the mask as meant with some of the free template tokens lit. It
returns masks (B, T), since a mistake can be made in several ways. NaN stands where the mistake leaves open
what is there.
"""

import itertools

import numpy as np

from .examples import HEADER, PAD, PROMPT, RESPONSE, STOP, TAIL, TEMPLATE, TOOL


def make_bases(case):
    """The mask as meant with each choice of what is left open: free tokens after stops and in headers, dark,
    lit, or as the prompt; other template tokens as the prompt, or dark. The darkest comes first."""
    layout, prompt = case.layout, case.meant.prompt_weight
    levels = (0.0, 1.0, prompt) if prompt else (0.0, 1.0)
    for meant in (layout.meant, layout.other) if prompt else (layout.meant,):
        for weights in itertools.product(levels, repeat=2):
            base = meant
            for role, weight in zip((TAIL, HEADER), weights, strict=True):
                base = np.where(layout.is_free & (layout.roles == role), weight, base)
            yield base


def light_everything(case, base):
    """All that is no pad; template tokens may be left out."""
    return [open_template(case, np.isin(case.roles, (PROMPT, TOOL, RESPONSE, STOP)) * 1.0)]


def move_late(case, base):
    """Moved to the right by one; or every answer begins one late and ends where it should."""
    moved = move_columns(base, 1)
    return [moved, open_edges(moved, 0), np.minimum(moved, base)]


def move_early(case, base):
    """Moved to the left by one."""
    moved = move_columns(base, -1)
    return [moved, open_edges(moved, -1)]


def begin_early(case, base):
    """Every answer begins one early and ends where it should."""
    return [open_edges(np.maximum(move_columns(base, -1), base), -1)]


def invert(case, base):
    """Prompts in place of answers."""
    return [open_template(case, np.isin(case.roles, (PROMPT, TOOL)) * 1.0)]


def keep_last_turn(case, base):
    """The last answer alone."""
    is_last = np.zeros(base.shape, bool)
    for document in case.documents:
        is_last[document.row, max(document.answer[0] - 1, 0) : document.end + 1] = True
    return [np.where(is_last | ~is_of_answer(case), base, 0.0)]


def light_tools(case, base):
    """Tool output like answers, alone or with what ends it."""
    lit = np.where(case.roles == TOOL, 1.0, base)
    ends = mark_parts(case, lambda k, spans: spans[k][2].role == TOOL) & (case.roles == TEMPLATE)
    after = np.roll(case.roles == TOOL, 1, axis=1) & ends
    return [lit, np.where(after, 1.0, lit), np.where(ends & mark_behind(case, TOOL), 1.0, lit)]


def light_packed_rows(case, base):
    """Everything in the rows that hold several documents, and the others as they should be."""
    rows = np.bincount([document.row for document in case.documents], minlength=len(base)) > 1
    if rows.all() or not rows.any():
        return []
    return [np.where(rows[:, None], light_everything(case, base)[0], base)]


def darken_stops(case, base):
    """No stop token."""
    return [np.where(case.roles == STOP, 0.0, base)]


def darken_earlier_stops(case, base):
    """No stop token but those of the last answers."""
    last = mark_stops(case, lambda k, parts: k == len(parts) - 1)
    return [np.where((case.roles == STOP) & ~last, 0, base)] if last.any() else []


def darken_tool_call_stops(case, base):
    """No stop token of an answer that a tool answers."""
    before_tools = mark_stops(case, lambda k, parts: k + 1 < len(parts) and parts[k + 1][2].role == TOOL)
    return [np.where(before_tools, 0.0, base)]


def light_header(case, base):
    """The header that inference supplies, where the user said what that is."""
    here = find_strict_header(case) & (case.weights == 0)
    return [np.where(here, 1.0, base)] if here.any() else []


def darken_starts(case, base):
    """The first tokens of every answer, equally many, two at least; a short answer has none left.

    Or what stands between the generation prompt and the answer, where the user said what that prompt is.
    """
    here = find_strict_header(case) & (case.weights > 0)
    if here.any():
        return [np.where(here, 0.0, base)]
    dark = set()
    for document in case.documents:
        for start, end in document.answers:
            row = case.mask[document.row, max(start - 1, 0) : end - 1]
            n = int(np.argmax(row > 0)) if (row > 0).any() else len(row)
            dark |= {n} if n < len(row) else set()
    if len(dark) != 1 or min(dark) < 2:
        return []
    mask, (n,) = base.copy(), dark
    for document in case.documents:
        for start, end in document.answers:
            mask[document.row, max(start - 1, 0) : min(start - 1 + n, end - 1)] = 0.0
    return [mask]


def run_on(case, base):
    """Spans run on into the next header; or into tool output and what stands around it."""
    header, tool, on = base.copy(), base.copy(), base.copy()
    for document in case.documents:
        for (_, end, part), (start, stop, following) in itertools.pairwise(document.spans):
            if part.role == RESPONSE and following.role != RESPONSE:
                header[document.row, end - 1 : start - 1] = 1.0
            if following.role == TOOL:
                tool[document.row, end - 1 : stop - 1] = 1.0
            if part.role == TOOL:  # and on to the answer after it
                on[document.row, end - 1 : start - 1] = 1.0
    of_tools = mark_parts(case, lambda k, spans: spans[k][2].role == TOOL)
    closed = np.where(of_tools & (case.roles == TEMPLATE), 1.0, tool)
    return [header, tool, closed, *(np.maximum(tool, more) for more in (on, header, np.maximum(header, on)))]


def count_from_column_0(case, base):
    """With pads on the left, a prompt is masked by its length from column 0 on."""
    mask, is_moved = np.zeros(base.shape), False
    for document, example in zip(case.documents, case.alone, strict=True):
        pads = max(document.start - len(example.before), 0)
        is_moved |= pads > 0
        first = max(next(iter(document.answers), document.answer)[0] - pads, 0) - 1
        mask[document.row, max(first, 0) :] = 1.0
    return [np.where(case.roles == PAD, 0.0, mask)] if is_moved else []


KNOWN = [  # (name, function, whether it explains the mask for certain)
    ("mask_not_applied", light_everything, True),
    ("packing_drops_mask", light_packed_rows, True),
    ("mask_one_late", move_late, True),
    ("mask_one_early", move_early, True),
    ("mask_one_early", begin_early, False),
    ("mask_inverted", invert, True),
    ("last_turn_only", keep_last_turn, True),
    ("tool_output_trained", light_tools, True),
    ("span_runs_on", run_on, True),
    ("answer_start_masked", darken_starts, False),
    ("generation_prompt_trained", light_header, True),
    ("prefix_masked_by_column", count_from_column_0, True),
]
STOPS = [  # mistakes of stop tokens, which may come on top of another
    ("eos_masked", darken_stops, True),
    ("earlier_stops_masked", darken_earlier_stops, True),
    ("tool_call_stops_masked", darken_tool_call_stops, True),
]


def make_known_mistakes(case):
    """Yield (rank, names, mask) of every known mistake; the lowest rank explains best.

    A rank is (whether the name is unsure, how many mistakes it takes, the base's number): masks that leave
    free tokens dark come before those that light some.
    """
    for number, base in enumerate(make_bases(case)):
        for name, make, is_certain in [*KNOWN, *STOPS]:
            for mask in make(case, base):
                yield (not is_certain, 1, number), (name,), mask
        for (name, make, is_certain), (second, darken, _) in itertools.product(KNOWN, STOPS):
            for mask in make(case, base):
                for both in darken(case, mask):
                    yield (not is_certain, 2, number), (name, second), both


# ---------------------------------------------------------------- what the functions share


def move_columns(mask, places):
    """A mask's columns moved to the right, or left if negative; zeros come in."""
    moved = np.zeros_like(mask)
    if places > 0:
        moved[:, places:] = mask[:, :-places]
    else:
        moved[:, :places] = mask[:, -places:]
    return moved


def open_edges(mask, column):
    """A mask moved by np.roll has something else in its first column, or in its last."""
    mask = mask.copy()
    mask[:, column] = np.nan
    return mask


def open_template(case, mask):
    """A mask that says nothing of template tokens."""
    return np.where(np.isin(case.roles, (TEMPLATE, HEADER, TAIL)), np.nan, mask)


def is_of_answer(case):
    """Which targets are an answer, its stop token, or free tokens next to it."""
    return np.isin(case.roles, (RESPONSE, STOP, TAIL, HEADER))


def mark_behind(case, role):
    """Which targets (B, T) stand behind a part of that role and before the next part."""
    last = np.zeros(case.roles.shape, bool)
    for document in case.documents:
        for k, (_, end, part) in enumerate(document.spans):
            if part.role == role:
                stop = document.spans[k + 1][0] if k + 1 < len(document.spans) else None
                last[document.row, end - 1 : stop and stop - 1] = True
    return last & (case.layout.examples >= 0)


def find_strict_header(case):
    """Which header tokens before answers (B, T) are not free, since the user said what they should be."""
    return (case.roles == HEADER) & ~case.layout.is_free


def mark_stops(case, chosen):
    """The stop tokens (B, T) of those parts k for which chosen(k, spans) holds."""
    return mark_parts(case, chosen) & (case.roles == STOP)


def mark_parts(case, chosen):
    """All targets (B, T) of those parts k for which chosen(k, spans) holds, template tokens included."""
    marked = np.zeros(case.roles.shape, bool)
    for number, document in enumerate(case.documents):
        parts = [k for k in range(len(document.spans)) if chosen(k, document.spans)]
        marked |= (case.layout.examples == number) & np.isin(case.layout.parts, parts)
    return marked
