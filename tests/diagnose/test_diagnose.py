"""The diagnosis: right on every planted fault, silent on what is right, in styles that are not minilm's."""

import diagnose_setups as other
import numpy as np
import pytest

from minilm import data, diagnose, faults, tokenizer
from minilm.__main__ import main
from minilm.diagnose import audit, locate, measure, prepared, series, text

BLIND = {"gradient_scaled", "smoothing_ignores_mask"}  # faults of the gradient alone


@pytest.mark.parametrize("fault", [None, *faults.FAULTS])
def test_planted_faults_are_named(fault):
    for seed in range(2):
        assert measure.named(fault, seed) == (fault or "healthy")
    unseen = fault is None or fault in BLIND
    assert measure.named(fault, 1, gradient=False) == ("healthy" if unseen else fault)


@pytest.mark.slow
def test_confusion_over_many_pipelines():
    counts = measure.confusion(range(100, 108))
    assert all(names == {fault.partition(",")[0]: 8} for fault, names in counts.items()), counts


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


# ---------------------------------------------------------------- conventions and states of others


def mask_in_targets(m):
    """A step that scores the targets that are not -100, and never looks at the mask."""
    return lambda ids, targets, weights: m.loss(ids, targets, 1.0 * (targets >= 0))


def handed_over(m):
    """The count of supervised tokens comes with the batch, as for accumulation over many."""
    return lambda ids, targets, weights, seen: scaled(m.loss(ids, targets, weights, mean=False), 1 / COUNT[0])


def scaled(result, factor):
    return result[0] * factor, result[1] * factor


COUNT = [0]


def with_extra(rng):
    examples, make_batch = plain()(rng)

    def more(ex):
        ids, targets, weights = make_batch(ex)
        COUNT[0] = weights.sum() if len(ex) > 1 else COUNT[0]
        return ids, targets, weights, 1 * (ids != other.PAD)

    return examples, more


def fixed_without_bos(rng):
    rows = [tuple(rng.integers(8, other.V, k).tolist() for k in (4, n)) for n in (2, 3, 2)]
    return rows, lambda ex: other.batched([other.plain_row(*e, bos=False) for e in ex], length=20, left=True)


def tiny(m):
    return lambda *batch: scaled(m.loss(*batch), 1e-8)


RIGHT_TOO = {
    "mask in the targets": (plain(ignore=True), mask_in_targets),
    "count handed over": (with_extra, handed_over),
    "left padding to a fixed length, no bos": (fixed_without_bos, lambda m: m.loss),
    "loss in other units": (plain(), tiny),
}


@pytest.mark.parametrize("kind", RIGHT_TOO)
def test_other_conventions_are_no_faults(kind):
    make, step = RIGHT_TOO[kind]
    for seed in range(3):
        examples, make_batch = make(np.random.default_rng(seed))
        for run in (step(model(seed)), lambda *batch, seed=seed: step(model(seed))(*batch)[0]):
            report = diagnose.pipeline(make_batch, run, examples)
            assert [f.fault for f in report.findings] in ([], ["empty_mask_nan"]), str(report)


def test_a_model_that_does_not_read_yet_is_no_fault_and_is_said():
    examples, make_batch = plain()(np.random.default_rng(0))
    head, values = model(0), model(0)
    head.U = head.U * 0  # logits are all equal, whatever the input
    for run in (head.loss, lambda *batch: head.loss(*batch)[0]):
        report = diagnose.pipeline(make_batch, run, examples)
        assert report.findings == [] and "Is the model not trained yet?" in str(report)

    def forgetful(ids, targets, weights):  # reads the token at its place alone
        return values.loss(ids, targets, weights, starts=np.ones_like(ids))

    report = diagnose.pipeline(make_batch, forgetful, examples)
    assert report.findings == [] and "reads no past yet, neither prompts nor answers" in str(report)


def test_what_a_loss_alone_does_not_show_is_not_called_tested():
    examples, make_batch = plain()(np.random.default_rng(0))
    report = diagnose.pipeline(make_batch, lambda *b: model(0).loss(*b, mean=False)[0] / 100, examples)
    assert report.findings == [] and "the denominator, which from the loss alone" in str(report)
    assert "the denominator" not in report.tested


def test_a_constant_denominator_has_a_name_of_its_own():
    examples, make_batch = plain()(np.random.default_rng(0))
    report = diagnose.pipeline(
        make_batch, lambda *b: scaled(model(0).loss(*b, mean=False), 1 / 100), examples
    )
    assert report.fault == "denominator_differs" and "divides by 100.0" in report.findings[0].evidence

    def per_token(ids, targets, weights):
        return scaled(model(0).loss(ids, targets, weights, mean=False), 1 / (targets != other.PAD).sum())

    assert diagnose.pipeline(make_batch, per_token, examples).fault == "denominator_counts_all"


def rows_cut(length):
    return lambda ex: other.batched([other.plain_row(*e, eos=False) for e in ex], length=length)


