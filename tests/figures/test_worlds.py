"""What the figures train on: ratios, facts, names and prompts are what they are said to be."""

import itertools
import re

import pytest

from minilm import corpora, data
from minilm.figures import worlds


@pytest.mark.parametrize("ratio", [4, 8, 20])
def test_a_story_has_the_ratio_that_it_is_named_by(ratio):
    task = worlds.make_story_task(ratio)
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
    facts = {corpora.parse_question(e.prompt): e.response for e in zoo.train}
    task = worlds.make_story_task(8)
    for row in task.rows[:200]:
        prompt, _, answer = task.tokenizer.decode(row.tokens[1:-1]).rpartition(" ")
        assert facts[corpora.parse_question(prompt)] == answer
    for example in zoo.train[:200]:
        longer = worlds.lengthen(example)
        words = longer.response.split(" ")
        assert longer.prompt == example.prompt and words[-2:] == [example.response, "."]
        assert 9 <= len(words) <= 12 and corpora.parse_question(example.prompt)[1] in words


def test_the_prompt_pattern_matches_every_prompt_of_the_zoo_and_no_other():
    pattern = worlds.compile_prompt_pattern()
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
