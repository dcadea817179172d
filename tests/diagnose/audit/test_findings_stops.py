"""Which token is the stop, and is it there? Small rows by hand."""

from audit_rows import count, name_faults, rows_of

N = range(20, 40)
SPECIAL = {2: "<|end|>", 9: "."}


def show(token):
    return SPECIAL.get(token, str(token))


def test_a_given_stop_is_not_overruled_by_a_guess():
    rows = [f"1 {k} 4 +{k + 30} +9" for k in N]
    assert name_faults(count(rows_of(*rows))) == []
    assert name_faults(count(rows_of(*rows), 2)) == ["eos_cut"]
    rows = [f"1 {k} 4 +{k + 30} +9 3" for k in N]  # a newline stands at the end
    assert name_faults(count(rows_of(*rows), 2)) == ["eos_cut"]


def test_a_dark_token_behind_text_is_the_stop_if_it_ends_other_turns():
    rows = [f"1 {k} {k + 1} 2 4 +{k + 30} +9 2" for k in N]
    assert name_faults(count(rows_of(*rows))) == ["possibly eos_masked"]
    newline = [f"1 {k} {k + 1} 4 +{k + 30} +2 9" for k in N]
    assert name_faults(count(rows_of(*newline))) == []  # it may be a newline behind the stop


def test_a_special_token_behind_text_is_the_stop():
    rows = [f"1 {k} {k + 1} 4 +{k + 30} +9 2" for k in N]
    assert name_faults(count(rows_of(*rows))) == []
    assert name_faults(count(rows_of(*rows)), show) == ["possibly eos_masked"]


def test_pads_that_are_the_stop_are_no_dark_stop():
    rows = [f"1 {k} {k + 1} 4 +{k + 30} +2 2 2" for k in N]
    for row in (whole := list(rows_of(*rows))):
        row["attention_mask"] = [1] * len(row["input_ids"])
    assert name_faults(count(whole)) == []


def test_a_full_stop_beside_a_known_stop_is_text():
    turns = "1 50 {u} 3 52 +{a} +9 +{b} {end} 3 50 {v} 3 52 +{c} +9 +{d} +2"
    rows = [
        turns.format(u=k, a=k + 1, b=k + 2, end="+9" if k % 7 else "", v=k + 3, c=k + 4, d=k + 5) for k in N
    ]
    assert name_faults(count(rows_of(*rows))) == []


def test_a_stop_that_only_earlier_answers_have_is_missing_in_the_last():
    turns = "1 50 {u} 3 52 +{a} +{b} +2 1 50 {v} 3 52 +{c} +{d} {more}"
    values = [{"u": k, "a": k + 1, "b": k + 30, "v": k + 2, "c": k + 40, "d": k + 5} for k in N]
    rows = [turns.format(**value, more=f"+{k} " * (k % 5)) for k, value in zip(N, values, strict=True)]
    assert name_faults(count(rows_of(*rows))) == ["possibly eos_cut"]


def test_a_stop_that_only_users_turns_have_is_missing_in_answers():
    turns = "1 50 3 {u} 2 {n} 1 52 3 +{a} +{b} {n} 1 50 3 {v} 2 {n} 1 52 3 +{c} +{d} {n}"
    for newline in ("", "3"):
        rows = [turns.format(u=k, a=k + 1, b=k + 30, v=k + 2, c=k + 3, d=k + 40, n=newline) for k in N]
        assert name_faults(count(rows_of(*rows))) == ["possibly eos_cut"]


def test_a_token_of_the_rows_own_behind_the_last_stop_is_right():
    rows = [f"1 {k} 2 3 52 3 +{k + 30} +2 +3 +7" for k in N]
    assert name_faults(count(rows_of(*rows), 2)) == []
    run_on = [f"1 {k} 2 3 52 3 +{k + 30} +2 +3 +50 +3 {k} 2 3 52 3 +{k + 2} +2 +3 +7" for k in N]
    assert name_faults(count(rows_of(*run_on), 2)) == ["possibly span_runs_on"]


def test_earlier_stops_before_tool_output_alone_are_not_certain():
    rows = [f"1 50 {k} 2 1 52 +{k + 1} 2 1 53 {k + 2} 2 1 52 +{k + 3} +2" for k in N]
    assert name_faults(count(rows_of(*rows))) == ["possibly earlier_stops_masked"]
    rows = [f"1 50 {k} 2 1 52 +{k + 1} 2 1 50 {k + 2} 2 1 52 +{k + 3} +2" for k in N]
    assert name_faults(count(rows_of(*rows))) == ["earlier_stops_masked"]
