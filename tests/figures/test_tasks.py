"""Trained comparisons, on short runs: processes, seeds, splits."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from minilm import chat, data, model, train, tree
from minilm.figures import processes, report, statistics, tasks


def test_worker_processes_give_the_same_numbers(task, result):
    done = []
    two = tasks.compare(task, range(3), workers=2, report=lambda *a: done.append(a))
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert tasks.compare(task, range(3), workers=1) == two
    code = (
        "import pickle, sys; from minilm.figures import tasks; task = pickle.load(sys.stdin.buffer)\n"
        "sys.stdout.buffer.write(pickle.dumps(tasks.compare(task, range(3))))"
    )
    here = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(task),
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, **dict.fromkeys(processes.BLAS_THREADS, "1")},
    )
    assert pickle.loads(here.stdout) == two
    last = [r["runs"]["1"][0][-1]["response_nll"] for r in (two, result)]
    assert last[0] == pytest.approx(last[1], rel=1e-4)  # several BLAS threads: rounding only


def test_losses_are_compared_on_the_same_start_and_batches(result):
    for seed in range(3):
        starts = [runs[seed][0] for runs in result["runs"].values()]
        assert starts[0] == starts[1] == starts[2]
    assert len({str(runs) for runs in result["runs"].values()}) == 3


def test_repeated_prompts_do_not_leak(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [f'{{"prompt": "Question {i % 30}?", "completion": "answer {i}"}}\n' for i in range(90)]
    path.write_text("".join(rows), encoding="utf-8")
    task = tasks.make_rows_task(path)
    sides = [{tuple(row.tokens[row.roles == 2]) for row in part} for part in (task.rows, task.held_out)]
    assert len(sides[0]) + len(sides[1]) == 30 and not sides[0] & sides[1]
    assert len(task.rows) + len(task.held_out) == 90
    assert len(sides[1]) == round(0.15 * 30)  # prompts, each with its three rows
    assert len(task.held_out) == 3 * len(sides[1])


@pytest.mark.parametrize("form", ["messages", "completion"])
def test_conversations_that_begin_with_one_greeting_are_split(form, tmp_path):
    rows = []
    for question in ("tea", "milk", "bread", "cake"):
        prompt = [{"role": "assistant", "content": "Welcome"}, {"role": "user", "content": question}]
        answer = [{"role": "assistant", "content": "What else?"}]
        is_pair = form == "completion"
        row = {"prompt": prompt, "completion": answer} if is_pair else {"messages": prompt + answer}
        rows.append(json.dumps(row) + "\n")
    (tmp_path / "rows.jsonl").write_text("".join(rows), encoding="utf-8")
    task = tasks.make_rows_task(tmp_path / "rows.jsonl")
    assert (len(task.rows), len(task.held_out)) == (3, 1)
    assert [message.role for message in task.prompts[0]] == ["assistant", "user"]


def test_conversations_are_split_by_their_opening(tmp_path):
    def messages(i, answer):
        said = [
            ("system", "be kind"),
            ("user", f"Question {i % 10}?"),
            ("assistant", answer),
            ("user", answer),
        ]
        return json.dumps({"messages": [{"role": role, "content": text} for role, text in said]})

    path = tmp_path / "rows.jsonl"
    rows = [messages(i, f"answer {i}") for i in range(30)]
    rows += ['{"prompt": "Question 3?", "completion": "a"}', messages(3, "b" * 300)]
    path.write_text("\n".join(rows), encoding="utf-8")
    task = tasks.make_rows_task(path)
    assert task.tokenizer.has_markers and task.config.n_positions == 256  # the long row is cut

    def openings(rows):
        ends = [int((row.roles == data.RESPONSE).argmax()) for row in rows]
        return {tuple(row.tokens[:end]) for row, end in zip(rows, ends, strict=True)}

    kept, held_out = openings(task.rows), openings(task.held_out)
    assert not kept & held_out and len(kept) + len(held_out) == 11  # the last two differ by the system
    texts = [task.tokenizer.decode(chat.prompt_ids(p, task.tokenizer)) for p in task.prompts]
    assert all(text.startswith("<bos><") and text.endswith("?<assistant>") for text in texts)
    assert {tuple(chat.prompt_ids(p, task.tokenizer)) for p in task.prompts} <= held_out
    assert task.note == "Cut to 256 tokens: 1 row, on line 32." and task.note in report.describe_rows(task)
    assert len(tasks.make_rows_task(path, max_tokens=60).rows[0].tokens) <= 60


def test_every_loss_starts_from_the_same_base_model(task, result):
    start, ends = tasks.train_task(task, 1)
    assert result["base_steps"] == 3 and result["rows"]["base"] == 50
    random = model.init(task.config, np.random.default_rng(1))
    assert not np.array_equal(tree.flatten(start), tree.flatten(random))
    for weight in tasks.WEIGHTS:
        first = result["runs"][tasks.name_weight(weight)][1][0]
        expected = train.evaluate(start, task.config, task.held_out)
        for entry in (first, ends[weight][1][0]):
            assert {key: entry[key] for key in expected} == pytest.approx(expected, rel=1e-4)  # BLAS threads
    scratch, _ = tasks.train_task(task._replace(base=None), 1, [0.0])
    np.testing.assert_array_equal(tree.flatten(scratch), tree.flatten(random))


def test_the_strip_is_what_the_models_expect(task, result):
    _, ends = tasks.train_task(task, 0)
    strip, row = result["strip"], task.held_out[0]
    assert list(strip["models"]) == ["base", "0", "0.1", "1"]
    assert strip["tokens"][-1] == "<eos>" and sum(strip["is_answer"]) == 2
    logits, _ = model.forward(ends[1.0][0], row.tokens[None, :-1], task.config)
    probs = np.exp(logits[0].astype(float))
    probs /= probs.sum(axis=-1, keepdims=True)
    expected = probs[np.arange(len(probs)), row.tokens[1:]]
    np.testing.assert_allclose(strip["models"]["1"]["probs"], expected, atol=2e-4)
    guesses = [task.tokenizer.show(guess) for guess in probs.argmax(axis=-1)]
    assert strip["models"]["1"]["guesses"] == guesses


@pytest.mark.slow
def test_main_result_in_every_direction_that_the_readme_states():
    result = tasks.compare(tasks.make_zoo_task(), range(4), workers=2)
    rows, gaps = statistics.summarise_steps(result)
    for step, match, response in gaps:
        assert match.mean > 0 and response.mean < -0.02, step
        assert match.better >= 3 and response.better >= 3, step
    last = {weight: numbers for weight, step, *numbers in rows if step == tasks.TUNING_STEPS}
    base = result["runs"]["0"][0][0]["prompt_nll"]
    assert last["0"][2][0] > base  # masked: log P(x) goes the wrong way
    for weight in ("0.1", "1"):
        assert 1.0 < last[weight][2][0] / result["entropy_floor"] < 1.1
    assert min(numbers[0][0] for numbers in last.values()) > 0.85  # the rule asks for 0.9 over ten seeds


def test_the_same_words_in_other_roles_are_another_prompt():
    prompts = [(chat.Message(role, "be kind"), chat.Message("user", "a")) for role in ("system", "user")]
    assert sorted(tasks.choose_held_out("rows.jsonl", [*prompts, prompts[0]], 0.5)) in (
        [False, False, True],
        [False, True, True],
    )


@pytest.mark.parametrize(("share", "n_held_out"), [(0.01, 1), (0.5, 2), (0.99, 3)])
def test_one_prompt_is_held_out_and_one_is_trained(share, n_held_out):
    assert sum(tasks.choose_held_out("rows.jsonl", list("abcd"), share)) == n_held_out
