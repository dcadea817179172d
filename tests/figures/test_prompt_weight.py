"""The best weight follows the numbers, and all of a seed's runs start at one base model."""

from small_worlds import small_worlds

from minilm.figures import prompt_weight, tasks


def test_the_best_weight_is_named_by_its_mean():
    points = [[0.5, 0.6, 0.5], [0.1, 0.2, 0.1], [0.8, 0.9, 0.8]]
    result = {"weights": [0.0, 0.1, 1.0], "response_nll": {"short": points, "long": points[::-1]}}
    sentence = prompt_weight.describe_best(result, "short")
    assert sentence.startswith("short answers have the lowest mean at weight 0.1, 0.133 ± 0.058")
    assert "weight 0.1 is ahead of 0 by 0.400" in sentence and "weight 0.1 is ahead of 1 by 0.700" in sentence
    takeaway = prompt_weight.choose_takeaway(result)
    assert "0.1 if short, 0.1 if long; both are clearly ahead of both" in takeaway
    result["response_nll"]["short"] = sorted(points, reverse=True)
    assert "at weight 1, " in prompt_weight.describe_best(result, "short")
    takeaway = prompt_weight.choose_takeaway(result)
    assert "1 if short, 0.1 if long; only that for long ones is clearly" in takeaway
    assert len(takeaway.split()) <= 25
    result["response_nll"]["long"] = sorted(points)
    assert "1 if short, 0 if long; neither is clearly" in prompt_weight.choose_takeaway(result)


def test_all_weights_of_a_seed_start_at_one_base_model(monkeypatch):
    starts, make_start = [], tasks.make_start

    def count(task, seed):
        starts.append((task.name, len(task.base), task.base_steps))
        return make_start(task, seed)

    monkeypatch.setattr(tasks, "make_start", count)
    with small_worlds():
        prompt_weight.compute(range(2), steps=1, quick=True)
    assert starts == [("zoo", 200, 3), ("long answers", 200, 3)] * 2
