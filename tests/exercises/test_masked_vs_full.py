"""Every number in a reply on masked and full loss is measured: in the stored figure, or on 2+2."""

import re

import claims
import numpy as np
import pytest

from minilm import data, exercises, figures
from minilm.exercises import loss_mask, masked_vs_full
from minilm.figures import identities

QUESTIONS = {**loss_mask.QUESTIONS, **masked_vs_full.QUESTIONS}


@pytest.fixture(scope="module")
def measured():
    """Numbers of figures/masked_vs_full.json as they are written: means over seeds at every evaluation."""
    result = figures.load_result("masked_vs_full")
    n_x, n_y = result["targets_per_row"]
    numbers = [f"{result['entropy_floor']:.3f}", f"{n_x / (n_x + n_y):.0%}"]
    for runs in result["runs"].values():
        for i in range(len(runs[0])):
            for key in ("exact_match", "response_nll", "prompt_nll"):
                numbers.append(f"{np.mean([run[i][key] for run in runs]):.3f}")
    parts = [(n_x * run[-1]["prompt_nll"], n_y * run[-1]["response_nll"]) for run in result["runs"]["1"]]
    numbers.append(f"{np.mean([sum(part) for part in parts]) / (n_x + n_y):.3f}")
    numbers.append(f"{np.mean([x / (x + y) for x, y in parts]):.0%}")
    return set(numbers)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_number_of_a_reply_is_measured(name, measured, committed_figures):
    question = QUESTIONS[name]
    for text in (question.text, *question.choices.values(), *question.replies.values()):
        for number in claims.NUMBER.findall(text):
            assert claims.plain(number) in measured, f"{number} in {text!r}"


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_reply_says_more_than_was_measured(name):
    for reply in QUESTIONS[name].replies.values():
        assert not any(re.search(pattern, reply, re.IGNORECASE) for pattern in claims.FORBIDDEN)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_wrong_choice_gets_its_thought_and_a_number(name):
    question = QUESTIONS[name]
    for letter, reply in question.replies.items():
        if letter != question.right:
            assert reply.startswith("The thought: ") and re.search(r"\d", reply), reply


def test_what_the_purpose_says_of_the_six_tokens():
    _, row, config, params = identities.seed_example()
    batch = data.collate([row])
    assert exercises.ask("purpose").replies["a"].count(" 6 ") == 2 and batch.ids.shape == (1, 6)
    x, y = data.prompt_mask(batch.roles), data.response_mask(batch.roles)
    other = batch._replace(targets=np.where(x > 0, (batch.targets + 1) % config.vocab_size, batch.targets))
    g, exchanged = (identities.sum_grads(params, b, y, config) for b in (batch, other))
    assert np.abs(g - exchanged).max() == 0
