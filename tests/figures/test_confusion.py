"""Planted faults are counted by the name they are given."""

import json

from minilm import faults, figures
from minilm.diagnose import measure


def test_confusion_counts_and_says_what_was_missed(monkeypatch):
    confusion = figures.find_module("confusion")

    def named(fault, seed, gradient, shown_by):
        if fault == "gradient_scaled" and not gradient:
            return "healthy"
        return "eos_cut" if fault == "eos_masked" and seed == 1 else fault or "healthy"

    monkeypatch.setattr(measure, "named", named)
    result = confusion.compute(range(2))
    assert result["pipelines"] == [0, 1, 2, 3]
    n = len(faults.FAULTS)
    counts = result["counts"]["loss and dlogits"]
    assert counts["eos_masked"] == {"eos_masked": 3, "eos_cut": 1} and counts["healthy, turns"] == {
        "healthy": 4
    }
    assert confusion.right(counts) == (4 * n - 1, 4 * n, 0, 12)
    assert confusion.right(result["counts"]["the loss alone"]) == (4 * n - 5, 4 * n, 0, 12)
    said = confusion.caption(json.loads(json.dumps(result)))
    assert f"from loss and dlogits, {4 * n - 1} of {4 * n} are named rightly (eos_masked 3 of 4)" in said
    assert "(eos_masked 3 of 4, gradient_scaled 0 of 4), false alarms 0 of 12" in said
    counts["healthy, rows"] = {"healthy": 3, "eos_cut": 1}
    assert confusion.right(counts)[2] == 1
    assert len(confusion.draw(json.loads(json.dumps(result))).axes) == 2
