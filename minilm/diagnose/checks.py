"""Every check of a training step, in order. Read `run_checks` first: it is the list of what is tested."""

import contextlib
import functools

from . import denominator, mask_as_meant, mask_as_used, reading
from .report import DiagnoseError, Finding, Report, Untested

INERT = "other inputs leave the loss as it is. Is the model not trained yet?"


def run_checks(case):
    """Ask a Case every question; returns a Report.

    The order matters, since one fault can hide another: a mask that the step does not use also changes
    what a target reads and what the mean divides by, so those are asked only of a mask that is used. An
    answer that cannot read its prompt changes every loss that the denominator is measured by.

    The shift of the targets was checked before, when the examples were looked up in the batch.
    """
    case, is_inert = prepare_step(case)
    report = Report([], ["shift of the targets"], [])
    run = functools.partial(record, report, case)

    # Is the mask as meant? The batch alone tells, no step is called.
    run("the mask as made", mask_as_meant.check_mask)
    run("stop token", mask_as_meant.check_stop_token)
    run("double <bos>", mask_as_meant.check_double_bos)

    # Does the loss depend on the inputs at all? If not, other inputs tell nothing.
    if case.dlogits is None:
        report.not_tested.append("the gradient, since the step returns no dlogits")
    if is_inert:
        report.not_tested.append(f"all else: {INERT}")
        return report

    # Is the mask used?
    mask_is_used = run("the mask as used", mask_as_used.check_mask_is_used) is None

    # What does a target read?
    if mask_is_used:
        run("what a target reads", reading.check_order_of_reading)
    else:
        report.not_tested.append("what a target reads, and the denominator, since the mask is misused")
    prompt = run("whether answers read the prompt", reading.check_prompt_is_read)
    run("packed neighbours", reading.check_neighbour_is_not_read)

    # What does the mean divide by?
    if mask_is_used and not isinstance(prompt, Finding):
        run("the denominator", denominator.check_denominator)
        report.not_tested.extend(denominator.list_what_is_not_seen(case))
    run("an empty mask", denominator.check_empty_mask)
    return report


def record(report, case, question, check):
    """Run one check and enter its outcome into the report; returns the outcome.

    check(case) returns a Finding, None where nothing is wrong, or Untested with the reason. A step that
    refuses what one check asks loses only that check.
    """
    try:
        outcome = check(case)
    except DiagnoseError as error:
        outcome = Untested(str(error))
    if isinstance(outcome, Finding):
        report.findings.append(outcome)
    if isinstance(outcome, Untested):
        report.not_tested.append(f"{question}: {outcome.reason}")
    else:
        report.tested.append(question)
    return outcome


def prepare_step(case):
    """(the case, asked as its step wants to be asked; whether the loss depends on no input).

    Raises DiagnoseError for a step that gives another loss when it is called again.
    """
    if case.measure_loss() != case.loss:
        raise DiagnoseError("the step gives another loss at a second call: switch dropout off")
    is_inert = False
    with contextlib.suppress(DiagnoseError):  # a step that refuses these probes: the checks will say so
        case = mask_as_used.write_mask_into_targets(case)
        is_inert = reading.is_inert(case)
    return case, is_inert
