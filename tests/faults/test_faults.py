"""Every planted fault has the signature that it is known by, and is gone after the block."""

from pathlib import Path

import build
import numpy as np
import pytest

import minilm
from minilm import (
    batches,
    chat,
    data,
    faults,
    gradcheck,
    losses,
    model,
    recording,
    tokenizer,
    train,
    tree,
)

TOKENIZER = tokenizer.build("char", ["abcdefgh"])
EXAMPLES = [data.Example(*e) for e in (("abc", "de"), ("ab", "cdef"), ("abcde", "fgh"))]
CONFIG = model.Config(len(TOKENIZER.vocab), 12, 1, 2, 4)
PARAMS = gradcheck.draw_params(CONFIG, np.random.default_rng(0))
HEALTHY_MASK = [  # targets: a b c d e <eos>, a b c d e f <eos>, a b c d e f g h <eos>, then pads
    [0, 0, 0, 1, 1, 1, 0, 0, 0],
    [0, 0, 1, 1, 1, 1, 1, 0, 0],
    [0, 0, 0, 0, 0, 1, 1, 1, 1],
]


def run(name=None):
    """(batch, loss, lit rows of dlogits, gradients) of one step with a fault planted, or without."""
    with faults.plant(name) if name else recording("model.forward"):
        batch = data.collate([data.encode(example, TOKENIZER) for example in EXAMPLES])
        with recording("losses.token_nll_backward") as seen:
            loss, grads = model.loss_and_grads(PARAMS, batch.ids, batch.targets, batch.loss_mask, CONFIG)
    lit = (np.abs(seen[0][0]).sum(axis=-1) > 1e-12) * 1
    return batch, loss, lit.tolist(), tree.flatten(grads)


def test_without_a_fault_just_the_answers_are_lit():
    assert run()[2] == HEALTHY_MASK


LIT = {
    "mask_not_applied": [[1] * 6 + [0] * 3, [1] * 7 + [0] * 2, [1] * 9],
    "mask_one_late": [[0, 0, 0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 1, 1, 1]],
    "mask_one_early": [[0, 0, 1, 1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1, 0]],
    "mask_inverted": [[1, 1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0, 0, 0, 0]],
    "eos_masked": [[0, 0, 0, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1, 0]],
    "eos_cut": [[0, 0, 0, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1]],
    "marker_not_found": [[0] * 9, HEALTHY_MASK[1], [0] * 9],
    "pads_in_the_loss": [[0, 0, 0, 1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1, 1, 1], HEALTHY_MASK[2]],
    "double_bos": [[0, *row] for row in HEALTHY_MASK],
    "not_shifted": HEALTHY_MASK,
    "shifted_twice": HEALTHY_MASK,
    "denominator_counts_all": HEALTHY_MASK,
    "mean_of_means": HEALTHY_MASK,
    "gradient_scaled": HEALTHY_MASK,
    "attention_mask_confused": HEALTHY_MASK,
    "mask_after_reduction": [[1] * 9] * 3,
    "smoothing_ignores_mask": [[1] * 9] * 3,
}


CHAT_TOKENIZER = tokenizer.build("char", ["abcdefgh"], markers=True)
TALK = chat.Conversation(
    tuple(chat.Message(*m) for m in [("user", "ab"), ("assistant", "c"), ("tool", "d"), ("assistant", "ef")])
)
# targets: <user> a b <assistant> c <eos> <tool> d <assistant> e f <eos>
HEALTHY_TALK = [0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1]
CHAT = {
    "last_turn_only": [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1],
    "tool_output_trained": [0, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1],
    "stop_in_next_message": [0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1],
}
# targets: a b c d e f <eos> <bos> a b c d e <eos>
HEALTHY_PACK = [0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1]
PACKED = {
    "packing_drops_mask": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    "packing_contamination": HEALTHY_PACK,
    "boundary_in_the_loss": [0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1],
}


def mask_of_talk():
    return data.collate([data.encode(TALK, CHAT_TOKENIZER)]).loss_mask[0].tolist()


def pack():
    return data.collate(batches.pack_rows([data.encode(e, TOKENIZER) for e in EXAMPLES[:2]], 16))


