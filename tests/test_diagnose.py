"""The diagnosis: right on every planted fault, silent on what is right, in styles that are not minilm's."""

import diagnose_setups as other
import numpy as np
import pytest

from minilm import diagnose, faults
from minilm.diagnose import measure

BLIND = {"gradient_scaled", "smoothing_ignores_mask"}  # faults of the gradient alone


@pytest.mark.parametrize("fault", [None, *faults.FAULTS])
def test_planted_faults_are_named(fault):
    for seed in range(3):
        assert measure.named(fault, seed) == (fault or "healthy")
    unseen = fault is None or fault in BLIND
    assert measure.named(fault, 0, gradient=False) == ("healthy" if unseen else fault)


@pytest.mark.slow
def test_confusion_over_many_pipelines():
    counts = measure.confusion(range(100, 140))
    assert all(names == {fault: 40} for fault, names in counts.items()), counts


def model(seed, **how):
    return other.MeanModel(np.random.default_rng(seed), **how)


def plain(**how):
    return lambda rng: (other.pairs(rng), lambda ex: other.batched([other.plain_row(*e) for e in ex], **how))


def chat(**how):
    def make(rng):
        return other.chats(rng, **how), lambda ex: other.batched([other.chat_row(e["messages"]) for e in ex])

    return make


def weighted(rng):
    def make_batch(examples):
        rows = [[(t, w or 0.1) for t, w in other.plain_row(*e)] for e in examples]
        ids, targets, weights = other.batched(rows)
        return ids, targets, weights * (targets != other.PAD)

    return other.pairs(rng), make_batch


def templated(rng):
    return other.pairs(rng), lambda ex: other.batched([other.templated_row(*e) for e in ex])


def without_bos(rng):
    return other.pairs(rng), lambda ex: other.batched([other.plain_row(*e, bos=False) for e in ex])


def in_packs(**how):
    return lambda rng: (other.pairs(rng), lambda ex: other.packed([other.plain_row(*e) for e in ex], **how))


def integers(rng):
    examples, make_batch = plain()(rng)
    return examples, lambda ex: [a.astype(np.int32) for a in make_batch(ex)]


