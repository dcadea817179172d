"""All checks in order: right on every planted fault, silent on what is right, also in other styles."""

import functools

import diagnose_setups as setups
import numpy as np
import pytest

from minilm import diagnose
from minilm.figures import trials


def name_fault(planted, seed, view=trials.BOTH):
    return trials.diagnose_own(planted, seed, view).fault or trials.RIGHT


@pytest.mark.parametrize("planted", trials.PLANTED)
def test_planted_faults_are_named(planted):
    name = planted.partition(",")[0]
    assert name_fault(planted, 0) == name
    assert name_fault(planted, 1, trials.ALONE) == (trials.RIGHT if name in setups.BLIND else name)


@pytest.mark.slow
@pytest.mark.parametrize("planted", trials.PLANTED)
def test_planted_faults_are_named_in_many_pipelines(planted):
    assert {name_fault(planted, seed) for seed in range(100, 103)} == {planted.partition(",")[0]}


def without_bos(prompt, response):
    return setups.plain_row(prompt, response, bos=False)


def as_int32(rng):
    examples, make_batch = setups.in_rows()(rng)
    return examples, lambda chosen: [array.astype(np.int32) for array in make_batch(chosen)]


def short_rows_padded_left(rng):
    examples = [tuple(rng.integers(8, setups.V, k).tolist() for k in (4, n)) for n in (2, 3, 2)]
    return examples, lambda chosen: setups.batched(
        [without_bos(*example) for example in chosen], length=20, left=True
    )


PLAIN = setups.in_rows()
WEIGHTED = setups.with_mask(lambda w, t: np.maximum(w, 0.1) * (t != setups.PAD))
HEALTHY = {  # name -> (set-up, arguments of the model, of the loss, of the diagnosis)
    "plain": (PLAIN, {}, {}, {}),
    "float32": (PLAIN, {"dtype": np.float32}, {}, {}),
    "int32": (as_int32, {}, {}, {}),
    "targets -100": (setups.in_rows(ignore=True), {}, {}, {}),
    "left padding": (setups.in_rows(left=True), {}, {}, {}),
    "left padding to a fixed length, no bos": (short_rows_padded_left, {}, {}, {}),
    "fixed length": (setups.in_rows(length=40), {}, {}, {}),
    "pad is eos": (setups.in_rows(pad=setups.EOS), {}, {}, {}),
    "fixed length, pad is eos": (setups.in_rows(length=40, pad=setups.EOS), {}, {}, {}),
    "no bos": (setups.in_rows(row=without_bos), {}, {}, {}),
    "template": (setups.in_rows(row=setups.templated_row), {}, {}, {}),
    "prompt weight 0.1": (WEIGHTED, {}, {}, {"prompt_weight": 0.1}),
    "summed loss": (PLAIN, {}, {"mean": False}, {}),
    "label smoothing": (PLAIN, {"smoothing": 0.1}, {}, {}),
    "turns": (setups.in_chats(), {}, {}, {}),
    "turns with tool": (setups.in_chats(tool=True), {}, {}, {}),
    "message weights": (setups.in_chats(weights=True), {}, {}, {}),
    "packed": (setups.in_packs(), {}, {}, {}),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_no_false_alarm(kind):
    """18 kinds, every second seed seen as a black box; test_setups has 143 more."""
    set_up, of_model, of_loss, how = HEALTHY[kind]
    for seed in range(4):
        examples, make_batch = set_up(np.random.default_rng(seed))
        step = functools.partial(setups.mean_model(seed, **of_model).loss, **of_loss)
        seen = step if seed % 2 else setups.hide_gradient(step)
        report = diagnose.pipeline(make_batch, seen, examples, **how)
        assert report.findings == [], f"seed {seed}: {report}"


def test_every_question_is_asked_in_order():
    report, _ = setups.diagnose_both(setups.in_packs(), setups.use_loss)
    assert report.tested == [
        *("shift of the targets", "the mask as made", "stop token", "double <bos>", "<bos> and <eos> inside"),
        *("the mask as used", "what a target reads", "whether answers read the prompt", "packed neighbours"),
        *("positions of packed documents", "the denominator", "an empty mask"),
    ]
    assert report.not_tested == ["accumulation and workers: one step does not show them"]


def roll_mask(model):
    return lambda ids, targets, weights: model.loss(ids, targets, np.roll(weights, -1, axis=1))


def test_a_check_that_fails_takes_nothing_else_with_it():
    report, _ = setups.diagnose_both(setups.in_rows(ignore=True), roll_mask)
    assert report.findings and "stop token" in report.tested

    examples, make_batch = PLAIN(np.random.default_rng(0))
    as_made = make_batch(examples)[2]

    def refuse_other_masks(ids, targets, weights):
        if not np.array_equal(weights, as_made):
            raise ValueError("another mask")
        return setups.mean_model().loss(ids, targets, weights)

    report = diagnose.pipeline(make_batch, refuse_other_masks, examples)
    assert report.findings == [] and "the step function raised ValueError: another mask" in str(report)
