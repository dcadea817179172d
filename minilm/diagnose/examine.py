"""The series of probes, in the order in which one fault can hide another, and the report of it."""

from typing import NamedTuple

import numpy as np

from .. import faults
from . import naming, probes
from .locate import DiagnoseError
from .naming import Finding

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
    note(report, "the mask as made", refined(naming.of_the_mask(case.mask, case), case, alone))
    note(report, "stop token", stops(alone))
    note(report, "double <bos>", doubled(alone))
    used, lit = weights_in_use(case)
    misused = naming.of_the_use(case, used, lit)
    note(report, "the mask as used", misused)
    if case.dlogits is None:
        report.not_tested.append("the gradient, since the step returns no dlogits")
    reading = order_of_reading(case) if misused is None else "untested"
    note(report, "what a target reads", reading, "the responses are too short or the mask is misused")
    attention = prompt_edit(case)
    note(report, "whether answers read the prompt", attention, "the prompts are too short or carry all loss")
    note(report, "packed neighbours", neighbour(case), "no row holds two documents")
    if attention is None or isinstance(attention, str):
        the_mean(case, report)
    note(report, "an empty mask", emptied(case))
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


def note(report, test, outcome, reason=""):
    """Enter an outcome: a Finding, None for nothing found, or "untested"."""
    if outcome == "untested":
        report.not_tested.append(f"{test}, {reason}")
        return
    report.tested.append(test)
    if outcome is not None:
        report.findings.append(outcome)


def stops(alone):
    """Whether a token follows every response: without one nothing teaches the model to stop."""
    without = [k for k, a in enumerate(alone) if a.after == 0]
    if without:
        return Finding("eos_cut", f"no token follows the response in examples {naming.some(without)}")
    return None


def doubled(alone):
    """Whether the same two tokens stand before every prompt."""
    before = alone[0].before
    if len(before) > 1 and before[-1] == before[-2] and all(a.before == before for a in alone):
        return Finding("double_bos", f"every row begins with the ids {before}")
    return None


def weights_in_use(case):
    """What the step weighs every target by, and the rows of dlogits that are not zero."""
    if case.dlogits is not None:
        return probes.gradient_weights(case)
    lit = probes.loss_lights(case)
    return lit * 1.0, lit


def order_of_reading(case):
    """The shift inside the step, seen from outside: a target must see the token before it, no later one."""
    seen = [result for doc in case.documents if (result := probes.reads(case, doc)) is not None]
    if not seen:
        return "untested"
    if all(future for _, future in seen):
        return Finding("future_read", "another token after the target changes its loss")
    if not any(last for last, _ in seen):
        return Finding("shifted_twice", "another token right before the target does not change its loss")
    return None


def prompt_edit(case):
    """Other prompts, the same answers: their loss must change."""
    read = probes.prompt_is_read(case)
    if read is None:
        return "untested"
    return (
        None if read else Finding("attention_mask_confused", "other prompts leave the answers' loss as it is")
    )


def neighbour(case):
    """Another document before it in the row: a packed document's loss must not change."""
    read = probes.neighbour_is_read(case)
    if read is None:
        return "untested"
    return Finding("packing_contamination", "another neighbour changes a document's loss") if read else None


def the_mean(case, report):
    """The denominator: a target's share of the loss, rows apart and together, more pads."""
    measured = probes.shares(case)
    finding = naming.of_the_mean(case, measured)
    apart = probes.split(case)
    if finding and apart and finding.fault == "mean_of_means":
        said = (
            f"{finding.evidence}; the batch's loss is {apart[0]:.5f}, its rows' weighted mean {apart[1]:.5f}"
        )
        finding = finding._replace(evidence=said)
    told = any(np.isfinite(s) for _, s, _ in measured)
    note(report, "the denominator", finding if told else "untested", "no target's exchange moves the loss")
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
