"""The figures' studies, on tiny runs: identities of their optimisers and worlds, honest captions."""

import functools
import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

import minilm
from minilm import corpora, data, figures, gradcheck, model, optim, tokenizer, train, tree
from minilm.figures import fingerprints, parts, plots, processes, runs, tasks, worlds

TRAINED = ("why", "fingerprints", "forgetting", "few_shot", "prompt_weight")


@functools.cache
def tiny(name):
    """A study's result after 2 steps with 2 seeds, as JSON gives it back."""
    result = figures.study(name).compute(range(2), steps=2, quick=True)
    text = json.dumps(result)
    assert json.loads(text) == result, "JSON changes it"  # no tuples, no numbers as keys, no NumPy
    return json.loads(text)


def seed_lists(node):
    """Every list of numbers in a result."""
    if isinstance(node, dict):
        return [found for value in node.values() for found in seed_lists(value)]
    if isinstance(node, list):
        if node and all(isinstance(value, (int, float)) for value in node):
            return [node]
        return [found for value in node for found in seed_lists(value)]
    return []


@pytest.mark.parametrize("name", TRAINED)
def test_results_are_complete_finite_and_small(name):
    result = tiny(name)
    assert result["seeds"] == [0, 1] and result["settings"]["steps"] == 2
    measured = [numbers for numbers in seed_lists(result) if len(numbers) == 2 and numbers != [0, 1]]
    assert len(measured) > 10
    assert all(math.isfinite(number) for numbers in seed_lists(result) for number in numbers)


@pytest.mark.parametrize("name", TRAINED)
def test_captions_state_means_and_spreads_of_the_stored_numbers(name):
    result = tiny(name)
    stored = {f"{np.mean(x):.3f} +- {np.std(x, ddof=1):.3f}" for x in seed_lists(result) if len(x) == 2}
    said = re.findall(r"-?\d+\.\d+ \+- \d+\.\d+", figures.study(name).caption(result))
    assert len(said) >= 2 and set(said) <= stored


@pytest.mark.parametrize("name", TRAINED)
def test_figures_are_drawn_from_json_alone(name, tmp_path):
    study = figures.study(name)
    plots.save(study.draw(tiny(name)), tmp_path / "figure.png", study.ALT)
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    result = study.compute(range(1), steps=1, quick=True)  # one seed has no spread
    assert "one seed" in study.caption(result) and "nan" not in study.caption(result)
    study.draw(result)


def test_an_unknown_figure_is_answered_with_the_names():
    with pytest.raises(ValueError, match="no figure 'whi'; there are anatomy, masked_vs_full, why, "):
        figures.study("whi")


def test_jobs_run_alike_here_and_in_processes():
    jobs, seen = [(3, 4), (5, 12), (8, 15)], []
    for workers in (0, 2):
        done = processes.run_all(math.hypot, jobs, workers, lambda *a: seen.append(a))
        assert done == {(3, 4): 5.0, (5, 12): 13.0, (8, 15): 17.0}
    assert seen == [(1, 3), (2, 3), (3, 3)] * 2


# The two parts of the gradient, and optimisers that treat them differently


def test_parts_add_up_to_the_full_gradient_and_the_response_part_is_the_masked_one(rng):
    task = worlds.zoo()
    params = gradcheck.draw_params(task.config, rng)
    for weight in (0.0, 1.0):
        batch = data.collate(task.rows[:5], weight)
        g_x, g_y, n_x, n_y = parts.part_gradients(params, batch, task.config)
        assert (n_x, n_y) == data.count_targets(task.rows[:5])
        _, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, task.config)
        expected = (g_x + g_y) / (n_x + n_y) if weight else g_y / n_y
        np.testing.assert_allclose(tree.flatten(grads), expected, rtol=1e-9, atol=1e-13)


