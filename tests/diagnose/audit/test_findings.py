"""Right rows of many templates raise no alarm; a planted fault has its name, and no other."""

import audit_setups
import numpy as np
import pytest
from audit_rows import count, rows_of

from minilm import data, faults, tokenizer
from minilm.diagnose import audit

TOKENIZER = tokenizer.build("word", ["User: Assistant: a b c d e f g h i j k l m n"])
LETTERS = "a b c d e f g h i j k l m n".split()


def name_faults(counted):
    return [finding.fault for finding in audit.find_suspicions(counted)]


@pytest.mark.parametrize("name", audit_setups.RIGHT)
def test_right_rows_raise_no_alarm(name):
    assert audit.find_suspicions(count(audit_setups.RIGHT[name](0))) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", audit_setups.RIGHT)
def test_right_rows_raise_no_alarm_whatever_the_seed_and_the_pads(name):
    for seed in (1, 2):
        rows = audit_setups.RIGHT[name](seed)
        ways = [rows, rows[:1], rows[:3], rows[:9]]
        if "blocks" not in name and set(rows[0]) == {"input_ids", "labels"} and " pad" not in name:
            ways += [
                audit_setups.pad_rows(rows, side, width, attention=attention)
                for side in ("left", "right")
                for width in (None, 500)
                for attention in (True, False)
            ]
        for way in ways:
            assert audit.find_suspicions(count(way)) == []


@pytest.mark.parametrize("name", audit_setups.PLANTED)
def test_a_planted_fault_is_named(name):
    make, names = audit_setups.PLANTED[name]
    assert name_faults(count(make(0))) == names


@pytest.mark.slow
@pytest.mark.parametrize("name", audit_setups.PLANTED)
def test_a_planted_fault_is_named_whatever_the_seed(name):
    make, names = audit_setups.PLANTED[name]
    for seed in (1, 2, 3, 4):
        assert name_faults(count(make(seed))) == names


def test_every_finding_is_planted():
    named = {name for _, names in audit_setups.PLANTED.values() for name in names}
    assert named == {
        "attention_mask_confused",
        "bos_eos_inside",
        "boundary_in_the_loss",
        "double_bos",
        "earlier_stops_masked",
        "eos_cut",
        "eos_masked",
        "generation_prompt_trained",
        "last_turn_only",
        "marker_not_found",
        "mask_inverted",
        "mask_not_applied",
        "mask_one_early",
        "mask_one_late",
        "pads_in_the_loss",
        "prefix_masked_by_column",
        "span_runs_on",
        "tool_call_stops_masked",
        "tool_output_trained",
    }


# ---------------------------------------------------------------- minilm's own faults


def prepare_rows(name=None, n=24, seed=0):
    """Prepared ids and labels (-100), already shifted, of random questions under a fault of minilm's zoo."""
    rng = np.random.default_rng(seed)
    with faults.plant(name):
        made = []
        for _ in range(n):
            question, answer = (" ".join(rng.choice(LETTERS, rng.integers(1, 6))) for _ in range(2))
            made.append(data.encode(data.Example(f"User: {question} Assistant:", answer), TOKENIZER))
        batch = data.collate(made)
    labels = np.where(batch.loss_mask > 0, batch.targets, -100)
    return batch.ids, labels, batch.loss_mask, np.concatenate([batch.ids, batch.targets[:, -1:]], axis=1)


AUDITED = {
    None: [],
    "mask_not_applied": ["mask_not_applied"],
    "mask_one_late": ["mask_one_late"],
    "mask_one_early": ["mask_one_early"],
    "mask_inverted": ["mask_inverted"],
    "eos_masked": ["eos_masked"],
    "eos_cut": ["eos_masked", "eos_cut"],  # the pad might be <eos>
    "marker_not_found": ["marker_not_found"],
    "double_bos": ["double_bos"],
    "pads_in_the_loss": ["pads_in_the_loss"],
}


@pytest.mark.parametrize("name", AUDITED)
def test_faults_of_the_zoo_are_named_from_rows_alone(name):
    ids, labels, mask, whole = prepare_rows(name)
    ways = [{"ids": ids, "labels": labels}, {"ids": ids, "labels": labels, "mask": mask}]
    ways.append({"ids": whole, "labels": np.concatenate([np.full((len(ids), 1), -100), labels], axis=1)})
    for way in ways:
        assert name_faults(audit.count_rows(audit.readers.read_arrays(**way))) == AUDITED[name]


# ---------------------------------------------------------------- small rules, by hand


def test_answers_that_all_begin_alike_behind_a_header_are_right():
    assert name_faults(count(rows_of(*(f"0 {k} 4 +7 +{k} +1" for k in range(10, 22))))) == []


def test_one_early_is_told_by_a_dark_stop():
    lit = [f"0 {k} {k + 1} +4 +{k} +1" for k in range(10, 22)]
    dark = [f"0 {k} {k + 1} +4 +{k} 1" for k in range(10, 22)]
    assert name_faults(count(rows_of(*lit))) == []  # all answers may begin with 4
    assert name_faults(count(rows_of(*dark))) == ["mask_one_early"]


def test_a_token_that_ends_half_of_the_rows_is_no_stop_token():
    counted = count(rows_of(*(f"0 {k} 4 +{k + 1} +{5 if k % 2 else k}" for k in range(10, 30))))
    assert counted.template.stops == frozenset() and audit.find_suspicions(counted) == []
    said = audit.text.describe(counted, [])
    assert "whether stopping is taught cannot be told" in said and "Nothing looks wrong." in said
    assert "Not tested: the step" in said  # and not the mask: ids have one of their own


def test_a_few_rows_without_loss_that_hold_the_header_may_weigh_nothing():
    rows = [f"0 {k} 4 5 +7{k} +{k} +1" for k in range(10, 40)]
    assert name_faults(count(rows_of(*rows, "0 50 4 5 70 50 1"))) == []
    assert name_faults(count(rows_of(*rows, "0 50 4 6 70 50 1"))) == ["marker_not_found"]


def test_a_known_stop_that_is_missing_is_said_whatever_the_rows_length():
    rows = [f"0 {k} 4 +7{k} +{k}" + " +1" * (k % 3 > 0) for k in range(10, 40)]
    (found,) = audit.find_suspicions(count(rows_of(*rows), 1))
    assert found.fault == "eos_cut" and found.certain and "in 10 of 30 spans" in found.evidence


def test_a_role_that_the_tokenizer_calls_tool_is_certain():
    rows = audit_setups.PLANTED["tool_output_trained: chatml"][0](0)
    words = {7: "tool"}
    for show, certain in ((str, False), (lambda token: words.get(token, str(token)), True)):
        found = audit.find_suspicions(count(rows), show)
        assert [finding.certain for finding in found] == [True, certain]
    rows = audit_setups.make_rows(audit_setups.CHATML, audit_setups.with_tools, 0, extra=["tool"])
    (found,) = audit.find_suspicions(count(rows), show)  # its header is dark
    assert found.fault == "tool_output_trained" and found.certain
    rows = audit_setups.RIGHT["tool output weighs 0.1"](0)
    assert audit.find_suspicions(count(rows), show) == []
