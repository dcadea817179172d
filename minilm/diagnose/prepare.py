"""From a user's functions to a Case: the batch of all examples, and every example in a batch of its own."""

import numpy as np

from . import examples, locate, template
from .batch import call_make_batch
from .case import Alone, Case
from .report import DiagnoseError
from .step import ROUNDING, Resolution, guard_step


def find_wrong_shift(batch):
    """None where targets follow the inputs by one place, else what is wrong: a name and its evidence."""
    shift = locate.find_shift(batch.ids, batch.targets)
    if shift == 1:
        return None
    name = {0: "not_shifted", 2: "shifted_twice", None: "targets_unrelated"}[shift]
    where = {0: "equal the inputs", 2: "are two places ahead"}.get(shift, "stand nowhere in the inputs")
    return name, f"targets {where}"


def make_case(make_batch, step, given, encode, meant, batch):
    """(Case without a loss yet, facts) of examples. Raises DiagnoseError for ids that stand nowhere."""
    singles = [call_make_batch(make_batch, [example], meant.ignore_index) for example in given]
    alone, facts = [], []
    for number, (example, single) in enumerate(zip(given, singles, strict=True)):
        tokens = read_tokens(single)
        variants = [
            examples.encode_parts(example, encode, meant),
            examples.encode_parts(example, lambda content: encode(strip(content)), meant),
        ]
        variants.append(locate.trim_strange_ends(tokens, variants[0]))
        found = locate.find_alone(tokens, variants)
        if found is None:
            raise DiagnoseError(f"example {number} {locate.NOWHERE}")
        if found[1]:
            facts.append(f"example {number} is in the batch without white space at the ends of its parts")
        alone.append((tokens[found[0].row], found[0]))
    tokens = read_tokens(batch)
    documents = locate.locate_documents(tokens, alone)
    is_wrapped = find_wrap(alone, singles, batch)
    frame = frame_examples(alone, singles, tokens, documents, meant, is_wrapped)
    layout = template.lay_out(tokens, documents, frame, meant, is_wrapped).of_targets()
    made = [
        make_alone(step, single, row, document, frame, number, meant)
        for number, (single, (row, document)) in enumerate(zip(singles, alone, strict=True))
    ]
    call = guard_step(step, batch)
    case = Case(
        *(call, batch.ids, batch.targets, batch.mask, layout, documents, made, meant, batch.handed),
        frame.stop_is_guess,
        *(np.nan, None, Resolution(ROUNDING, "")),
    )
    return case, facts


def strip(content):
    """A text without white space at its ends; all else as it is."""
    return content.strip() if isinstance(content, str) else content


def read_tokens(batch):
    """The rows of a batch (B, T + 1), -1 for what is no token."""
    return locate.strip_ignored(locate.join_tokens(batch.ids, batch.targets))


def find_wrap(alone, singles, batch):
    """Whether labels were rolled, so that a row's last target is its own first token once more.

    Where begin and stop token are one, that is a stop token as it should be, unless one stands there already.
    """
    batches = [batch, *singles]
    if not all(locate.is_rolled(one.ids, one.targets) for one in batches):
        return False
    has_stop = all(document.end < len(row) - 1 for row, document in alone)
    if (batch.targets[:, -2:] == batch.ids[:, :1]).all(axis=1).any():  # it is the pad, too
        return False
    return has_stop or not any(one.mask[:, -1].any() for one in batches)


def frame_examples(alone, singles, tokens, documents, meant, is_wrapped):
    """The Template that every example stands in, found by comparing it alone and among all."""
    sides = {False: [], True: []}
    for (row, document), single in zip(alone, singles, strict=True):
        row = row[:-1] if is_wrapped else row
        real = np.ones(len(row), bool)
        if single.is_real is not None:
            real = single.is_real[document.row][: len(row)]
        lit = np.concatenate([[False], single.mask[document.row] > 0])[: len(row)]
        for is_end, here in ((False, slice(0, document.start)), (True, slice(document.end, None))):
            kept = real[here]
            side = template.Side(row[here][kept].tolist(), lit[here][kept].tolist())
            sides[is_end].append(side if is_end else template.Side(side.tokens[::-1], side.lit[::-1]))
    inner = {}
    for is_end, found in sides.items():
        far = [far_side(tokens[document.row], document, is_end) for document in documents]
        pad_ids = template.find_pad_ids([side.tokens for side in found], far)
        pad_ids |= set() if meant.pad_id is None else {meant.pad_id}
        has_marks = all(single.is_real is not None for single in singles)
        inner[is_end] = (
            [side.tokens for side in found] if has_marks else template.remove_pads(found, pad_ids, is_end)
        )
    is_guess = not has_marks and is_kept_pad(found, inner[True])
    if is_guess and meant.pad_id is not None and meant.pad_id not in meant.stop_ids:
        inner[True] = [[] for _ in alone]
    rows = [row for row, _ in alone]
    documents = [document for _, document in alone]
    return template.read_template(inner[False], inner[True], documents, rows, meant, is_guess)


def is_kept_pad(sides, inner):
    """Whether the one token that is left behind every example is the first of a run that no loss lights."""
    lit = any(any(side.lit) for side in sides)
    runs = [template.count_run(side.tokens) == len(side.tokens) for side in sides if side.tokens]
    return not lit and all(runs) and any(inner) and any(len(side.tokens) > 1 for side in sides)


def far_side(row, document, is_end):
    """The tokens of a row on one side of an example, nearest first."""
    side = row[document.end :] if is_end else row[: document.start][::-1]
    return side.tolist()


def make_alone(step, single, row, document, frame, number, meant):
    """The Alone of an example."""
    own = frame._replace(before=[frame.before[number]], after=[frame.after[number]])
    tokens = read_tokens(single)
    layout = template.lay_out(tokens, [document], own, meant).of_targets()
    call = guard_step(step, single)
    return Alone(single, call, document, frame.before[number], frame.after[number], layout)
