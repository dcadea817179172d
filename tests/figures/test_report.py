"""The printed table and its verdict."""

import numpy as np
import pytest

from minilm.figures import report, statistics


@pytest.mark.parametrize(
    ("mean", "std", "seeds", "sentence"),
    [
        (-0.5, 0.1, 10, "Masked is ahead of full"),
        (0.5, 0.1, 10, "Full is ahead of masked"),
        (-0.05, 0.1, 10, "Neither masked nor full is clearly ahead"),
        (0.24, 0.1, 3, "Neither masked nor full is clearly ahead"),  # 0.25 would be needed: 4.30 / sqrt(3)
        (0.26, 0.1, 3, "Full is ahead of masked"),
        (-0.5, 0.1, 2, "do not tell"),
        (-0.06, 0.1, 12, "Neither masked nor full is clearly ahead"),  # no looser than for 10 seeds
    ],
)
def test_verdict_is_only_as_sure_as_the_seeds(mean, std, seeds, sentence):
    verdict = report.judge_losses((300, None, statistics.Gap(mean, std, 0, 0, seeds)), 49)
    assert sentence in verdict and "49 held-out rows" in verdict


def test_verdict_is_wrong_in_one_of_twenty_when_nothing_differs():
    rng = np.random.default_rng(0)
    for seeds in (3, 5, 10):
        draws = [
            statistics.pair_by_seed(d, np.zeros(seeds), higher_is_better=False)
            for d in rng.normal(size=(2000, seeds))
        ]
        wrong = sum("is ahead of" in report.judge_losses((1, None, g), 9) for g in draws) / 2000
        assert 0.035 < wrong < 0.065


def test_the_table_s_columns_stand_below_their_heads(result):
    lines = report.format_comparison(result).split("\n")
    head, first = lines[3], lines[4]
    assert head.startswith("loss ") and first.startswith("masked ")
    for word in ("exact match", "-log P(y|x)", "-log P(x)"):
        place = head.index(word)
        assert first[place - 1] == " " and first[place].isdigit()
    assert "3 seeds, mean ± std" in lines[0]


def test_samples_of_foreign_text_stay_on_their_line():
    samples = {loss: [["a\x1b[2J\nb\u202e\n", "c\a\n<eos>"]] for loss in ("0", "1")}
    assert report.format_samples({"samples": samples}).split("\n") == [
        "Greedy samples (first seed):",
        r"  after <bos> a\x1b[2J\nb\u202e",
        r"    masked      'c\x07\n<eos>'",
        r"    full        'c\x07\n<eos>'",
    ]


def test_answers_that_became_less_likely_are_told():
    def make_run(*numbers):
        return [
            {"step": 20 * i, "exact_match": 0, "prompt_nll": 1, "response_nll": nll}
            for i, nll in enumerate(numbers)
        ]

    runs = {"0": [make_run(3, 1, 2), make_run(3, 2, 2.5)], "1": [make_run(3, 2, 1), make_run(3, 2, 2.5)]}
    told = "masked: held-out -log P(y|x) rose from step 20 on: fewer --steps suffice"
    assert report.describe_rise({"runs": runs}) == told