def test_angles_by_hand():
    found = parts.angles(np.array([3.0, 0.0]), np.array([0.0, 4.0]))
    assert found == {"norm_ratio": 0.75, "cos_parts": 0.0, "cos_full": 0.8}
    assert parts.angles(np.array([1.0, 1.0]), np.array([-2.0, -2.0]))["cos_parts"] == pytest.approx(-1)


def steps_of(update, g_x, g_y, n_x=6, n_y=2, n_steps=3, lr=0.5):
    """Where three steps with the same gradient lead from 0."""
    vector = np.zeros_like(g_y)
    state = parts.init(vector)
    for _ in range(n_steps):
        update(vector, g_x, g_y, n_x, n_y, state, lr)
    return vector


def test_dividing_by_all_targets_is_a_smaller_step_for_sgd_and_none_for_adam(rng):
    g_x, g_y = rng.normal(size=(2, 7))
    right, all_targets = (steps_of(f, g_x, g_y) for f in (parts.sgd_masked, parts.sgd_masked_all))
    assert (all_targets == right * (2 / 8)).all() and right[0] == -3 * 0.5 * g_y[0] / 2
    right, all_targets = (steps_of(f, g_x, g_y) for f in (parts.adam_masked, parts.adam_masked_all))
    np.testing.assert_allclose(all_targets, right, rtol=1e-5)


def test_separate_moments_are_adam_when_one_part_is_zero_and_two_adams_else(rng):
    g_x, g_y = rng.normal(size=(2, 7))
    nothing = np.zeros(7)
    only_y, only_x = steps_of(parts.adam_separate, nothing, g_y), steps_of(parts.adam_separate, g_x, nothing)
    assert (only_y == steps_of(parts.adam_full, nothing, g_y)).all()
    assert (only_x == steps_of(parts.adam_full, g_x, nothing)).all()
    np.testing.assert_allclose(steps_of(parts.adam_separate, g_x, g_y), only_x + only_y)
    small = steps_of(parts.adam_separate, 1000 * g_x, g_y) - steps_of(
        parts.adam_separate, 1000 * g_x, nothing
    )
    np.testing.assert_allclose(small, only_y)  # however large g_x: it does not scale the answers' step


def test_the_second_moment_alone_by_hand():
    vector = np.zeros(2)
    state = optim.init(vector)
    parts.adam_with_other_moment(vector, np.array([1.0, -1.0]), np.array([4.0, 1.0]), state, lr=0.5)
    np.testing.assert_allclose(vector, [-0.5 / 4, 0.5], rtol=1e-6)  # first step: lr first / |second|


def test_the_second_moment_alone_is_adam_where_both_moments_agree(rng):
    g_x, g_y = rng.normal(size=(2, 7))
    same = steps_of(parts.adam_second_moment_full, np.zeros(7), g_y)
    assert (same == steps_of(parts.adam_full, np.zeros(7), g_y)).all()
    scaled = steps_of(parts.adam_second_moment_full, 9 * g_y, g_y)  # g_full is 10 g_y: a tenth of the step
    np.testing.assert_allclose(scaled, same / 10, rtol=1e-5)
    assert np.abs(steps_of(parts.adam_second_moment_full, g_x, g_y) - same).max() > 0.01


@pytest.mark.parametrize(("name", "weight"), [("Adam, g_y / N_y", 0.0), ("Adam, g_x + g_y", 1.0)])
def test_training_in_parts_is_training(name, weight):
    task = runs.with_steps(worlds.zoo(), 5)
    params, measured = parts.fit(task, parts.OPTIMISERS[name], 3, task.settings.lr, measure_every=2)
    assert [entry["step"] for entry in measured] == [1, 2, 4]
    last = train.evaluate(params, task.config, task.held_out)
    usual = runs.last(worlds.zoo(), weight, 3, 5)
    assert last["response_nll"] == pytest.approx(usual["response_nll"], rel=1e-4)
    assert last["prompt_nll"] == pytest.approx(usual["prompt_nll"], rel=1e-4)


# The worlds


