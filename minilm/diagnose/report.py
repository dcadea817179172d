"""What a diagnosis says: a finding with its evidence, and the report of all checks."""

from typing import NamedTuple

from .. import faults

OTHERS = {  # findings that faults.py has no name for
    "mask_differs": "The mask is not the one that is meant, and no known mistake explains it.",
    "future_read": "The loss at a target depends on tokens that come after it.",
    "targets_unrelated": "The targets are not the inputs moved by one place.",
    "targets_unused": "The loss does not depend on the targets.",
    "denominator_differs": "The mean divides by a number that is no known count.",
}


class DiagnoseError(ValueError):
    """What was handed over cannot be diagnosed; the message says why and what to do."""


class Finding(NamedTuple):
    """A fault's name, and the measurement that shows it; `certain` is False where others explain it, too."""

    fault: str
    evidence: str
    certain: bool = True


class Untested(NamedTuple):
    """The outcome of a check that this batch or this step does not allow, and why."""

    reason: str


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
            lines += [f"{name}: {explain(name)}", f"  evidence: {evidence}"]
        lines = lines or ["Nothing was found."]
        lines.append("Tested: " + "; ".join(self.tested) + ".")
        if self.not_tested:
            lines.append("Not tested: " + "; ".join(self.not_tested) + ".")
        return "\n".join(lines)


def explain(name):
    """What a finding means, in one sentence."""
    return faults.FAULTS[name].sentence if name in faults.FAULTS else OTHERS[name]
