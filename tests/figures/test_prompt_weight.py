"""The best weight follows the numbers."""

from minilm.figures import prompt_weight


def test_the_best_weight_is_named_by_its_mean():
    points = [[0.5, 0.6, 0.5], [0.8, 0.9, 0.8], [0.1, 0.2, 0.1]]
    result = {"weights": [0.0, 0.1, 1.0], "exact_match": {"short": points, "long": points[::-1]}}
    sentence = prompt_weight.describe_best(result, "short")
    assert sentence.startswith("short answers have the highest mean at weight 0.1, 0.833 ± 0.058")
    assert "weight 0.1 is ahead of 0 by 0.300" in sentence and "weight 0.1 is ahead of 1 by 0.700" in sentence
    assert "is clearly ahead of both: 0.1 for short answers, 0.1 for long" in prompt_weight.choose_takeaway(
        result
    )
    result["exact_match"]["short"] = sorted(points)
    assert "at weight 1, " in prompt_weight.describe_best(result, "short")
    assert "1 for short and 0.1 for long answers, are not clearly" in prompt_weight.choose_takeaway(result)
