"""Every check of a training step, in order. Read `run_checks` first: it is the list of what is tested."""

import contextlib
import functools

from . import denominator, mask_as_meant, mask_as_used, packing, reading, strips
from .case import exchange_targets
from .report import DiagnoseError, Finding, Report, Untested
from .step import measure_resolution

INERT = "other inputs leave the loss as it is. Is the model not trained yet?"


def run_checks(case, facts):
    """Ask a Case every question; returns a Report.

    The order matters, since one fault can hide another: a mask that the step does not use also changes
    what a target reads and what the mean divides by, so those are asked only of a mask that is used. An
    answer that cannot read its prompt changes every loss that the denominator is measured by.

    The shift of the targets was checked before, when the examples were looked up in the batch.
    """
    case, is_inert = prepare_step(case)
    report = Report([], ["shift of the targets"], [], facts, [])
    show_examples(report, case)
    run = functools.partial(record, report, case)

    # Is the mask as meant? The batch alone tells, no step is called.
    run("the mask as made", mask_as_meant.check_mask)
    if report.fault != "stop_in_next_message":
        run("stop token", mask_as_meant.check_stop_token)
    run("double <bos>", mask_as_meant.check_double_bos)
    run("<bos> and <eos> inside", mask_as_meant.check_token_inside)

    # Does the loss depend on the inputs at all? If not, other inputs tell nothing.
    if case.dlogits is None:
        report.not_tested.append("the gradient, since the step returns no dlogits")
    if case.resolution.note:
        report.not_tested.append(case.resolution.note)
    if is_inert:
        report.not_tested.append(f"all else: {INERT}")
        return report

    # Is the mask used?
    mask_is_used = not isinstance(run("the mask as used", mask_as_used.check_mask_is_used), Finding)

    # What does a target read?
    if mask_is_used:
        run("what a target reads", reading.check_order_of_reading)
    else:
        report.not_tested.append("what a target reads, and the denominator, since the mask is misused")
    prompt = run("whether answers read the prompt", reading.check_prompt_is_read)
    neighbour = run("packed neighbours", packing.check_neighbour_is_not_read)
    if neighbour is None and mask_is_used:
        run("positions of packed documents", packing.check_positions)

    # What does the mean divide by?
    if mask_is_used and not isinstance(prompt, Finding):
        run("the denominator", denominator.check_denominator)
        report.not_tested.extend(denominator.list_what_is_not_seen(case))
    run("an empty mask", denominator.check_empty_mask)
    return report


def record(report, case, question, check):
    """Run one check and enter its outcome into the report; returns the outcome, the first of several.

    check(case) returns a Finding, a list of them, None where nothing is wrong, or Untested with the
    reason. A step that refuses what one check asks loses only that check.
    """
    try:
        outcomes = check(case)
    except DiagnoseError as error:
        outcomes = Untested(str(error))
    outcomes = outcomes if isinstance(outcomes, list) else [outcomes]
    for outcome in outcomes:
        if isinstance(outcome, Finding) and outcome.fault not in [f.fault for f in report.findings]:
            report.findings.append(outcome)
        if isinstance(outcome, str):
            report.facts.append(outcome)
    outcome = outcomes[0] if outcomes else None
    if isinstance(outcome, Untested):
        report.not_tested.append(f"{question}: {outcome.reason}")
    else:
        report.tested.append(question)
    return outcome


def prepare_step(case):
    """(the case with all that is measured once; whether the loss depends on no input).

    Raises DiagnoseError for a step that gives another loss when it is called again.
    """
    again = [case.loss, *(case.measure_loss() for _ in range(3))]
    others = []
    with contextlib.suppress(DiagnoseError):
        others = [case.measure_loss(targets=exchange_targets(case, turn)) for turn in (1, 2, 3, 4)]
    case = case._replace(resolution=measure_resolution(again, others))
    is_inert = False
    with contextlib.suppress(DiagnoseError):  # a step that refuses these probes: the checks will say so
        case = mask_as_used.write_mask_into_targets(case)
        is_inert = reading.is_inert(case)
    with contextlib.suppress(DiagnoseError):
        case = mask_as_used.measure_loss_weights(case)
    return case, is_inert


def show_examples(report, case):
    """Enter the examples, what differs in them, and facts about free tokens, into the report."""
    weights = case.mask if case.measured is None else case.measured
    scaled = mask_as_meant.scale_like(weights, case.layout)
    differs = mask_as_meant.find_differences(scaled, case.layout)
    report.strips.extend(strips.show_examples(case, scaled, differs))
    differences = strips.show_differences(case, scaled, differs)
    report.strips.extend(differences[: strips.LONG])
    report.facts.extend(mask_as_meant.list_free_facts(case, scaled))
