"""Planted faults are counted by the name they are given."""

import json

from minilm import faults
from minilm.figures import confusion


def test_confusion_counts_and_says_what_was_missed(monkeypatch):
    def name_fault(planted, seed, has_dlogits):
        if planted == "gradient_scaled" and not has_dlogits:
            return "healthy"
        return "eos_cut" if planted == "eos_masked" and seed == 1 else planted.partition(",")[0]

    monkeypatch.setattr(confusion, "name_fault", name_fault)
    result = confusion.compute(range(2))
    assert result["pipelines"] == [0, 1, 2, 3]
    n = len(faults.FAULTS)
    counts = result["counts"]["loss and dlogits"]
    assert counts["eos_masked"] == {"eos_masked": 3, "eos_cut": 1} and counts["healthy, turns"] == {
        "healthy": 4
    }
    assert confusion.count_right(counts) == (4 * n - 1, 4 * n, 0, 12)
    assert confusion.count_right(result["counts"]["the loss alone"]) == (4 * n - 5, 4 * n, 0, 12)
    said = confusion.caption(json.loads(json.dumps(result)))
    assert said.startswith(f"From loss and dlogits the diagnosis names {4 * n - 1} of {4 * n} planted faults")
    assert "with dlogits: eos_masked (named in 3 of 4). Missed without: eos_masked" in said
    assert "gradient_scaled (named in 0 of 4). False alarms with dlogits: 0 of 12 healthy" in said
    counts["healthy, rows"] = {"healthy": 3, "eos_cut": 1}
    assert confusion.count_right(counts)[2] == 1
    assert len(confusion.draw(json.loads(json.dumps(result))).axes) == 2
