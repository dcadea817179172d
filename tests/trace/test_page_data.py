"""The page's numbers: sums of recordings are recordings, and the JSON holds the model's numbers."""

import json

import numpy as np
import pytest
from traces import make_trace

from minilm import data, figures, model, trace, tree
from minilm.figures import identities, results
from minilm.trace import page_data, recordings


@pytest.fixture(scope="module")
def plain(question):
    return recordings.record_set(question, question.batch)


@pytest.fixture(scope="module")
def page(question):
    return json.loads(json.dumps(page_data.make_page_data(question), allow_nan=False))


def get_rows(arrays, name):
    return arrays[arrays[name]] if isinstance(arrays[name], str) else arrays[name]


def read_rows(rows, columns):
    return np.array([np.zeros(columns) if isinstance(row, int) else row for row in rows])


def test_json_holds_the_numbers_of_the_model(question, plain, page):
    for name, array in plain["values"].items():
        written = read_rows(get_rows(page["plain"]["values"], name), array.shape[1])
        np.testing.assert_allclose(written, array, rtol=5e-3)
        np.testing.assert_array_equal(written == 0, array == 0)
    for written, recorded in zip(page["plain"]["recordings"], plain["recordings"], strict=True):
        for name, array in recorded.items():
            rows = get_rows(written, name)
            np.testing.assert_allclose(read_rows(rows, array.shape[1]), array, rtol=5e-3)
            np.testing.assert_array_equal(read_rows(rows, array.shape[1]) == 0, array == 0)
    np.testing.assert_allclose(page["plain"]["gram"], plain["gram"], rtol=1e-5)
    for name, array in tree.named(question.params):
        np.testing.assert_allclose(
            read_rows(page["params"][name], array.shape[-1]), np.atleast_2d(array), rtol=5e-3
        )
    assert [page["inputs"], page["is_prompt"]] == [question.inputs, [True] * 5 + [False] * 2]
    assert set(page["about"]) == set(plain["values"])
    for name, about in page["about"].items():
        assert page["texts"][about["up"]]["formula"]
        assert (about["down"] is None) == (name == "probs")


def test_exchanged_targets_leave_the_answers_recordings_and_hidden_prompts_get_nothing(question, plain, page):
    exchanged, hidden = page["exchanged"], page["hidden"]
    assert [r == {} for r in exchanged["recordings"]] == [False] * 5 + [True] * 2
    assert all(
        set(r) == {"h.0.attn.weights", "h.1.attn.weights"} - {"h.0.attn.weights"}
        for r in hidden["recordings"][:5]
    )
    pairs = list(zip(exchanged["targets"], page["plain"]["targets"], strict=True))
    assert [a != b for a, b in pairs] == page["is_prompt"]
    assert list(exchanged["values"]) == ["nll"]
    for t in (5, 6):
        for name in ("h.1.attn.k", "h.1.attn.v", "h.0.mlp.x", "x"):
            rows = get_rows(hidden["recordings"][t], name)
            assert rows[:5] == [0] * 5
        assert get_rows(page["plain"]["recordings"][t], "x")[0] != 0
    assert model.causal_and_places(question.batch.ids)[0][6].all()  # nothing stays swapped


def test_a_page_that_would_be_too_large_is_refused(monkeypatch, question):
    monkeypatch.setattr(page_data, "LARGEST_PAGE", 1000)
    with pytest.raises(ValueError, match=r"0\.0 million numbers.*give a shorter example"):
        page_data.make_page_data(question)


def test_a_number_that_is_not_finite_is_refused():
    tokenizer, row, config, params = identities.seed_example()
    params["lm_head"]["weight"][:] = 1e308
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="logits holds a number that is not fin"):
        page_data.make_page_data(trace.trace(params, row, config, tokenizer))


@pytest.mark.parametrize("x, short", [(0.0, 0), (-0.0, 0), (0.12345, 0.123), (-12.0, -12), (1e-300, 1e-300)])
def test_a_number_is_cut_but_never_to_zero(x, short):
    assert page_data.shorten(x, 3) == short


def test_twenty_positions_stay_under_4_mb():
    traced = make_trace(" ".join(f"word{i}" for i in range(17)), "an answer")
    assert len(traced.inputs) == 20 and len(traced.html().encode()) < 4_000_000


def test_a_row_keeps_its_own_loss_weights():
    tokenizer, row, config, params = identities.seed_example()
    weighted = row._replace(weights=np.where(row.roles == data.RESPONSE, 0.5, 1.0))
    assert (
        page_data.make_page_data(trace.trace(params, weighted, config, tokenizer))["row_weights"][-1] == 0.5
    )


def test_the_main_experiment_is_shown_step_by_step_where_its_figure_is(monkeypatch, tmp_path):
    strip = results.read_json(figures.FIGURES / "strip.json")["strip"]
    training = page_data.load_training()
    assert training["tokens"] == strip["tokens"] and set(training["course"]) == {"0", "1"}
    for loss, course in training["course"].items():
        assert [entry["step"] for entry in course] == list(range(0, 201, 25))
        assert course[-1]["probs"] == strip["models"][loss]["probs"]
    assert training["course"]["0"][0] == training["course"]["1"][0]  # the base model
    monkeypatch.setattr(figures, "FIGURES", tmp_path)  # an installed package
    assert page_data.load_training() is None