HEALTHY = {  # name -> (set-up, arguments of the model, of the loss, of the diagnosis)
    "plain": (plain(), {}, {}, {}),
    "float32": (plain(), {"dtype": np.float32}, {}, {}),
    "int32": (integers, {}, {}, {}),
    "targets -100": (plain(ignore=True), {}, {}, {}),
    "left padding": (plain(left=True), {}, {}, {}),
    "fixed length": (plain(length=40), {}, {}, {}),
    "pad is eos": (plain(pad=other.EOS), {}, {}, {}),
    "fixed length, pad is eos": (plain(length=40, pad=other.EOS), {}, {}, {}),
    "no bos": (without_bos, {}, {}, {}),
    "template": (templated, {}, {}, {}),
    "prompt weight 0.1": (weighted, {}, {}, {"prompt_weight": 0.1}),
    "summed loss": (plain(), {}, {"mean": False}, {}),
    "label smoothing": (plain(), {"smoothing": 0.1}, {}, {}),
    "turns": (chat(), {}, {}, {}),
    "turns with tool": (chat(tool=True), {}, {}, {}),
    "message weights": (chat(weights=True), {}, {}, {}),
    "packed": (in_packs(), {}, {}, {}),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_no_false_alarm(kind):
    """17 kinds x 12 seeds: 204 right set-ups, every second one seen as a black box."""
    make, of_model, of_loss, how = HEALTHY[kind]
    for seed in range(12):
        examples, make_batch = make(np.random.default_rng(seed))
        m = model(seed, **of_model)

        def step(*batch, m=m, seed=seed):
            loss, grad = m.loss(*batch, **of_loss)
            return (loss, grad) if seed % 2 else loss

        report = diagnose.pipeline(make_batch, step, examples, **how)
        assert report.findings == [], f"seed {seed}: {report}"


def broken_mask(change):
    """A make_batch whose weights are changed after the fact."""

    def make(rng):
        examples, make_batch = plain()(rng)

        def wrong(ex):
            ids, targets, weights = make_batch(ex)
            return ids, targets, change(weights, targets)

        return examples, wrong

    return make


def chat_broken(**how):
    tool = how.pop("tool", False)

    def make_batch(examples):
        return other.batched([other.chat_row(e["messages"], **how) for e in examples])

    return lambda rng: (other.chats(rng, tool=tool), make_batch)


def last_only(m, k, n):
    return float(k == n - 1)


def tools_too(m, k, n):
    return float(m["role"] != "user")


def step_ignoring_mask(m):
    return lambda ids, targets, weights, *more: m.loss(ids, targets, 1.0 * (targets != other.PAD), *more)


def step_late(m):
    def step(ids, targets, weights):
        return m.loss(ids, targets, np.concatenate([0 * weights[:, :1], weights[:, :-1]], axis=1))

    return step


def step_shifting_again(m):
    return lambda ids, targets, weights: m.loss(ids, targets, weights, late=1)


def step_row_means(m):
    def step(ids, targets, weights):
        if not weights.any():
            raise ZeroDivisionError
        rows = [
            m.loss(*(a[b : b + 1] for a in (ids, targets, weights)))
            for b in range(len(ids))
            if weights[b].any()
        ]
        full = np.zeros((*ids.shape, other.V))
        full[weights.any(axis=1)] = np.concatenate([g for _, g in rows]) / len(rows)
        return sum(loss for loss, _ in rows) / len(rows), full

    return step


def step_all_tokens(m):
    def step(ids, targets, weights):
        loss, grad = m.loss(ids, targets, weights, mean=False)
        return loss / ids.size, grad / ids.size

    return step


def step_wrong_gradient(m):
    def step(ids, targets, weights):
        loss, grad = m.loss(ids, targets, weights)
        return loss, grad * 3

    return step


def step_forgetting_prompt(m):
    """An attention mask made of the loss mask: the past without loss is not read."""

    def step(ids, targets, weights):
        kept = np.concatenate([np.zeros((len(ids), 1)), weights[:, :-1]], axis=1) > 0
        last = weights > 0
        return m.loss(np.where(kept | last, ids, other.PAD), targets, weights)

    return step


def step_silent(m):
    def step(ids, targets, weights):
        return m.loss(ids, targets, weights) if weights.any() else (0.0, np.zeros((*ids.shape, other.V)))

    return step


def right(m):
    return m.loss


BROKEN = {  # what stands wrong in code that faults.py does not know -> (set-up, step, the name)
    "mask rolled right": (broken_mask(lambda w, t: np.roll(w, 1, axis=1)), right, "mask_one_late"),
    "mask rolled left": (broken_mask(lambda w, t: np.roll(w, -1, axis=1)), right, "mask_one_early"),
    "ones": (broken_mask(lambda w, t: 1.0 * (t != other.PAD)), right, "mask_not_applied"),
    "1 - mask": (broken_mask(lambda w, t: (1 - w) * (t != other.PAD)), right, "mask_inverted"),
    "pads lit": (broken_mask(lambda w, t: np.where(t == other.PAD, 1.0, w)), right, "pads_in_the_loss"),
    "eos ignored": (broken_mask(lambda w, t: np.where(t == other.EOS, 0.0, w)), right, "eos_masked"),
    "a row lost": (
        broken_mask(lambda w, t: w * (np.arange(len(w)) != 1)[:, None]),
        right,
        "marker_not_found",
    ),
    "half a prompt": (
        broken_mask(lambda w, t: np.where(np.arange(w.shape[1]) == 1, 1.0, w)),
        right,
        "mask_differs",
    ),
    "mask unused": (plain(), step_ignoring_mask, "mask_not_applied"),
    "mask late in the step": (plain(), step_late, "mask_one_late"),
    "shift in the step, too": (plain(), step_shifting_again, "shifted_twice"),
    "row means": (plain(), step_row_means, "mean_of_means"),
    "all tokens counted": (plain(), step_all_tokens, "denominator_counts_all"),
    "gradient times 3": (plain(), step_wrong_gradient, "gradient_scaled"),
    "prompt hidden": (plain(), step_forgetting_prompt, "attention_mask_confused"),
    "empty is zero": (plain(), step_silent, "empty_mask_silent"),
    "last turn only": (chat_broken(weigh=last_only), right, "last_turn_only"),
    "tools trained": (chat_broken(weigh=tools_too, tool=True), right, "tool_output_trained"),
    "turns do not end": (chat_broken(stop=0), right, "eos_masked"),
    "boundary lit": (in_packs(boundary=1), right, "boundary_in_the_loss"),
    "neighbours read": (in_packs(isolated=False), right, "packing_contamination"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_faults_written_by_hand_are_found(kind):
    make, step, name = BROKEN[kind]
    for seed in range(4):
        examples, make_batch = make(np.random.default_rng(seed))
        run = step(model(seed))
        assert diagnose.pipeline(make_batch, run, examples).fault == name
        if name not in BLIND:
            black_box = diagnose.pipeline(make_batch, lambda *batch, run=run: run(*batch)[0], examples)
            assert black_box.fault == name
