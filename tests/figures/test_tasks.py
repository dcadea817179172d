"""The numbers behind the figures, on short runs: identities, processes, JSON, drawing."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import minilm
from minilm import chat, data
from minilm.figures import identities, plots, processes, report, tasks


@pytest.fixture(scope="module")
def task():
    zoo = tasks.zoo_task(steps=3)
    return zoo._replace(rows=zoo.rows[:200], held_out=zoo.held_out[:40])


@pytest.fixture(scope="module")
def result(task):
    return tasks.compare(task, range(3))


def test_decomposition_holds_for_several_models():
    for seed in range(3):
        d = identities.decomposition(seed)
        assert d["log_p_xy"] == pytest.approx(d["log_p_x"] + d["log_p_y_given_x"], abs=1e-12)
        assert d["sum_error"] < 1e-14 and d["masked_vs_numeric"] < 1e-8
        assert d["masked_change"] == 0.0 and d["full_change"] > 0.1
    with minilm.swap("data.response_mask", lambda roles: np.ones(roles.shape)):  # a mask that masks nothing
        assert identities.decomposition()["masked_change"] > 0.1


def test_anatomy_zero_at_masked_logits_only():
    norms = identities.anatomy()
    assert norms["dlogits"]["0"][:5] == [0.0] * 5
    assert all(norms["dlogits"][w][5] == norms["dlogits"]["1"][5] > 0.1 for w in ("0", "0.1"))
    np.testing.assert_allclose(norms["dlogits"]["0.1"][:5], 0.1 * np.array(norms["dlogits"]["1"][:5]))
    assert min(norms["dembedding"]["0"]) > 0.01


def test_worker_processes_give_the_same_numbers(task, result):
    done = []
    two = tasks.compare(task, range(3), workers=2, report=lambda *a: done.append(a))
    assert done == [(i + 1, 9) for i in range(9)]
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


def test_summary_by_hand():
    def history(match, response):
        return [
            {"step": 0, "exact_match": 0, "response_nll": 9, "prompt_nll": 9},
            {"step": 100, "exact_match": match, "response_nll": response, "prompt_nll": 2.0},
        ]

    result = {
        "runs": {"0": [history(0.5, 1.0), history(0.7, 1.0)], "1": [history(0.6, 1.5), history(0.3, 2.5)]}
    }
    rows, gaps = tasks.summary(result)
    assert rows[0][:2] == ("0", 100) and rows[0][2] == pytest.approx((0.6, 0.02**0.5))
    step, match, response = gaps[0]
    assert step == 100 and match[:2] == pytest.approx((0.15, 0.125**0.5)) and match[2:] == (1, 0, 2)
    assert response[:2] == pytest.approx((-1.0, 0.5**0.5)) and response.wins() == "better in 2 of 2"
    same = {"runs": {"0": [history(0.5, 1.0)], "1": [history(0.5, 2.0)]}}
    rows, gaps = tasks.summary(same)
    assert gaps[0][1].wins() == "better in 0 of 1, tied in 1"
    assert tasks.plus_minus(*rows[0][2]) == "0.500"  # one seed has no spread


@pytest.mark.parametrize(
    ("mean", "std", "seeds", "said"),
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
def test_verdict_is_only_as_sure_as_the_seeds(mean, std, seeds, said):
    verdict = report.verdict((300, None, tasks.Gap(mean, std, 0, 0, seeds)), 49)
    assert said in verdict and "49 held-out rows" in verdict


def test_verdict_is_wrong_in_one_of_twenty_when_nothing_differs():
    rng = np.random.default_rng(0)
    for seeds in (3, 5, 10):
        draws = [tasks.gap(d, d < 0) for d in rng.normal(size=(2000, seeds))]
        wrong = sum("is ahead of" in report.verdict((1, None, g), 9) for g in draws) / 2000
        assert 0.035 < wrong < 0.065


def test_json_survives_and_figures_need_nothing_else(result, tmp_path):
    path = tmp_path / "sub" / "result.json"
    tasks.write_json(path, result)
    read = tasks.read_json(path)
    assert read["runs"] == result["runs"] and read["versions"]["numpy"] == np.__version__
    for figure in (plots.curves(read), plots.anatomy(identities.anatomy())):
        plots.save(figure, tmp_path / "figure.png", "a description")
        content = (tmp_path / "figure.png").read_bytes()
        assert content.startswith(b"\x89PNG") and b"a description" in content
    assert "mean +- std over 3 seeds" in plots.curves_caption(read)


def test_bands_are_one_standard_deviation(result):
    panels = plots.curves(result).axes
    for k, axes in enumerate(panels):
        for weight, area in zip(("0", "0.1", "1"), axes.collections, strict=True):
            numbers = tasks.values(result["runs"][weight], -1)[:, k]
            edges = area.get_paths()[0].vertices
            last = edges[edges[:, 0] == 3][:, 1]
            height = 2 * numbers.std(ddof=1)
            assert np.ptp(last) == pytest.approx(height, abs=1e-9)


def test_figures_are_byte_stable(result, tmp_path):
    for name in ("a", "b"):
        plots.save(plots.curves(result), tmp_path / name, "same")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_repeated_prompts_do_not_leak(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [f'{{"prompt": "Question {i % 30}?", "completion": "answer {i}"}}\n' for i in range(90)]
    path.write_text("".join(rows), encoding="utf-8")
    task = tasks.jsonl_task(path)
    sides = [{tuple(row.tokens[row.roles == 2]) for row in part} for part in (task.rows, task.held_out)]
    assert len(sides[0]) + len(sides[1]) == 30 and not sides[0] & sides[1]
    assert len(task.rows) + len(task.held_out) == 90
    assert len(sides[1]) == round(0.15 * 30)  # prompts, each with its three rows
    assert len(task.held_out) == 3 * len(sides[1])


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
    task = tasks.jsonl_task(path)
    assert task.tokenizer.has_markers and task.config.n_positions == 256  # the long row is cut

    def openings(rows):
        ends = [int((row.roles == data.RESPONSE).argmax()) for row in rows]
        return {tuple(row.tokens[:end]) for row, end in zip(rows, ends, strict=True)}

    kept, held_out = openings(task.rows), openings(task.held_out)
    assert not kept & held_out and len(kept) + len(held_out) == 11  # the last two differ by the system
    texts = [task.tokenizer.decode(chat.prompt_ids(p, task.tokenizer)) for p in task.prompts]
    assert all(text.startswith("<bos><") and text.endswith("?<assistant>") for text in texts)
    assert {tuple(chat.prompt_ids(p, task.tokenizer)) for p in task.prompts} <= held_out
    assert task.note == "Cut to 256 tokens: 1 row, on line 32." and task.note in report.overview(task)
    assert len(tasks.jsonl_task(path, max_tokens=60).rows[0].tokens) <= 60


def test_import_costs_nothing_beyond_numpy_and_the_model_nothing_heavy():
    code = (
        "import sys, contextlib, importlib, numpy; before = set(sys.modules); import minilm\n"
        "assert set(sys.modules) - before == {'minilm'}\n"
        "import minilm.train, minilm.gradcheck\n"
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names))\n"
        "assert not {'multiprocessing', 'argparse', 'zipfile', 'matplotlib'} & (set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["minilm"]


@pytest.mark.slow
def test_main_result_in_every_direction_that_the_readme_states():
    result = tasks.compare(tasks.zoo_task(), range(4), workers=2)
    rows, gaps = tasks.summary(result)
    for step, match, response in gaps:
        assert match.mean > 0.05 and response.mean < -0.05, step
        assert match.better >= 3 and response.better >= 3, step
    last = {weight: numbers for weight, step, *numbers in rows if step == 300}
    assert last["0.1"][0][0] > last["0"][0][0] > last["1"][0][0]  # exact match
    assert last["0"][2][0] > 2 * result["uniform"]  # masked: the prompt's NLL is far above a guess
    for weight in ("0.1", "1"):
        assert 1.0 < last[weight][2][0] / result["entropy_floor"] < 1.05
