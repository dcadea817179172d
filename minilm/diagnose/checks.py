"""Every check of a training step, in order. Read `run_checks` first: it is the list of what is tested."""

import contextlib

from . import denominator, mask_as_meant, mask_as_used, reading
from .report import DiagnoseError, Finding, Report, Untested


def run_checks(case):
    """Ask a Case every question; returns a Report.

    The order matters, since one fault can hide another: a mask that the step does not use also changes
    what a target reads and what the mean divides by, so those are asked only of a mask that is used. An
    answer that cannot read its prompt changes every loss that the denominator is measured by.

    The shift of the targets was checked before, when the examples were looked up in the batch.
    """
    report = Report([], ["shift of the targets"], [])
    require_repeatable(case)

    def run(check, question):
        return record(report, check, question, case)

    # Is the mask as meant? The batch alone tells, no step is called.
    run(mask_as_meant.check_mask, "the mask as made")
    run(mask_as_meant.check_stop_token, "stop token")
    run(mask_as_meant.check_double_bos, "double <bos>")

    # Does the loss depend on the inputs at all? If not, no other input tells anything.
    if case.dlogits is None:
        report.not_tested.append("the gradient, since the step returns no dlogits")
    case, is_inert = prepare_step(case)
    if is_inert:
        report.not_tested.append(
            "all else: other inputs leave the loss as it is. Is the model not trained yet?"
        )
        return report

    # Is the mask used?
    mask_is_used = run(mask_as_used.check_mask_is_used, "the mask as used") is None

    # What does a target read?
    if mask_is_used:
        run(reading.check_order_of_reading, "what a target reads")
    else:
        report.not_tested.append("what a target reads, and the denominator, since the mask is misused")
    prompt = run(reading.check_prompt_is_read, "whether answers read the prompt")
    run(reading.check_neighbour_is_not_read, "packed neighbours")

    # What does the mean divide by?
    if mask_is_used and not isinstance(prompt, Finding):
        run(denominator.check_denominator, "the denominator")
        if not denominator.can_tell_mean_of_means(case):
            report.not_tested.append("mean of row means, the rows have equally many response tokens")
        report.not_tested.append("accumulation and workers, which one step does not show")
    run(denominator.check_empty_mask, "an empty mask")
    return report


def record(report, check, question, case):
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
        report.not_tested.append(f"{question}, {outcome.reason}")
    else:
        report.tested.append(question)
    return outcome


def require_repeatable(case):
    """Raises DiagnoseError for a step that gives another loss when it is called again."""
    if case.measure_loss() != case.loss:
        raise DiagnoseError("the step gives another loss at a second call: switch dropout off")


def prepare_step(case):
    """(the case as its step wants to be asked, whether the loss depends on no input)."""
    is_inert = False
    with contextlib.suppress(DiagnoseError):  # a step that refuses these probes: the checks will say so
        case = mask_as_used.write_mask_into_targets(case)
        is_inert = reading.is_inert(case)
    return case, is_inert
