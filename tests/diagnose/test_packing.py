"""Do documents in one row leave each other alone? Set-ups of the corpus that pack, right and wrong."""

import pytest
from setups import faulty, right

from minilm import diagnose

PACKS = [
    (set_up, name.partition(",")[0])
    for name, _, set_up in faulty.FAULTY
    if name.startswith(("packing_contamination", "positions_not_reset"))
]


def find(set_up):
    made = set_up(0)
    report = diagnose.pipeline(made.make_batch, made.step, made.examples, made.encode, **made.meant)
    return report, {finding.fault: finding.certain for finding in report.findings}


@pytest.mark.parametrize(("set_up", "name"), PACKS)
def test_what_a_neighbour_does_is_named(set_up, name):
    _, found = find(set_up)
    assert found == {name: name == "packing_contamination"}  # other reasons can move a loss, too


@pytest.mark.parametrize("set_up", right.GROUPS["packs"])
def test_documents_that_are_kept_apart_are_right(set_up):
    report, found = find(set_up)
    assert not found
    assert not any("positions of packed documents: the" in line for line in report.not_tested)
