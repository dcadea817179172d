"""Every planted fault lights the rows that it is known by, and is gone after the block."""

from pathlib import Path

import build
import numpy as np
import pytest
from planted import CONFIG, EXAMPLES, HEALTHY_MASK, PARAMS, TOKENIZER, list_shown_by, run

import minilm
from minilm import data, faults, gradcheck, model, train

LIT = {
    "mask_not_applied": [[1] * 6 + [0] * 3, [1] * 7 + [0] * 2, [1] * 9],
    "mask_one_late": [[0, 0, 0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 1, 1, 1]],
    "mask_one_early": [[0, 0, 1, 1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1, 0]],
    "answer_start_masked": [[0] * 5 + [1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 0, 0], [0] * 7 + [1, 1]],
    "mask_inverted": [[1, 1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0, 0, 0, 0]],
    "eos_masked": [[0, 0, 0, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1, 0]],
    "eos_cut": [[0, 0, 0, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1]],
    "marker_not_found": [[0] * 9, HEALTHY_MASK[1], [0] * 9],
    "pads_in_the_loss": [[0, 0, 0, 1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1, 1, 1], HEALTHY_MASK[2]],
    "double_bos": [[0, *row] for row in HEALTHY_MASK],
    "bos_eos_inside": [[0, 0, *row] for row in HEALTHY_MASK],
    "not_shifted": HEALTHY_MASK,
    "shifted_twice": HEALTHY_MASK,
    "denominator_counts_all": HEALTHY_MASK,
    "mean_of_means": HEALTHY_MASK,
    "gradient_scaled": HEALTHY_MASK,
    "attention_mask_confused": HEALTHY_MASK,
    "mask_after_reduction": [[1] * 9] * 3,
    "smoothing_ignores_mask": [[1] * 9] * 3,
    "auxiliary_loss_unmasked": [[1] * 9] * 3,
}


def test_without_a_fault_just_the_answers_are_lit():
    assert run()[2] == HEALTHY_MASK


@pytest.mark.parametrize("name", LIT)
def test_rows_of_dlogits_are_lit_as_known(name):
    assert run(name)[2] == LIT[name]
    assert run()[2] == HEALTHY_MASK  # nothing is left behind


def test_every_fault_has_a_signature_here_and_all_that_is_told_of_it():
    assert {*LIT, "empty_mask_nan", "empty_mask_silent"} == list_shown_by("rows")  # others: in their modules
    for name, fault in faults.FAULTS.items():
        assert fault.sentence.endswith(".") and fault.sign.endswith(".") and fault.met_in, name
        assert "\n" not in fault.sentence, name
    kinds = ["rows", "turns", "packing", "left padding"]  # in reading order
    assert list(dict.fromkeys(fault.shown_by for fault in faults.FAULTS.values())) == kinds
    with pytest.raises(ValueError, match="there is no fault 'off_by_two'; there are mask_not_applied, "):
        with faults.plant("off_by_two"):
            pass


def test_the_table_has_a_line_for_every_fault_and_its_sign_if_asked():
    assert (
        "\n| `eos_cut` | `<eos>` is cut off at the length limit: the model never stops. "
        "| torchtune #2792, MedicalGPT #157 |\n"
    ) in faults.table()
    _, _, *lines = faults.table(with_signs=True).split("\n")
    for line, (name, fault) in zip(lines, faults.FAULTS.items(), strict=True):
        assert line.replace("`", "") == f"| {name} | {fault.sentence} | {fault.sign} | {fault.met_in} |"


def test_the_page_of_faults_is_not_stale():
    page = Path(build.__file__).with_name("faults.md").read_text(encoding="utf-8")
    assert page == build.make_fault_page(), "run: python lessons/build.py"


def test_gradient_check_finds_what_it_can_and_only_that():
    batch = data.collate([data.encode(example, TOKENIZER) for example in EXAMPLES])
    faults_found = set()
    for name in LIT:
        with faults.plant(name):
            result = gradcheck.check_direction(PARAMS, batch, CONFIG, np.random.default_rng(0))
        if result.problem:
            faults_found.add(name)
    # A wrong but consistent loss has a right gradient: other probes must find the rest. The check makes
    # the loss of its own parts, so that it also finds what only model.loss_and_grads does.
    inconsistent, in_the_whole = {"gradient_scaled", "smoothing_ignores_mask"}, {"attention_mask_confused"}
    assert faults_found == inconsistent | in_the_whole | {"auxiliary_loss_unmasked"}


def test_training_goes_on_under_every_fault_and_leaves_it_behind():
    for name in {*faults.FAULTS} - {"empty_mask_nan", "empty_mask_silent"}:
        with faults.plant(name):
            rows = [data.encode(example, TOKENIZER) for example in EXAMPLES]
            settings = train.Settings(steps=2, batch_size=2, warmup=0, eval_every=2)
            params = model.init(CONFIG, np.random.default_rng(0))
            _, history = train.train(params, CONFIG, rows, rows, settings)
        assert np.isfinite(history[-1]["train_loss"]), name
    assert minilm.data.loss_mask(np.array([[data.PROMPT, data.EOS]])).tolist() == [[0, 1]]
