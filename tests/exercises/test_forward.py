"""The question of lesson 2: the numbers in its replies are those of the stored figure."""

import re

import pytest

from minilm import exercises, figures
from minilm.figures import statistics

pytestmark = pytest.mark.usefixtures("committed_figures")


def test_replies_say_what_masked_training_measured():
    runs = figures.load_result("masked_vs_full")["runs"]["0"]
    before, after = (statistics.average([run[k]["prompt_nll"] for run in runs]) for k in (0, -1))
    replies = " ".join(exercises.ask("what_becomes_zero").replies.values())
    assert set(re.findall(r"\d+\.\d+", replies)) == {f"{before:.2f}", f"{after:.2f}"}
