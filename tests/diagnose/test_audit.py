"""Prepared data without a step: what its counts show, by hand and under planted faults."""

import numpy as np
import pytest

from minilm import data, faults, tokenizer
from minilm.__main__ import main
from minilm.diagnose import audit, audit_text, prepared

TOKENIZER = tokenizer.build("word", ["User: Assistant: a b c d e f g h i j k l m n"])
LETTERS = "a b c d e f g h i j k l m n".split()


def prepare_rows(name=None, n=24, seed=0):
    """Prepared ids and labels (-100) of random questions under a planted fault."""
    rng = np.random.default_rng(seed)
    block = faults.plant(name) if name else np.errstate()
    with block:
        made = []
        for _ in range(n):
            question, answer = (" ".join(rng.choice(LETTERS, rng.integers(1, 6))) for _ in range(2))
            made.append(data.encode(data.Example(f"User: {question} Assistant:", answer), TOKENIZER))
        batch = data.collate(made)
    return batch.ids, np.where(batch.loss_mask > 0, batch.targets, -100), batch.loss_mask


AUDITED = {
    None: [],
    "mask_not_applied": ["mask_not_applied"],
    "mask_one_late": ["mask_one_late"],
    "mask_inverted": ["mask_inverted"],
    "eos_masked": ["eos_masked", "eos_cut"],  # the longest row has no pad that could be <eos>
    "eos_cut": ["eos_masked", "eos_cut"],
    "marker_not_found": ["marker_not_found"],
    "double_bos": ["double_bos"],
}


@pytest.mark.parametrize("name", AUDITED)
def test_audit_names_what_data_alone_can_show(name):
    ids, labels, mask = prepare_rows(name)
    ways = [(ids, labels), (ids, np.where(mask > 0, labels, -100), mask)]
    for way in ways:
        found = audit.audit(prepared.read_arrays(*way))
        assert [finding.fault for finding in audit.find_suspicions(found)] == AUDITED[name]
    # transformers' way: labels at their own place
    whole = np.concatenate([ids, np.where(labels[:, -1:] >= 0, labels[:, -1:], tokenizer.PAD_ID)], axis=1)
    aligned = np.concatenate([np.full((len(ids), 1), -100), labels], axis=1)
    found = audit.audit(prepared.read_arrays(whole, aligned))
    assert [finding.fault for finding in audit.find_suspicions(found)][:1] == AUDITED[name][:1]


def test_audit_counts_by_hand():
    #      <bos> 5 6 | 7 8 <eos>   and   <bos> 5 | 9 <eos> <pad> <pad>
    ids = np.array([[0, 5, 6, 7, 8, 1], [0, 5, 9, 1, 2, 2]])
    labels = np.array([[-100, -100, -100, 7, 8, 1], [-100, -100, 9, 1, -100, -100]])
    found = audit.audit(prepared.read_arrays(ids, labels))
    assert found.counts["rows"] == 2 and found.counts["tokens"] == 10 and found.counts["supervised"] == 5
    assert found.counts["spans"] == 2 and found.longest == 6
    assert found.edges["before"] == {6: 1, 5: 1} and found.edges["first"] == {7: 1, 9: 1}
    assert found.ends == {(1, None): 1, (1, 2): 1} and audit.find_stop_token(found) == 1
    said = audit_text.describe(found, colour=True)
    assert "5 of 10 tokens carry loss (50.0%)" in said and "Nothing looks wrong." in said
    assert "  + \x1b[30;42m9 1\x1b[0m\n" in said
    assert "  - 0 5\n  + 9 1\n  - 2 2\n" in audit_text.describe(found)


def test_a_packed_boundary_with_loss_is_counted():
    ids = np.array([[0, 5, 7, 1, 0, 6, 8, 1]] * 9)
    labels = np.where(np.array([0, 0, 1, 1, 0, 0, 1, 1]), ids, -100)
    lit = np.where(np.array([0, 0, 1, 1, 1, 0, 1, 1]), ids, -100)
    for given, names in ((labels, []), (lit, ["boundary_in_the_loss"])):
        found = audit.audit(prepared.read_arrays(ids, given))
        assert [finding.fault for finding in audit.find_suspicions(found, eos_id=1)] == names


def test_diagnose_on_files(tmp_path, capsys):
    ids, labels, mask = prepare_rows("mask_one_late")
    np.savez(tmp_path / "rows.npz", ids=ids, labels=labels, mask=mask)
    assert main(["diagnose", str(tmp_path / "rows.npz")]) == 0
    assert "mask_one_late: " in capsys.readouterr().out
    lines = (
        f'{{"input_ids": {i.tolist()}, "labels": {t.tolist()}}}\n' for i, t in zip(ids, labels, strict=True)
    )
    (tmp_path / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    assert main(["diagnose", "--data", str(tmp_path / "rows.jsonl")]) == 0
    assert "mask_one_late: " in capsys.readouterr().out
    (tmp_path / "text.jsonl").write_text(
        '{"prompt": "what is it?", "completion": "a bee"}\n' * 9, encoding="utf-8"
    )
    assert main(["diagnose", "--data", str(tmp_path / "text.jsonl"), "--max-tokens", "15"]) == 0
    out = capsys.readouterr().out
    assert "eos_cut: " in out and "in 9 of 9 rows no <eos> follows the answer" in out
    assert "  - <bos>what is it?\\n\n  + a \n" in out


# ---------------------------------------------------------------- small rules, by hand


def rows_of(*rows):
    """(tokens, weights) of rows given as "3 4 +5 +1": + carries loss."""
    for row in rows:
        pieces = row.split()
        yield np.array([int(p) for p in pieces]), np.array([float(p[0] == "+") for p in pieces])


def suspected(rows, **how):
    return [finding.fault for finding in audit.find_suspicions(audit.audit(rows_of(*rows)), **how)]


def test_answers_that_all_begin_alike_behind_a_header_are_right():
    assert suspected([f"0 {k} 4 +7 +{k} +1" for k in range(10, 22)]) == []
    assert suspected([f"0 {k} {k + 1} +4 +{k} +1" for k in range(10, 22)]) == ["mask_one_early"]


def test_a_token_that_ends_half_of_the_rows_is_no_stop_token():
    rows = [f"0 {k} 4 +{k + 1} +{5 if k % 2 else k}" for k in range(10, 30)]
    found = audit.audit(rows_of(*rows))
    assert audit.find_stop_token(found) is None
    said = audit_text.describe(found)
    assert "Whether stopping is taught cannot be told" in said and "Nothing looks wrong." in said
    assert "Not tested: the step" in said  # and not the mask: ids have one of their own


def test_one_token_without_loss_at_the_end_is_no_pad():
    found = audit.audit(rows_of("0 3 4 +5 1", "0 3 4 +5 2 2"))
    assert found.counts["tokens"] == 5 + 4 and found.longest == 5