def nll_of_second(batch):
    """NLL of the second document's targets in a packed row, through loss_and_grads."""
    with recording("losses.token_nll_forward") as seen:
        model.loss_and_grads(PACK_PARAMS, *batch[:3], PACK_CONFIG, batch.documents)
    return seen[0][0][0, -6:]


PACK_CONFIG = model.Config(len(TOKENIZER.vocab), 16, 1, 2, 4)
PACK_PARAMS = gradcheck.draw_params(PACK_CONFIG, np.random.default_rng(1))


def test_faults_of_turns_light_what_they_are_known_for():
    for name, lit in CHAT.items():
        with faults.plant(name):
            assert mask_of_talk() == lit, name
        assert mask_of_talk() == HEALTHY_TALK


def test_faults_of_packing_light_and_read_what_they_are_known_for():
    healthy = pack()
    first = healthy.ids.copy()
    first[0, 1:3] = first[0, 2:0:-1]  # another first document
    for name, lit in [(None, HEALTHY_PACK), *PACKED.items()]:
        with faults.plant(name) if name else recording("model.forward"):
            batch = pack()
            changed = nll_of_second(batch._replace(ids=first)) - nll_of_second(batch)
        assert batch.loss_mask[0].tolist() == lit, name
        assert np.abs(changed).max() > 1e-3 if name == "packing_contamination" else not changed.any()
    assert pack().loss_mask[0].tolist() == HEALTHY_PACK


@pytest.mark.parametrize("name", LIT)
def test_rows_of_dlogits_are_lit_as_known(name):
    assert run(name)[2] == LIT[name]
    assert run()[2] == HEALTHY_MASK  # nothing is left behind


def test_every_fault_has_a_signature_here_and_all_that_is_told_of_it():
    assert {*LIT, "empty_mask_nan", "empty_mask_silent", *CHAT, *PACKED} == set(faults.FAULTS)
    for name, fault in faults.FAULTS.items():
        assert fault.sentence.endswith(".") and fault.sign.endswith(".") and fault.met_in, name
    assert {fault.shown_by for fault in faults.FAULTS.values()} == {"rows", "turns", "packing"}
    with pytest.raises(ValueError, match="there is no fault 'off_by_two'; there are mask_not_applied, "):
        with faults.plant("off_by_two"):
            pass


def test_the_table_has_a_line_for_every_fault_and_its_sign_if_asked():
    assert faults.table().split("\n")[9] == (
        "| `eos_cut` | `<eos>` is cut off at the length limit: the model never stops. "
        "| torchtune #2792, MedicalGPT #157 |"
    )
    _, _, *lines = faults.table(with_signs=True).split("\n")
    for line, (name, fault) in zip(lines, faults.FAULTS.items(), strict=True):
        assert line.replace("`", "") == f"| {name} | {fault.sentence} | {fault.sign} | {fault.met_in} |"


def test_the_page_of_faults_is_not_stale():
    page = Path(build.__file__).with_name("faults.md").read_text(encoding="utf-8")
    assert page == build.make_fault_page(), "run: python lessons/build.py"


def test_targets_are_copies_or_skip_a_token():
    right = run()[0]
    assert (run("not_shifted")[0].targets == right.ids).all()
    assert (run("shifted_twice")[0].targets[:, :-1] == right.targets[:, 1:]).all()
    assert (run("double_bos")[0].ids[:, :2] == tokenizer.BOS_ID).all()


@pytest.mark.parametrize("name", ["empty_mask_nan", "empty_mask_silent"])
def test_an_empty_mask_is_nan_or_silence_instead_of_an_error(name):
    batch = data.collate([data.encode(example, TOKENIZER) for example in EXAMPLES])
    nothing = np.zeros(batch.ids.shape)
    with faults.plant(name), np.errstate(invalid="ignore"):
        loss, grads = model.loss_and_grads(PARAMS, batch.ids, batch.targets, nothing, CONFIG)
        healthy, _ = model.loss_and_grads(PARAMS, batch.ids, batch.targets, batch.loss_mask, CONFIG)
    assert healthy == run()[1]  # batches with answers are not affected
    if name == "empty_mask_nan":
        assert np.isnan(loss) and np.isnan(tree.flatten(grads)).any()
    else:
        assert loss == 0 and not tree.flatten(grads).any()
    with pytest.raises(ValueError, match="loss_mask is empty"):
        model.loss_and_grads(PARAMS, batch.ids, batch.targets, nothing, CONFIG)


