"""Whose text carries loss, in which documents? Small rows by hand."""

from audit_rows import count, name_faults, rows_of

from minilm.diagnose.audit import facts

N = range(20, 40)


def test_other_roles_text_behind_a_dark_header_is_said():
    calls = "1 50 {u} 2 3 1 52 +{a} +2 3 1 53 +{t} {stop} 3 1 52 +{c} +2 3"
    for stop in ("2", "+2"):
        rows = [calls.format(u=k, a=k + 1, t=k + 2, c=k + 3, stop=stop) for k in N]
        assert name_faults(count(rows_of(*rows))) == ["possibly tool_output_trained"]
    users = [f"1 50 3 +{k} +2 1 52 3 +{k + 1} +2 1 50 3 +{k + 2} +2 1 52 3 +{k + 3} +2" for k in N]
    assert name_faults(count(rows_of(*users))) == ["possibly tool_output_trained"]
    assert name_faults(count(rows_of(*users)), lambda token: "user" if token == 50 else str(token)) == [
        "possibly mask_not_applied"
    ]


def test_the_first_words_of_answers_behind_a_header_of_one_token_are_no_roles():
    rows = [f"1 {k} 90 +{91 + k % 3} +{k + 1} +2 1 {k + 2} 90 +{91 + k % 2} +{k + 30} +2" for k in N[:6]]
    counted = count(rows_of(*rows))
    assert counted.template.header == (90,) and counted.template.opener is None


def test_the_first_token_of_a_document_behind_a_newline_is_a_boundary():
    pair = "1 {a} 4 +{b} +2 3 | {begin}1 {c} 4 +{d} +2 3"
    for begin, names in (("", []), ("+", ["boundary_in_the_loss"])):
        rows = [pair.format(a=k, b=k + 30, c=k + 1, d=k + 31, begin=begin) for k in N]
        assert name_faults(count(rows_of(*rows, packed=True))) == names


def test_the_last_answer_of_each_packed_document():
    document = "1 50 3 {a} 2 1 52 3 {mark}{b} {mark}2 1 50 3 {c} 2 1 52 3 +{d} +2"
    for mark, names in (("", ["possibly last_turn_only"]), ("+", [])):
        parts = [document.format(a=k, b=k + 30, c=k + 1, d=k + 60, mark=mark) for k in N]
        rows = [f"{p} | {q}" for p, q in zip(parts[::2], parts[1::2], strict=True)]
        assert name_faults(count(rows_of(*rows, packed=True))) == names


def test_a_short_answer_that_coincides_is_no_row_of_its_own():
    rows = [f"1 50 3 {k} 2 1 52 3 {60 + k % 2} 2 1 50 3 {k + 20} 2 1 52 3 +{60 + k // 2 % 2} +2" for k in N]
    counted = count(rows_of(*rows))
    assert name_faults(counted) == ["possibly last_turn_only"]
    assert not any("rows of their own" in fact for fact in facts.list_facts(counted))
    own = [f"1 50 3 {k} 2 1 52 3 +{60 + k % 2} +2" for k in N]
    assert name_faults(count(rows_of(*rows, *own))) == []


def test_rows_that_all_end_with_a_dark_role_are_inverted():
    rows = [f"1 50 3 +{k} 2 1 52 3 {k + 1} {k + 2} 2" for k in N]
    assert name_faults(count(rows_of(*rows))) == ["possibly mask_inverted"]
    rows = [f"1 50 3 {k} 2 1 52 3 +{k + 1} +{k + 2} +2 1 50 3 {k + 3} 2" for k in N]
    assert name_faults(count(rows_of(*rows))) == []  # the user has the last word


def test_a_begin_token_that_is_the_pad_may_weigh_as_prompts_do():
    rows = []
    for pads in range(8):
        prompt = [8, 70, *range(20, 28 - pads), 71]  # the begin token is the pad
        weights = [0.0] * pads + [0.1] * len(prompt) + [1.0] * 2
        rows.append({"input_ids": [8] * pads + prompt + [30 + pads, 8], "loss_mask": weights})
    assert name_faults(count(rows)) == []


def test_one_empty_row_in_many_is_a_fact():
    rows = [f"1 {k} 4 +{k + 30} +2" for k in (*N, *N)]
    counted = count(rows_of(*rows, "1 70 4 71 2"))
    assert name_faults(counted) == []
    assert "1 of 41 rows have no supervised token" in facts.list_facts(counted)
    assert name_faults(count(rows_of(*rows, "1"))) == ["possibly marker_not_found"]