def multiple_of_8(ex):
    longest = max(len(other.plain_row(*e, eos=False)) for e in ex)
    return rows_cut(-(-longest // 8) * 8)(ex)


def lit_pads(ex):
    rows = [other.templated_row(*e) for e in ex]
    return other.batched([row + [(other.PAD, 1)] * (40 - len(row)) for row in rows])


def two_bos_and_a_header(ex):
    return other.batched([[(other.BOS, 0), *other.templated_row(*e)] for e in ex])


def rolled_in_the_step(m):
    def step(ids, targets, weights):
        return m.loss(ids, targets, np.roll(weights, -1, axis=1))

    return step


PADDED = {
    "no stop, padded to a multiple of 8": (multiple_of_8, lambda m: m.loss, "eos_cut"),
    "pads lit behind a template, fixed length": (lit_pads, lambda m: m.loss, "pads_in_the_loss"),
    "two <bos> and a header": (two_bos_and_a_header, lambda m: m.loss, "double_bos"),
}


@pytest.mark.parametrize("kind", PADDED)
def test_faults_behind_pads_and_templates_are_found(kind):
    make_batch, step, name = PADDED[kind]
    examples = [([8, 9, 10, 11], [12, 13, 14]), ([14, 15, 9], [16]), ([8, 16, 11, 10, 9], [17, 18, 19, 20])]
    assert diagnose.pipeline(make_batch, step(model(0)), examples).fault == name


def test_a_probe_that_fails_takes_nothing_else_with_it():
    examples, make_batch = plain(ignore=True)(np.random.default_rng(0))
    report = diagnose.pipeline(make_batch, rolled_in_the_step(model(0)), examples)
    assert report.findings and "stop token" in report.tested

    first = make_batch(examples)[2]

    def refuses_other_masks(ids, targets, weights):
        if not np.array_equal(weights, first):
            raise ValueError("another mask")
        return model(0).loss(ids, targets, weights)

    report = diagnose.pipeline(make_batch, refuses_other_masks, examples)
    assert report.findings == [] and "the step function raised ValueError: another mask" in str(report)


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


# ---------------------------------------------------------------- prepared data


WORDS = tokenizer.build("word", ["User: Assistant: a b c d e f g h i j k l m n"])
LETTERS = "a b c d e f g h i j k l m n".split()


def rows_with(name=None, n=24, seed=0):
    """Prepared ids and labels (-100) of random questions under a planted fault."""
    rng = np.random.default_rng(seed)
    block = faults.plant(name) if name else np.errstate()
    with block:
        made = []
        for _ in range(n):
            question, answer = (" ".join(rng.choice(LETTERS, rng.integers(1, 6))) for _ in range(2))
            made.append(data.encode(data.Example(f"User: {question} Assistant:", answer), WORDS))
        batch = data.collate(made)
    return batch.ids, np.where(batch.loss_mask > 0, batch.targets, -100), batch.loss_mask


AUDITED = {
    None: [],
    "mask_not_applied": ["mask_not_applied"],
    "mask_one_late": ["mask_one_late"],
    "mask_inverted": ["mask_inverted"],
    "eos_masked": ["eos_masked", "eos_cut"],  # the longest row has no pad that could be <eos>
    "eos_cut": ["eos_masked", "eos_cut"],
    "marker_not_found": ["marker_not_found"],
    "double_bos": ["double_bos"],
}


@pytest.mark.parametrize("name", AUDITED)
def test_audit_names_what_data_alone_can_show(name):
    ids, labels, mask = rows_with(name)
    ways = [(ids, labels), (ids, np.where(mask > 0, labels, -100), mask)]
    for way in ways:
        found = audit.audit(prepared.from_arrays(*way))
        assert [finding.fault for finding in audit.suspicions(found)] == AUDITED[name]
    # transformers' way: labels at their own place
    whole = np.concatenate([ids, np.where(labels[:, -1:] >= 0, labels[:, -1:], tokenizer.PAD_ID)], axis=1)
    aligned = np.concatenate([np.full((len(ids), 1), -100), labels], axis=1)
    found = audit.audit(prepared.from_arrays(whole, aligned))
    assert [finding.fault for finding in audit.suspicions(found)][:1] == AUDITED[name][:1]


def test_audit_counts_by_hand():
    #      <bos> 5 6 | 7 8 <eos>   and   <bos> 5 | 9 <eos> <pad> <pad>
    ids = np.array([[0, 5, 6, 7, 8, 1], [0, 5, 9, 1, 2, 2]])
    labels = np.array([[-100, -100, -100, 7, 8, 1], [-100, -100, 9, 1, -100, -100]])
    found = audit.audit(prepared.from_arrays(ids, labels))
    assert found.counts["rows"] == 2 and found.counts["tokens"] == 10 and found.counts["supervised"] == 5
    assert found.counts["spans"] == 2 and found.longest == 6
    assert found.edges["before"] == {6: 1, 5: 1} and found.edges["first"] == {7: 1, 9: 1}
    assert found.ends == {(1, None): 1, (1, 2): 1} and audit.stop_token(found) == 1
    said = text.describe(found, colour=True)
    assert "5 of 10 tokens carry loss (50.0%)" in said and "Nothing looks wrong." in said
    assert "  + \x1b[30;42m9 1\x1b[0m\n" in said
    assert "  - 0 5\n  + 9 1\n  - 2 2\n" in text.describe(found)


def test_a_packed_boundary_with_loss_is_counted():
    ids = np.array([[0, 5, 7, 1, 0, 6, 8, 1]] * 9)
    labels = np.where(np.array([0, 0, 1, 1, 0, 0, 1, 1]), ids, -100)
    lit = np.where(np.array([0, 0, 1, 1, 1, 0, 1, 1]), ids, -100)
    for given, names in ((labels, []), (lit, ["boundary_in_the_loss"])):
        found = audit.audit(prepared.from_arrays(ids, given))
        assert [finding.fault for finding in audit.suspicions(found, eos_id=1)] == names


def test_diagnose_on_files(tmp_path, capsys):
    ids, labels, mask = rows_with("mask_one_late")
    np.savez(tmp_path / "rows.npz", ids=ids, labels=labels, mask=mask)
    assert main(["diagnose", str(tmp_path / "rows.npz")]) == 0
    assert "mask_one_late: " in capsys.readouterr().out
    lines = (
        f'{{"input_ids": {i.tolist()}, "labels": {t.tolist()}}}\n' for i, t in zip(ids, labels, strict=True)
    )
    (tmp_path / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    assert main(["diagnose", "--data", str(tmp_path / "rows.jsonl")]) == 0
    assert "mask_one_late: " in capsys.readouterr().out
    (tmp_path / "text.jsonl").write_text(
        '{"prompt": "what is it?", "completion": "a bee"}\n' * 9, encoding="utf-8"
    )
    assert main(["diagnose", "--data", str(tmp_path / "text.jsonl"), "--max-tokens", "15"]) == 0
    out = capsys.readouterr().out
    assert "eos_cut: " in out and "in 9 of 9 rows no <eos> follows the answer" in out
    assert "  - <bos>what is it?\\n\n  + a \n" in out


# ---------------------------------------------------------------- small rules, by hand


def rows_of(*rows):
    """(tokens, weights) of rows given as "3 4 +5 +1": + carries loss."""
    for row in rows:
        pieces = row.split()
        yield np.array([int(p) for p in pieces]), np.array([float(p[0] == "+") for p in pieces])


def suspected(rows, **how):
    return [finding.fault for finding in audit.suspicions(audit.audit(rows_of(*rows)), **how)]


def test_answers_that_all_begin_alike_behind_a_header_are_right():
    assert suspected([f"0 {k} 4 +7 +{k} +1" for k in range(10, 22)]) == []
    assert suspected([f"0 {k} {k + 1} +4 +{k} +1" for k in range(10, 22)]) == ["mask_one_early"]


def test_a_token_that_ends_half_of_the_rows_is_no_stop_token():
    rows = [f"0 {k} 4 +{k + 1} +{5 if k % 2 else k}" for k in range(10, 30)]
    found = audit.audit(rows_of(*rows))
    assert audit.stop_token(found) is None
    said = text.describe(found)
    assert "Whether stopping is taught cannot be told" in said and "Nothing looks wrong." in said
    assert "Not tested: the step" in said  # and not the mask: ids have one of their own


def test_one_token_without_loss_at_the_end_is_no_pad():
    found = audit.audit(rows_of("0 3 4 +5 1", "0 3 4 +5 2 2"))
    assert found.counts["tokens"] == 5 + 4 and found.longest == 5


def test_the_nearest_place_of_an_example_is_taken():
    parts = [locate.Part([5], locate.PROMPT, 0.0), locate.Part([6], locate.RESPONSE, 1.0)]
    assert [span[:2] for span in locate.find([5, 9, 9, 5, 6, 1], parts)] == [(3, 4), (4, 5)]
    assert locate.find([5, 9, 9], parts) is None


@pytest.mark.parametrize(
    ("sides", "inner"),
    [
        ([[1], [1]], [[1], [1]]),  # a stop token
        ([[1, 4], [1, 4]], [[1, 4], [1, 4]]),  # a stop token and a newline
        ([[1, 2, 2], [1, 2, 2, 2]], [[1], [1]]),  # pads of different number
        ([[1, 2, 2, 2]] * 2, [[1], [1]]),  # pads to one length
        ([[], [2], [2, 2, 2]], [[], [], []]),  # pads, and a row that needs none
        ([[2] * 4, [2] * 6], [[2], [2]]),  # pad or stop: one is kept
        ([[1], [3]], [[1], [3]]),
    ],
)
def test_pads_are_told_from_what_belongs_to_an_example(sides, inner):
    assert locate.without_pads(sides) == inner


def test_one_row_that_begins_with_a_token_twice_is_no_double_bos():
    alone = [diagnose.Alone([0, 0], [1], True), diagnose.Alone([0], [1], True)]
    assert series.doubled(alone) is None
    assert series.doubled([alone[0]] * 2).fault == "double_bos"