def test_denominators_have_the_known_ratios():
    _, loss, _, gradient = run()
    share = np.sum(HEALTHY_MASK) / np.size(HEALTHY_MASK)
    _, all_loss, _, all_gradient = run("denominator_counts_all")
    assert all_loss == pytest.approx(share * loss)
    np.testing.assert_allclose(all_gradient, share * gradient, atol=1e-14)
    _, scaled_loss, _, scaled_gradient = run("gradient_scaled")
    assert scaled_loss == loss
    np.testing.assert_allclose(scaled_gradient, share * gradient, atol=1e-14)
    assert run("smoothing_ignores_mask")[1] == loss
    logits, _ = model.forward(PARAMS, run()[0].ids, CONFIG)
    chosen = np.take_along_axis(logits, run()[0].targets[..., None], axis=-1)[..., 0]
    nll = np.log(np.exp(logits).sum(axis=-1)) - chosen  # of every target, pads too
    assert run("mask_after_reduction")[1] == pytest.approx(nll.mean()) != loss


def test_gradient_check_finds_what_it_can_and_only_that():
    batch = data.collate([data.encode(example, TOKENIZER) for example in EXAMPLES])
    faults_found = set()
    for name in LIT:
        with faults.plant(name):
            result = gradcheck.check_direction(PARAMS, batch, CONFIG, np.random.default_rng(0))
        if result.problem:
            faults_found.add(name)
    # A wrong but consistent loss has a right gradient: other probes must find the rest.
    inconsistent = {"gradient_scaled", "smoothing_ignores_mask"}
    assert faults_found == inconsistent | {"attention_mask_confused"}


def test_mean_of_means_depends_on_how_a_batch_is_split():
    def losses_of(rows):
        batch = data.collate(rows)
        logits, _ = model.forward(PARAMS, batch.ids, CONFIG)
        nll, _ = losses.token_nll_forward(logits, batch.targets)
        return losses.weighted_mean_forward(nll, batch.loss_mask)[0], batch.loss_mask.sum()

    rows = [data.encode(example, TOKENIZER) for example in EXAMPLES]
    with faults.plant("mean_of_means"):
        whole, _ = losses_of(rows)
        parts = [losses_of([row])[0] for row in rows]
    assert whole == pytest.approx(np.mean(parts))
    parts = [losses_of([row]) for row in rows]
    right = losses_of(rows)[0]
    assert right == pytest.approx(sum(loss * n for loss, n in parts) / sum(n for _, n in parts))
    assert abs(whole - right) > 1e-3


def test_a_hidden_prompt_does_not_reach_the_answer():
    # The row that reads the prompt's last token still sees that one, so the edit keeps it.
    edited = [data.Example(p[:-1][::-1] + p[-1], r) for p, r in EXAMPLES]
    parts = [data.collate([data.encode(e, TOKENIZER) for e in part]) for part in (EXAMPLES, edited)]

    def losses_now():
        return [model.loss_and_grads(PARAMS, b.ids, b.targets, b.loss_mask, CONFIG)[0] for b in parts]

    a, b = losses_now()
    assert abs(a - b) > 1e-3
    with faults.plant("attention_mask_confused"):
        a, b = losses_now()
    assert a == b


def test_training_goes_on_under_every_fault_and_leaves_it_behind():
    for name in LIT:
        with faults.plant(name):
            rows = [data.encode(example, TOKENIZER) for example in EXAMPLES]
            settings = train.Settings(steps=2, batch_size=2, warmup=0, eval_every=2)
            params = model.init(CONFIG, np.random.default_rng(0))
            _, history = train.train(params, CONFIG, rows, rows, settings)
        assert np.isfinite(history[-1]["train_loss"]), name
    assert minilm.data.loss_mask(np.array([[data.PROMPT, data.EOS]])).tolist() == [[0, 1]]