@pytest.mark.parametrize("ratio", [4, 8, 20])
def test_a_story_has_the_ratio_that_it_is_named_by(ratio):
    task = worlds.story(ratio)
    for row in task.rows[:50] + task.held_out[:50]:
        n_x, n_y = data.count_targets([row])
        assert n_x == ratio * n_y and n_y == 2
    texts = [[task.tokenizer.decode(row.tokens) for row in part] for part in (task.rows, task.held_out)]
    assert ratio == 4 or not set(texts[0]) & set(texts[1])
    follows = {}
    for text in texts[0] + texts[1]:
        story = [word for word in text.split(" ") if re.fullmatch(r"w\d+", word)]
        assert len(story) == 2 * ratio - 8
        for word, after in itertools.pairwise(story):
            follows.setdefault(word, set()).add(after)
    if ratio > 4:
        assert len(follows) == 48 and {len(after) for after in follows.values()} == {4}
    assert len({text.split("Assistant: ")[0].split(" w")[-1] + text for text in texts[0]}) > 90


def test_stories_and_long_answers_state_the_zoo_s_facts():
    zoo = corpora.zoo()
    facts = {worlds.asked(e.prompt): e.response for e in zoo.train}
    task = worlds.story(8)
    for row in task.rows[:200]:
        prompt, _, answer = task.tokenizer.decode(row.tokens[1:-1]).rpartition(" ")
        assert facts[worlds.asked(prompt)] == answer
    for example in zoo.train[:200]:
        longer = worlds.lengthened(example)
        words = longer.response.split(" ")
        assert longer.prompt == example.prompt and words[-2:] == [example.response, "."]
        assert 9 <= len(words) <= 12 and worlds.asked(example.prompt)[1] in words


def test_the_prompt_pattern_matches_every_prompt_of_the_zoo_and_no_other():
    pattern = worlds.prompt_pattern()
    prompts = [example.prompt for example in corpora.zoo().train]
    assert all(pattern.fullmatch(prompt) for prompt in prompts)
    right = "User: hello , i am Anna from Paris and i like chess . what colour is the fox ? Assistant:"
    assert pattern.fullmatch(right)
    edits = {
        "Anna": "Paris",
        " from Paris": " from",
        "fox": "chess",
        "hello , ": "hello ",
        "the fox ?": "the ?",
        " Assistant:": "",
        "chess .": "chess . .",
        "and i like chess": "and i like chess from Rome",
    }
    for old, new in edits.items():
        assert old in right and not pattern.match(right.replace(old, new)), new


def test_fine_tuning_rows_have_four_names_and_the_base_text_no_answers():
    base, tuned = worlds.fine_tuning()
    names = {worlds.speaker(tuned.tokenizer.decode(row.tokens)) for row in tuned.rows + tuned.held_out}
    assert names == set(corpora.NAMES[:4])
    texts = [base.tokenizer.decode(row.tokens) for row in base.rows]
    assert not any("User:" in text or "Assistant:" in text for text in texts)
    posts = [text for text in texts if "i am" in text]
    assert {worlds.speaker(text) for text in posts} == set(corpora.NAMES)
    assert 0.45 < len(posts) / len(texts) < 0.55
    assert data.count_targets(base.rows)[0] == 0  # every token of the base text counts
    assert base.config == tuned.config or base.tokenizer == tuned.tokenizer


def test_nll_agrees_with_the_evaluation():
    task = worlds.zoo()
    params = model.init(task.config, np.random.default_rng(0), std=0.3)
    expected = train.evaluate(params, task.config, task.held_out)
    for key, mask in (("prompt_nll", data.prompt_mask), ("response_nll", data.response_mask)):
        found = runs.nll(params, task.config, task.held_out, mask, batch_size=100)
        assert found == pytest.approx(expected[key], rel=1e-5)


# The faults are planted for training only


