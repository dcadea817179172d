"""What does a target read? Other inputs, the same targets: does what a target's exchange does change?"""

import numpy as np

from .case import exchange_inputs, find_largest_effect, mask_only
from .report import DiagnoseError, Finding, Untested

MANY = 4  # examples whose reading is looked at
COARSE = "the loss is too coarse to tell"


def check_order_of_reading(case):
    """The shift inside the step, seen from outside: a target reads the token before it, no later one."""
    seen = [reads for document in case.documents[:MANY] if (reads := see_neighbours(case, document))]
    if not seen:
        return Untested("the responses are too short")
    if all(reads[1] or reads[2] for reads in seen):
        later = [reads[2] for reads in seen if reads[2] is not None]
        if later and not any(later):
            return Finding("not_shifted", "a target's loss reads the target itself, and no token after it")
        return Finding("future_read", "another token after the target changes its loss")
    if not any(reads[0] for reads in seen):
        if case.resolution.is_coarse:
            return Untested(COARSE)
        return Finding("shifted_twice", "another token right before the target does not change its loss")
    return None


def check_prompt_is_read(case):
    """Other prompts, the same answers: the answers' loss must change."""
    is_read = reads_prompt(case)
    if is_read is None:
        return Untested("the prompts are too short, or carry all loss")
    if is_read:
        return None
    if case.resolution.is_coarse:
        return Untested(COARSE)
    if reads_past(case) is False:
        raise DiagnoseError(
            "the model reads no past yet, neither prompts nor answers: is it not trained yet?"
        )
    return Finding("attention_mask_confused", "other prompts leave the answers' loss as it is")


def is_inert(case):
    """Whether the loss stays as it is though every input is another: a model that does not read yet."""
    everywhere = list(zip(*np.nonzero(case.ids >= 0), strict=True))
    return not case.has_moved(case.measure_loss(exchange_inputs(case, everywhere)), case.loss)


def reads_inputs(case, place, *choices):
    """Whether what a target's exchange does to the loss changes with other inputs: an answer a choice.

    A target alone moves a coarse loss more; otherwise the batch's own mask is kept, since a step may make
    attention of it.
    """
    mask = mask_only(case, place) if case.resolution.is_coarse or not case.mask[place] else case.mask
    turn, effect, error = find_largest_effect(case, place, mask)
    answers = []
    for inputs in choices:
        other, other_error = case.measure_effect(place, turn, exchange_inputs(case, inputs), mask)
        answers.append(abs(effect - other) > 2 * (error + other_error))
    return answers


def list_targets(case, document, answer):
    """The places (row, t) whose targets are an answer's tokens, the first one first."""
    places = [(document.row, at - 1) for at in range(*answer)]
    T = case.ids.shape[1]
    return [place for place in places if 0 <= place[1] < T and case.targets[place] >= 0]


def see_neighbours(case, document):
    """Whether the loss at a response target sees the token before it, the target itself, and those after.

    None where there is no such place; the last is None where the row ends there.
    """
    T = case.ids.shape[1]
    start, end = document.answer
    places = [
        *list_targets(case, document, (start + 1, end + 1)),
        *list_targets(case, document, (start, end)),
    ]
    for place in places:
        row, t = place
        if t < T - 1:
            later = [(row, at) for at in range(t + 2, min(document.end + 1, T))]
            seen = reads_inputs(case, place, [(row, t)], [(row, t + 1)], *([later] if later else []))
            return *seen, *[None] * (3 - len(seen))
    return None


def reads_prompt(case):
    """Whether the first answers' loss changes with the prompts before, all but their last token.

    One document after the other; None if all prompts are too short, or no answer is in the loss.
    """
    is_read = None
    for document in case.documents:
        first = next(iter(document.answers), document.answer)
        inputs = [(document.row, t) for t in range(document.start, first[0] - 1) if t < case.ids.shape[1]]
        places = [place for place in list_targets(case, document, first) if case.mask[place] > 0]
        if inputs and places:
            is_read = is_read or any(reads_inputs(case, place, inputs)[0] for place in places[:2])
    return is_read


def reads_past(case):
    """Whether what a target's exchange does changes with the answer's earlier tokens; None if too short.

    A model that reads no past at all, as with values that are still 0, is told from one that is kept
    from reading the prompt alone.
    """
    is_read = None
    for document in case.documents:
        start, end = document.answer
        place = document.row, end - 1  # reads the last token of the answer, predicts its stop token
        if end - start >= 2 and end <= case.ids.shape[1] and case.mask[place] and case.targets[place] >= 0:
            earlier = [(document.row, t) for t in range(start, end - 1)]
            is_read = is_read or reads_inputs(case, place, earlier)[0]
    return is_read
