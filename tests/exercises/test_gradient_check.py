"""Lesson 7's question about the hidden bug says what its report shows."""

import numpy as np

from minilm import gradcheck
from minilm.exercises import ask


def test_the_replies_on_the_bug_s_place_say_what_the_report_shows():
    with gradcheck.plant_hidden_bug():
        report = gradcheck.check_named("model", np.random.default_rng(0))[::-1]
    wrong = [result for result in report if result.problem]
    right = [result.name for result in report if not result.problem]
    replies = ask("bug_place").replies
    assert report[len(right) :] == wrong and f"All {len(wrong)} tensors from h.1.attn.c_attn" in replies["d"]
    assert right[0] == "lm_head.weight" and f"{len(right) - 1} more tensors are right" in replies["a"]
    assert right[-1] == "h.1.attn.c_proj.weight" and wrong[0].name == "h.1.attn.c_attn.bias"
    largest = max(wrong, key=lambda result: abs(result.analytic / result.numeric))
    assert (
        largest.name.startswith("h.0.")
        and ", where the largest ratio stands" in ask("bug_place").choices["d"]
    )
