"""The zoo: consistent facts, no overlap, and an entropy that can be trusted."""

import math

import numpy as np
import pytest

from minilm import corpora, data


@pytest.fixture(scope="module")
def zoo():
    return corpora.zoo()


def test_sizes_and_no_overlap(zoo):
    assert (len(zoo.train), len(zoo.held_out)) == (4000, 512)
    assert not {e.prompt for e in zoo.train} & {e.prompt for e in zoo.held_out}
    rows = data.encode_all(zoo.train + zoo.held_out, zoo.tokenizer)
    assert max(len(row.tokens) for row in rows) == 23


def test_held_out_means_new_wording_of_seen_facts(zoo):
    def fact(example):  # the question, from its first word to "?"
        return example.prompt.split(" . ")[1]

    answers = {}
    for example in zoo.train + zoo.held_out:
        assert answers.setdefault(fact(example), example.response) == example.response
    assert len(answers) == 96
    assert {fact(e) for e in zoo.held_out} <= {fact(e) for e in zoo.train}


def test_same_seed_same_corpus(zoo):
    assert corpora.zoo(n_train=50, n_held_out=5).train == zoo.train[:50]
    assert corpora.zoo(seed=1, n_train=50, n_held_out=5).train != zoo.train[:50]


def test_log_prob_of_a_prompt_by_hand():
    rng = np.random.default_rng(0)
    facts = {(q, a): "x" for q in corpora.QUESTIONS for a in corpora.ANIMALS}
    numbers_of_parts = set()
    for _ in range(100):
        example, log_prob = corpora.draw_example(rng, facts)
        n_optional = (" from " in example.prompt) + (" and i like " in example.prompt)
        options = 4 * 16 * 2 * 2 * 4 * 24 * 8**n_optional
        assert log_prob == pytest.approx(-math.log(options))
        numbers_of_parts.add(n_optional)
    assert numbers_of_parts == {0, 1, 2}


def test_entropy_floor_is_near_the_exact_entropy(zoo):
    assert corpora.expected_entropy() == pytest.approx(0.7170, abs=1e-4)
    assert zoo.prompt_entropy == pytest.approx(corpora.expected_entropy(), rel=0.01)


def test_few_shot_prompts_hold_solved_questions_with_the_zoo_s_facts(zoo):
    facts = {}
    for example in zoo.train:
        facts[example.prompt.split(" . ")[1]] = example.response
    train, held_out, tokenizer = corpora.few_shot(n_train=64, n_held_out=20)
    assert (len(train), len(held_out)) == (64, 20)
    assert not {e.prompt for e in train} & {e.prompt for e in held_out}
    for example in train + held_out:
        whole = f"{example.prompt} {example.response}"
        shots = [shot.strip() for shot in whole.split("User:")[1:]]
        assert len(set(shots)) == 4
        for question, _, answer in (shot.rpartition(" ") for shot in shots):
            assert facts[question] == answer
        assert tokenizer.decode(tokenizer.encode(whole)) == whole
