"""The series of probes, in the order in which one fault can hide another, and the report of it."""

import contextlib
from typing import NamedTuple

import numpy as np

from .. import faults
from . import naming, probes, reading
from .locate import DiagnoseError
from .naming import UNTESTED, Finding

OTHERS = {  # what the zoo has no name for
    "mask_differs": "The mask is another than meant, and none of the known mistakes.",
    "future_read": "The loss at a target depends on tokens that come after it.",
    "targets_unrelated": "The targets are not the inputs moved by one place.",
    "targets_unused": "The loss does not depend on the targets.",
    "denominator_differs": "The mean divides by something that is no known count.",
}


class Report(NamedTuple):
    """What was found, most telling first, what was tested, and what could not be."""

    findings: list
    tested: list
    not_tested: list

    @property
    def fault(self):
        """Name of the first finding, or None."""
        return self.findings[0].fault if self.findings else None

    def __str__(self):
        lines = []
        for name, evidence in self.findings:
            lines += [f"{name}: {sentence(name)}", f"  evidence: {evidence}"]
        lines = lines or ["Nothing was found."]
        lines.append("Tested: " + "; ".join(self.tested) + ".")
        if self.not_tested:
            lines.append("Not tested: " + "; ".join(self.not_tested) + ".")
        return "\n".join(lines)


def sentence(name):
    """What a finding means."""
    return faults.FAULTS[name].sentence if name in faults.FAULTS else OTHERS[name]


def examine(case, alone):
    """Run every probe on a Case; `alone` tells of each example by itself. Returns a Report."""
    report = Report([], ["shift of the targets"], [])
    if case.call(case.ids, case.targets, case.mask)[0] != case.loss:
        raise DiagnoseError("the step gives another loss at a second call: switch dropout off")
    enter(report, "the mask as made", lambda: refined(naming.of_the_mask(case.mask, case), case, alone))
    enter(report, "stop token", lambda: stops(alone))
    enter(report, "double <bos>", lambda: doubled(alone))
    inert = False
    with contextlib.suppress(DiagnoseError):  # a step that refuses what they ask: the probes below say so
        case = probes.with_mask_in_targets(case)
        inert = reading.is_inert(case)
    if case.dlogits is None:
        report.not_tested.append("the gradient, since the step returns no dlogits")
    if inert:
        report.not_tested.append(
            "all else: other inputs leave the loss as it is. Is the model not trained yet?"
        )
        return report
    misused = enter(report, "the mask as used", lambda: use(case))
    if misused is None:
        enter(report, "what a target reads", lambda: order_of_reading(case), "the responses are too short")
    else:
        report.not_tested.append("what a target reads, and the denominator, since the mask is misused")
    attention = enter(
        report,
        "whether answers read the prompt",
        lambda: prompt_edit(case),
        "the prompts are too short, or carry all loss",
    )
    enter(report, "packed neighbours", lambda: neighbour(case), "no row holds two documents")
    if misused is None and not isinstance(attention, Finding):
        the_mean(case, report)
    enter(report, "an empty mask", lambda: emptied(case))
    return report


def refined(finding, case, alone):
    """The narrower name of a wrong mask that an example alone in its batch gives it."""
    rows = [doc.row for doc in case.documents]
    if finding and len(set(rows)) < len(rows) and all(a.mask_is_right for a in alone):
        said = f"{finding.evidence}; each example alone has the right mask"
        return Finding("packing_drops_mask", said) if finding.fault == "mask_not_applied" else finding
    if finding and finding.fault == "eos_masked" and not any(a.after for a in alone):
        said = f"{finding.evidence}; the last answers have no stop token at all"
        return Finding("stop_in_next_message", said)
    return finding


def enter(report, test, probe, reason=""):
    """Run a probe and enter its outcome: a Finding, None for nothing found, or UNTESTED; returns it."""
    try:
        outcome = probe()
    except DiagnoseError as error:
        outcome, reason = UNTESTED, str(error)
    if isinstance(outcome, Finding):
        report.findings.append(outcome)
    if outcome == UNTESTED:
        report.not_tested.append(f"{test}, {reason}")
    else:
        report.tested.append(test)
    return outcome


def stops(alone):
    """Whether a token follows every response: without one nothing teaches the model to stop."""
    without = [k for k, a in enumerate(alone) if not a.after]
    if without:
        return Finding("eos_cut", f"no token follows the response in examples {naming.some(without)}")
    return None


def doubled(alone):
    """Whether every row begins with one token twice."""
    starts = {tuple(a.before[:2]) for a in alone}
    if len(starts) == 1:
        (start,) = starts
        if len(start) == 2 and start[0] == start[1]:
            return Finding("double_bos", f"every row begins with the ids {list(start)}")
    return None


def use(case):
    """What the step weighs every target by, against the mask that it was given."""
    if case.dlogits is not None:
        return naming.of_the_use(case, *probes.gradient_weights(case))
    lit = probes.loss_lights(case)
    return naming.of_the_use(case, lit * 1.0, lit)


def order_of_reading(case):
    """The shift inside the step, seen from outside: a target must see the token before it, no later one."""
    seen = [result for doc in case.documents if (result := reading.reads(case, doc)) is not None]
    if not seen:
        return UNTESTED
    if all(future for _, future in seen):
        return Finding("future_read", "another token after the target changes its loss")
    if not any(last for last, _ in seen):
        return Finding("shifted_twice", "another token right before the target does not change its loss")
    return None


def prompt_edit(case):
    """Other prompts, the same answers: their loss must change."""
    read = reading.prompt_is_read(case)
    if read is None:
        return UNTESTED
    if read:
        return None
    if reading.past_is_read(case) is False:
        raise DiagnoseError(
            "the model reads no past yet, neither prompts nor answers: is it not trained yet?"
        )
    return Finding("attention_mask_confused", "other prompts leave the answers' loss as it is")


def neighbour(case):
    """Another document before it in the row: a packed document's loss must not change."""
    read = reading.neighbour_is_read(case)
    if read is None:
        return UNTESTED
    return Finding("packing_contamination", "another neighbour changes a document's loss") if read else None


def the_mean(case, report):
    """The denominator: a target's share of the loss, rows apart and together, more pads."""
    apart = None
    with contextlib.suppress(DiagnoseError):
        apart = probes.split(case)

    def mean():
        finding = naming.of_the_mean(case, probes.shares(case))
        if isinstance(finding, Finding) and finding.fault == "mean_of_means" and apart:
            both = f"the batch's loss is {apart[0]:.5f}, its rows' weighted mean {apart[1]:.5f}"
            return finding._replace(evidence=f"{finding.evidence}; {both}")
        return finding

    enter(report, "the denominator", mean, "which from the loss alone is a sum or a constant")
    if apart is None or not np.ptp(case.mask.sum(axis=1)):
        report.not_tested.append("mean of row means, the rows have equally many response tokens")
    report.not_tested.append("accumulation and workers, which one step does not show")


def emptied(case):
    """A mask without a single 1 must be refused."""
    outcome = probes.empty(case)
    names = {"nan": "empty_mask_nan", "zero": "empty_mask_silent"}
    if outcome in names:
        return Finding(names[outcome], f"the loss of an empty mask is {'NaN' if outcome == 'nan' else '0'}")
    return None
