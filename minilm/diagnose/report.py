"""What a diagnosis says: the examples, what was found with its evidence, facts, and what was not tested."""

from typing import NamedTuple

from .. import faults

OTHERS = {  # findings that faults/ has no name for
    "mask_differs": "The mask is not the one that is meant, and no known mistake explains it.",
    "future_read": "The loss at a target depends on tokens that come after it.",
    "targets_unrelated": "The targets are not the inputs moved by one place.",
    "targets_unused": "The loss does not depend on the targets.",
    "denominator_differs": "The mean divides by a number that is no known count.",
    "positions_not_reset": "A packed document's loss is not the loss that it has alone: do its positions "
    "run on from its neighbour's?",
}


class DiagnoseError(ValueError):
    """What was handed over cannot be diagnosed; the message says why and what to do."""


class Finding(NamedTuple):
    """A fault's name, the measurement that shows it, and whether no other name explains it as well."""

    fault: str
    evidence: str
    certain: bool = True

    @property
    def title(self):
        """The name as a report prints it."""
        return self.fault if self.certain else f"possibly {self.fault}"


class Untested(NamedTuple):
    """The outcome of a check that this batch or this step does not allow, and why."""

    reason: str


class Report(NamedTuple):
    """What a diagnosis found, in the order in which it is printed.

    strips: the examples, token by token, measured loss weight beside the meant one, as text. findings: what
    is wrong, most telling first; empty where nothing is. facts: what is free and was seen. tested,
    not_tested: the questions that were answered, and those that could not be.
    """

    findings: list
    tested: list
    not_tested: list
    facts: list = ()
    strips: list = ()

    @property
    def fault(self):
        """Name of the first finding, or None."""
        return self.findings[0].fault if self.findings else None

    def __str__(self):
        lines = list(self.strips)
        for finding in self.findings:
            lines += [f"{finding.title}: {explain(finding.fault)}", f"  evidence: {finding.evidence}"]
        if not self.findings:
            lines.append("Nothing was found.")
        lines += [f"Fact: {fact}." for fact in self.facts]
        lines.append("Tested: " + "; ".join(self.tested) + ".")
        if self.not_tested:
            lines.append("Not tested: " + "; ".join(self.not_tested) + ".")
        return "\n".join(lines)


def explain(name):
    """What a finding means, in one sentence."""
    return faults.FAULTS[name].sentence if name in faults.FAULTS else OTHERS[name]