@pytest.mark.parametrize("case", ["targets not shifted", "mask inverted", "divided by all places"])
def test_faults_are_gone_before_the_model_is_judged(case, monkeypatch):
    places = [
        (data, "encode"),
        (data, "collate"),
        (data, "loss_mask"),
        (minilm.losses, "weighted_mean_forward"),
    ]
    before = [getattr(*place) for place in places]
    judged = []

    def likelihoods(*args):
        judged.append([getattr(*place) for place in places])
        return {}

    monkeypatch.setattr(fingerprints, "likelihoods", likelihoods)
    monkeypatch.setattr(fingerprints, "behaviour", lambda *args: {})
    result = fingerprints.one(case, 0, 1)
    assert judged == [before] and [getattr(*place) for place in places] == before
    healthy = fingerprints.one("correct mask", 0, 1)
    assert result["train_loss"] != healthy["train_loss"]  # it was there


def test_the_correct_case_is_the_main_experiment():
    params, loss = fingerprints.trained(None, 0.0, 1, 3)
    task = worlds.zoo()
    last = runs.last(task, 0.0, 1, 3)
    assert loss == pytest.approx(last["train_loss"], rel=1e-5)
    answers = fingerprints.likelihoods(params, task.config, task)
    assert answers["prompt_nll"] == pytest.approx(last["prompt_nll"], rel=1e-4)
    both = (answers["answer_nll"] + answers["eos_nll"]) / 2  # one token each
    assert both == pytest.approx(last["response_nll"], rel=1e-4)


def test_more_positions_change_nothing_before_them():
    task = worlds.zoo()
    params = model.init(task.config, np.random.default_rng(0), std=0.3)
    more, config = fingerprints.longer(params, task.config, 8)
    ids = data.collate(task.rows[:3]).ids
    assert config.n_positions == task.config.n_positions + 8
    model.check_params(more, config)
    assert (model.forward(more, ids, config)[0] == model.forward(params, ids, task.config)[0]).all()


def test_stops_and_lengths_of_models_that_cannot_do_otherwise():
    task = worlds.zoo()
    params = model.init(task.config, np.random.default_rng(0))
    longer, config = fingerprints.longer(params, task.config, fingerprints.CAP)
    for wanted, stops, length in ((tokenizer.EOS_ID, 1.0, 1.0), (5, 0.0, 8.0)):
        bias = np.zeros_like(params["ln_f"]["bias"])
        head = np.zeros_like(params["lm_head"]["weight"])
        bias[0], head[0, wanted] = 1.0, 50.0
        fixed = {**longer, "ln_f": {"weight": bias * 0, "bias": bias}, "lm_head": {"weight": head}}
        found = fingerprints.behaviour(fixed, config, task, 0)
        assert (found["stops"], found["length"], found["valid"]) == (stops, length, 0.0)


# Sentences are as sure as the seeds, and follow the numbers


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ([0.9, 0.8, 0.7], [0.5, 0.4, 0.3], "a is ahead of b by 0.400, better in 3 of 3"),
        ([0.5, 0.4, 0.3], [0.9, 0.8, 0.7], "b is ahead of a by 0.400, better in 3 of 3"),
        ([0.9, 0.2, 0.7], [0.5, 0.4, 0.3], "a and b are not clearly apart: +0.200, better in 2 of 3"),
        ([0.9, 0.8], [0.5, 0.4], "a - b +0.400, too few seeds to tell"),
    ],
)
def test_who_is_ahead(a, b, said):
    assert runs.who_is_ahead(a, b, "a", "b") == said
    turned = said.translate(str.maketrans("ab", "ba")) if "a is ahead of b" in said else None
    if turned:  # a lower NLL is better: the same numbers name the other one
        assert runs.who_is_ahead(a, b, "a", "b", higher_is_better=False).startswith(
            "b is ahead of a by 0.400"
        )


