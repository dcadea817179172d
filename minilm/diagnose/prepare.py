"""From a user's functions to a Case: the batch of all examples, and every example in a batch of its own."""

import contextlib

import numpy as np

from . import examples, locate, pads, shift, template
from .batch import call_make_batch
from .case import Alone, Case
from .report import DiagnoseError
from .step import guard_step


def find_wrong_shift(batch):
    """None where targets follow the inputs by one place, else what is wrong: a name and its evidence."""
    ahead = shift.find_shift(batch.ids, batch.targets)
    if ahead == 1:
        return None
    name = {0: "not_shifted", 2: "shifted_twice", None: "targets_unrelated"}[ahead]
    where = {0: "equal the inputs", 2: "are two places ahead"}.get(ahead, "stand nowhere in the inputs")
    return name, f"targets {where}"


def make_case(make_batch, step, given, parts, encode, meant, batch):
    """(Case without a loss yet, facts) of examples and the Parts of each. Raises DiagnoseError."""
    singles = [call_make_batch(make_batch, [example], meant.ignore_index) for example in given]
    alone, facts = find_each_alone(singles, given, parts, encode, meant)
    tokens = read_tokens(batch)
    documents = locate.locate_documents(tokens, alone)
    is_wrapped = find_wrap(alone, singles, batch)
    before, after, is_guess = pads.find_inner_sides(alone, singles, tokens, documents, meant, is_wrapped)
    frame = template.read_template(before, after, alone, meant)
    layout = template.lay_out(tokens, documents, frame, meant, is_wrapped).of_targets()
    made = [
        make_alone(step, single, *found, frame, number, meant)
        for number, (single, found) in enumerate(zip(singles, alone, strict=True))
    ]
    case = Case(
        call=guard_step(step, batch),
        ids=batch.ids,
        targets=batch.targets,
        mask=batch.mask,
        layout=layout,
        documents=documents,
        alone=made,
        meant=meant,
        handed=batch.handed,
        stop_is_guess=is_guess,
    )
    return case, facts


def find_each_alone(singles, given, all_parts, encode, meant):
    """([(row of tokens, Document)] of every example in its own batch, facts). Raises DiagnoseError."""
    alone, facts = [], []
    for number, (example, parts, single) in enumerate(zip(given, all_parts, singles, strict=True)):
        tokens = read_tokens(single)
        variants = list_variants(example, parts, encode, meant, tokens)
        document, variant = locate.find_alone(tokens, variants) or (None, 0)
        if variant:
            facts.append(f"example {number} is in the batch with other white space at the ends of its parts")
        alone.append((tokens[document.row if document else 0], document))
    headers = [list_header(row, document) for row, document in alone if document]
    for number, (row, document) in enumerate(alone):
        document = document or locate.find_cut_prompt(row, all_parts[number], headers)
        if document is None:
            raise DiagnoseError(f"example {number} {locate.NOWHERE}")
        alone[number] = row, document
    return alone, facts


def list_header(row, document):
    """The tokens between an example's first answer and what stands before it."""
    start = document.answers[0][0]
    return row[max((end for _, end, _ in document.spans if end <= start), default=0) : start].tolist()


def list_variants(example, parts, encode, meant, tokens):
    """The Parts of an example as it says, and as a template may write it: trimmed, or behind a space.

    A tokenizer may join that space with the first word, so it belongs to the part.
    """
    if not any(isinstance(content, str) for content, _, _ in examples.list_pieces(example)):
        return [parts, locate.trim_strange_ends(tokens, parts)]
    variants = [parts]
    for lead in ("", " "):
        with contextlib.suppress(DiagnoseError):  # not every tokenizer knows a space
            variants.append(
                examples.encode_parts(example, lambda text, lead=lead: encode(lead + text.strip()), meant)
            )
    if len(variants) == 3:
        for is_spaced in (True, False):
            variants.append(mix_parts(*variants[1:3], is_spaced))
    return variants


def mix_parts(trimmed, spaced, is_spaced):
    """Answers of one list of Parts with prompts of the other; answers are `spaced` or not."""
    pairs = zip(trimmed, spaced, strict=False)
    return [pair[(pair[0].role == examples.RESPONSE) == is_spaced] for pair in pairs]


def read_tokens(batch):
    """The rows of a batch (B, T + 1), -1 for what is no token."""
    tokens = shift.join_tokens(batch.ids, batch.targets)
    return np.where(tokens == shift.IGNORED, -1, tokens)


def find_wrap(alone, singles, batch):
    """Whether labels were rolled, so that a row's last target is its own first token once more.

    Where begin and stop token are one, that is a stop token as it should be, unless one stands there already.
    """
    batches = [batch, *singles]
    if not all(shift.is_rolled(one.ids, one.targets) for one in batches):
        return False
    has_stop = all(document.end < len(row) - 1 for row, document in alone)
    if (batch.targets[:, -2:] == batch.ids[:, :1]).all(axis=1).any():  # it is the pad, too
        return False
    return has_stop or not any(one.mask[:, -1].any() for one in batches)


def make_alone(step, single, row, document, frame, number, meant):
    """The Alone of an example."""
    before, after = frame.before[number], frame.after[number]
    own = frame._replace(before=[before], after=[after])
    layout = template.lay_out(read_tokens(single), [document], own, meant).of_targets()
    return Alone(single, guard_step(step, single), document, before, after, layout)
