"""What the report shows: strips, counts, facts, and all of it as JSON."""

import json

import audit_setups
import numpy as np
import pytest

from minilm.__main__ import main
from minilm.diagnose import audit
from minilm.diagnose.audit import aligning, fields


def describe(rows, **how):
    placed = ((f"row {k}", fields.parse_fields(row)) for k, row in enumerate(rows))
    counted = audit.count_rows(aligning.align_rows(placed))
    return audit.text.describe(counted, audit.find_suspicions(counted), **how)


def test_counts_and_strips_by_hand():
    ids = np.array([[0, 5, 6, 7, 8, 1, 2, 2], [0, 5, 9, 1, 2, 2, 2, 2], [0, 5, 9, 9, 9, 9, 9, 1]])
    labels = np.array([[-100] * 3 + [7, 8, 1, -100, -100], [-100, -100, 9, 1] + [-100] * 4, [-100] * 7 + [1]])
    counted = audit.count_rows(audit.readers.read_arrays(ids=ids, labels=labels))
    assert counted.counts["rows"] == 3 and counted.counts["tokens"] == 18
    assert counted.counts["supervised"] == 6 and counted.counts["spans"] == 3
    assert counted.get("before") == {6: 1, 5: 1, 9: 1} and counted.template.stops == {1}
    assert counted.get("pads") == {("right", 2): 6}
    said = audit.text.describe(counted, [], colour=True)
    assert "6 of 18 tokens carry loss (33.3%)" in said and "Nothing looks wrong." in said
    assert "  + \x1b[30;42mlit span 1: 9 1\x1b[0m\n" in said
    assert "  - 0 5\n  + lit span 1: 9 1\n  - pads: 4 x 2\n" in audit.text.describe(counted, [])


def test_spans_have_the_roles_that_the_template_tells():
    said = describe(audit_setups.make_rows(audit_setups.CHATML, audit_setups.dialogue, 0))
    assert "  - role 5: 1 5 3 " in said and "  - header: 1 6 3\n  + answer 1: " in said
    assert "answers end with 2 (guessed, " in said and "before an answer stands, without loss: 1 6 3" in said


def test_facts_are_no_findings():
    rows = audit_setups.RIGHT["chatml, newline lit"](0)
    assert "3, right after the stop token, carries loss" in describe(rows)
    rows = audit_setups.RIGHT["chatml, prompts weigh"](0)
    assert "- prompts weigh 0.1" in describe(rows) and "loss weights: 0.1 at " in describe(rows)
    said = describe(audit_setups.RIGHT["completion of a dialogue"](0))
    assert "only the last answer of each row carries loss, as completion_mask says" in said
    assert "already shifted: the loss should not shift them again" in describe(
        audit_setups.RIGHT["chatml, shifted"](0)
    )


TOKENIZERS = {  # a kind of tokenizer.json: its pieces, and how 5, 6, 7 and 9 are decoded together
    "bytes": ({"type": "BPE"}, {"type": "ByteLevel"}, ["Ã¼", "Ġa", "Ċ"], "ü a\\n<tool>"),
    "spaces": ({"type": "BPE"}, {"type": "Metaspace"}, ["▁b", "a", "<0x0A>"], " ba\\n<tool>"),
    "unigram": ({"type": "Unigram"}, {"type": "Metaspace"}, ["▁b", "a", "<0x0A>"], " ba\\n<tool>"),
    "word pieces": ({"type": "WordPiece"}, {"type": "WordPiece"}, ["b", "##a", "c"], "ba c <tool>"),
}


@pytest.mark.parametrize("name", TOKENIZERS)
def test_ids_are_decoded_by_the_table(name, tmp_path, capsys):
    model, decoder, pieces, text = TOKENIZERS[name]
    words = [f"w{k}" for k in range(5)] + pieces
    vocab = [[w, 0.0] for w in words] if name == "unigram" else {w: k for k, w in enumerate(words)}
    content = {
        "model": {**model, "vocab": vocab},
        "decoder": {"type": "Sequence", "decoders": [decoder]},
        "added_tokens": [{"id": 9, "content": "<tool>"}],
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    row = {"input_ids": [0, 1, 5, 6, 7, 9], "labels": [-100, -100, 5, 6, 7, 9]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    command = ["diagnose", "--data", str(tmp_path / "rows.jsonl"), "--tokenizer"]
    assert main([*command, str(tmp_path / "tokenizer.json")]) == 0
    assert f"  + lit span 1: {text}\n" in capsys.readouterr().out
    assert main([*command, str(tmp_path / "rows.jsonl")]) == 2
    assert "is no tokenizer.json" in capsys.readouterr().err


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_the_exit_code_and_json_tell_what_was_found(tmp_path, capsys):
    right = write_rows(tmp_path / "right.jsonl", audit_setups.RIGHT["llama 3, two stops"](0))
    wrong = write_rows(tmp_path / "wrong.jsonl", audit_setups.PLANTED["last_turn_only: chatml"][0](0))
    assert main(["diagnose", "--data", right]) == 0 and main(["diagnose", right]) == 0
    assert main(["diagnose", "--data", wrong]) == 1
    assert "\npossibly last_turn_only: " in capsys.readouterr().out
    assert main(["diagnose", "--data", right, "--json", "--eos-id", "12", "--eos-id", "14"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["stop_ids"] == [12, 13, 14] and result["guessed_stop_ids"] == [13]
    assert result["findings"] == [] and result["rows"] == 28 and result["limit"] is None
    assert main(["diagnose", "--data", wrong, "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (
        found["name"] == "last_turn_only"
        and found["certain"] is False
        and "only the last" in found["evidence"]
    )


def test_text_rows_say_the_cut_first_and_call_nothing_else_wrong(tmp_path, capsys):
    rows = [{"prompt": "what is it?", "completion": f"a bee {k}"} for k in range(5)]
    path = write_rows(tmp_path / "rows.jsonl", [*rows, {"prompt": "why? " * 9, "completion": "so"}])
    assert main(["diagnose", "--data", path, "--max-tokens", "16"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("cut to 16 tokens: 6 of 6 rows; give --max-tokens N\n")
    assert "the cut leaves 1 rows without a token that carries loss" in out
    assert "the cut leaves 5 answers without their end and its <eos>" in out
    assert "  + response: a b\n" in out and "eos_cut" not in out and "Not tested: the mask, which" in out
    assert main(["diagnose", "--data", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["limit"] == {"tokens": 256, "cut": 0}