def test_the_fault_table_s_caption_follows_its_numbers():
    def case(loss, accuracy, stops=1.0):
        spread = [accuracy, accuracy + 0.01, accuracy]
        return {"train_loss": [loss] * 3, "accuracy": spread, "stops": [stops] * 3}

    result = {"settings": {"steps": 9}, "seeds": [0, 1, 2]}
    result["cases"] = {"correct mask": case(0.4, 0.8), "bad": case(0.1, 0.1), "mute": case(0.2, 0.9, 0.0)}
    said = fingerprints.caption(result)
    assert "belongs to 'bad'" in said and ", the lowest (correct mask" in said
    assert "Of the 2 rows with a lower training loss, 2 answer or stop clearly worse" in said
    assert said.endswith("Right more often than with the correct mask, but without an end: 'mute' (0.90).")
    result["cases"] = {"correct mask": case(0.4, 0.8), "good": case(0.1, 0.9), "bad": case(0.9, 0.1)}
    said = fingerprints.caption(result)
    assert "belongs to 'good'" in said and ", the lowest" not in said
    assert "Of the 1 rows with a lower training loss, 0 answer" in said


def test_the_best_weight_is_named_by_its_mean():
    from minilm.figures import prompt_weight

    points = [[0.5, 0.6, 0.5], [0.8, 0.9, 0.8], [0.1, 0.2, 0.1]]
    result = {"weights": [0.0, 0.1, 1.0], "exact_match": {"short": points, "long": points[::-1]}}
    said = prompt_weight.best(result, "short")
    assert said.startswith("short answers have the highest mean at weight 0.1, 0.833 +- 0.058")
    assert "weight 0.1 is ahead of 0 by 0.300" in said and "weight 0.1 is ahead of 1 by 0.700" in said
    result["exact_match"]["short"] = sorted(points)
    assert "at weight 1, " in prompt_weight.best(result, "short")


def test_labels_keep_apart_in_order_and_below_the_top():
    for heights in ([10, 11, 12], [100, 99, 40], [5, 5, 5], [10, 95, 200]):
        moved = plots.spaced(np.array(heights), top=100)
        assert moved.max() <= 100 and np.diff(np.sort(moved)).min() >= 17
        assert list(np.argsort(moved)) == list(np.argsort(heights, kind="stable"))
    assert list(plots.spaced([10, 50, 80], top=100)) == [10, 50, 80]


def test_dilution_is_only_claimed_if_all_probes_agree():
    from minilm.figures import why

    def result(cosine=0.01, separate=0.9, tuned=0.81):
        def seeds(number):
            return [number, number + 0.02, number - 0.02]

        return {
            "rates": [1, 2],
            "angles_by_ratio": {"cos_parts": [seeds(0.0), seeds(cosine)]},
            "match_by_optimiser": {
                "Adam, separate moments": seeds(separate),
                "Adam, g_x + g_y": [0.5, 0.6, 0.55],
            },
            "match_by_rate": {
                "0": [[0.8, 0.81, 0.79], seeds(0.1)],
                "1": [seeds(0.2), [tuned, tuned - 0.01, tuned]],
            },
        }

    assert "rather than conflict" in why.verdict(result())
    for other in ({"cosine": -0.4}, {"separate": 0.56}, {"tuned": 0.6}):
        assert why.verdict(result(**other)) == ""
    assert "masked (1) has 0.800 +- 0.010 and full (2) 0.807 +- 0.006" in why.rate_sentence(result())


@pytest.mark.slow  # for a fresh clone: the command rewrites figures/ with this machine's numbers
@pytest.mark.parametrize("name", figures.NAMES)
def test_the_stored_figures_say_what_their_numbers_say(name):
    path = Path(__file__).parents[2] / "figures" / f"{name}.json"
    stored, study = tasks.read_json(path), figures.study(name)
    assert stored["caption"] == study.caption(stored) and stored["alt"] == study.ALT
    assert len(stored["seeds"]) == (1 if name == "anatomy" else 10)
    assert path.with_suffix(".png").stat().st_size < 200_000
