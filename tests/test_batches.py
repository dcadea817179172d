"""Every row is seen, a packed row is its documents alone, and a batch in parts is the whole batch."""

import itertools

import numpy as np
import pytest

import minilm
from minilm import batches, chat, data, gradcheck, losses, masks, model, optim, tokenizer, train, tree

WORDS = tokenizer.build("char", ["abcdefgh"], markers=True)
EXAMPLES = [
    data.Example("abc", "de"),
    chat.Conversation(
        tuple(chat.Message(*m) for m in (("user", "a"), ("assistant", "hg"), ("assistant", "b")))
    ),
    data.Example("f", "gh"),
    data.Example("ab", "c"),
    data.Example("hhhhh", "a"),
]
ROWS = [data.encode(example, WORDS) for example in EXAMPLES]
CONFIG = model.Config(len(WORDS.vocab), 20, 2, 2, 6)
PARAMS = gradcheck.draw_params(CONFIG, np.random.default_rng(0))
WEIGHTS = (0.0, 0.1, 1.0)


def nll_of(batch):
    logits, _ = model.forward(PARAMS, batch.ids, CONFIG, batch.documents)
    return losses.token_nll_forward(logits, batch.targets)[0]


def gradient_of(batch):
    loss, grads = model.loss_and_grads(
        PARAMS, batch.ids, batch.targets, batch.loss_mask, CONFIG, batch.documents
    )
    return loss, tree.flatten(grads)


def sorted_losses(batch):
    """(target, nll) of every target with weight, sorted: packing reorders rows."""
    nll, lit = nll_of(batch), batch.loss_mask > 0
    return sorted(zip(batch.targets[lit].tolist(), nll[lit].tolist(), strict=True))


@pytest.mark.parametrize("weight", WEIGHTS)
def test_losses_and_gradients_are_those_of_the_documents_alone(weight):
    packed = data.collate(batches.pack_rows(ROWS, 21), weight)
    alone = data.collate(ROWS, weight)
    assert len(packed.ids) == 2 and packed.ids.shape[1] <= 20  # 42 tokens in two rows
    np.testing.assert_allclose(sorted_losses(packed), sorted_losses(alone), atol=1e-12)
    (loss, gradient), (loss_alone, gradient_alone) = gradient_of(packed), gradient_of(alone)
    assert abs(loss - loss_alone) < 1e-12
    np.testing.assert_allclose(gradient, gradient_alone, atol=1e-12 * np.abs(gradient_alone).max())


def test_without_documents_the_same_rows_leak():
    packed = data.collate(batches.pack_rows(ROWS, 21))
    assert abs(gradient_of(packed)[0] - gradient_of(packed._replace(documents=None))[0]) > 1e-3


def descend(vector, gradient, state, lr):
    """Plain gradient descent."""
    vector -= lr * gradient


def test_a_train_step_on_a_packed_batch_is_that_on_its_rows():
    settings, results = train.Settings(lr=0.1, warmup=0), []
    for rows in (batches.pack_rows(ROWS, 21), ROWS):
        vector, params = tree.flat_view(PARAMS)
        with minilm.swap("optim.adamw", descend):  # Adam would enlarge the rounding of small gradients
            train.train_step(vector, params, optim.init(vector), data.collate(rows), CONFIG, settings)
        results.append(vector)
    np.testing.assert_allclose(*results, atol=1e-12 * np.abs(results[0]).max())


@pytest.mark.parametrize("method", ["complex", "central"])
def test_every_parameter_against_numeric_gradient_with_documents(method):
    rng = np.random.default_rng(1)
    params, batch, config = gradcheck.make_model_case(rng)
    documents = np.array([[0, 0, 1, 1, 1], [0, 0, 0, 0, -1], [0, 1, 2, 2, 2]])
    gradcheck.require(gradcheck.check_model(params, batch._replace(documents=documents), config, method))
    gradcheck.require([gradcheck.check_direction(params, batch._replace(documents=documents), config, rng)])


@pytest.mark.parametrize("name", ["causal_softmax", "attention"])
def test_layers_against_numeric_gradient_with_documents(name):
    rng = np.random.default_rng(2)
    forward, backward, args = gradcheck.make_pair_case(name, rng)  # B 2, T 5
    documents = np.array([[0, 0, 1, 1, 2], [0, 0, 0, 0, 0]])
    causal, _ = model.causal_and_places(documents, documents)
    args = (args[0], causal, *args[2:])
    gradcheck.require(gradcheck.check_pair(forward, backward, args, rng))


def test_a_token_sees_its_own_document_only():
    batch = data.collate([batches.join_rows(ROWS[1:4])])
    before = nll_of(batch)
    for document in range(3):
        ids = np.where(batch.documents == document, batch.ids, (batch.ids + 1) % 9 + 3)
        changed = model.forward(PARAMS, ids, CONFIG, batch.documents)[0]
        changed = losses.token_nll_forward(changed, batch.targets)[0]
        same = batch.documents == document
        np.testing.assert_array_equal(changed[same], before[same])
        assert (changed[~same] != before[~same]).all()


def test_one_document_is_the_row_itself():
    batch = data.collate(ROWS)
    documents = np.zeros_like(batch.ids)
    with_documents, _ = model.forward(PARAMS, batch.ids, CONFIG, documents)
    np.testing.assert_allclose(with_documents, model.forward(PARAMS, batch.ids, CONFIG)[0], atol=1e-13)


def test_packed_row_by_hand():
    row = batches.join_rows([ROWS[3], ROWS[2]])
    assert WORDS.decode(row.tokens) == "<bos>abc<eos><bos>fgh<eos>"
    batch = data.collate([row], 1.0)
    assert batch.loss_mask.tolist() == [[1, 1, 1, 1, 0, 1, 1, 1, 1]]  # 0: <eos> does not predict <bos>
    assert batch.documents.tolist() == [[0, 0, 0, 0, 0, 1, 1, 1, 1]]
    assert batch.turns.tolist() == [[0, 0, 1, 1, 2, 2, 3, 3, 3]]
    causal, places = model.causal_and_places(batch.ids, batch.documents)
    assert places.tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 3]]
    assert causal[0, 0, 6].tolist() == [False] * 5 + [True] * 2 + [False] * 2


def test_no_loss_across_the_boundary_without_bos():
    rows = [data.encode(example, WORDS, bos=False) for example in EXAMPLES[2:4]]
    batch = data.collate([batches.join_rows(rows)], 1.0)
    assert batch.loss_mask.tolist() == [[1, 1, 1, 0, 1, 1, 1]]  # f | g h <eos> a | b c <eos>


def test_shuffled_batches_show_every_row_once_before_any_twice():
    order = batches.shuffle_batches(7, 3, np.random.default_rng(0))
    stream = np.concatenate([next(order) for _ in range(7)])
    for epoch in stream.reshape(3, 7):
        assert sorted(epoch) == list(range(7))


def test_packing_keeps_every_row_and_wastes_little():
    rng = np.random.default_rng(0)
    rows = [
        data.Row(np.full(n, i), np.full(n, data.RESPONSE)) for i, n in enumerate(rng.integers(2, 60, 300))
    ]
    packed = batches.pack_rows(rows, 64)
    assert max(len(row.tokens) for row in packed) <= 64
    counts = np.bincount(np.concatenate([row.tokens for row in packed]))
    assert counts.tolist() == [len(row.tokens) for row in rows]
    total = sum(len(row.tokens) for row in rows)
    assert len(packed) <= 1.1 * total / 64
    for row in packed:  # a document is one row, in one piece
        for document in range(row.documents.max() + 1):
            places = np.flatnonzero(row.documents == document)
            assert len(set(row.tokens[places])) == 1 and places[-1] - places[0] + 1 == len(places)


def test_sorted_batches_show_every_row_once_a_round_in_another_order():
    lengths = np.random.default_rng(1).integers(2, 200, 50)
    order = batches.sort_batches(lengths, 8, np.random.default_rng(0))
    rounds = [[next(order) for _ in range(7)] for _ in range(2)]
    for indices in rounds:
        assert sorted(np.concatenate(indices)) == list(range(50))
        ranges = sorted((lengths[b].min(), lengths[b].max()) for b in indices)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(ranges))  # no two overlap
    firsts = [[lengths[b].max() for b in indices] for indices in rounds]
    assert firsts[0] != firsts[1] and firsts[0] != sorted(firsts[0])
    again = batches.sort_batches(lengths, 8, np.random.default_rng(0))
    assert all((next(again) == batch).all() for batch in rounds[0])
    equal = batches.sort_batches([5] * 40, 8, np.random.default_rng(0))
    first, second = ({frozenset(next(equal)) for _ in range(5)} for _ in range(2))
    assert not first & second  # rows of one length meet others in the next round


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_accumulated_gradients_are_those_of_the_whole_batch(size):
    batch = data.collate(ROWS, 0.1)
    loss, gradient = gradient_of(batch)
    part_loss, grads = batches.accumulate_gradients(PARAMS, batches.split_batch(batch, size), CONFIG)
    assert abs(part_loss - loss) < 1e-12
    np.testing.assert_allclose(tree.flatten(grads), gradient, atol=1e-12 * np.abs(gradient).max())
    assert [n for n, _ in tree.named(grads)] == [n for n, _ in tree.named(PARAMS)]


def test_parts_may_be_padded_apart_packed_or_empty():
    loss, gradient = gradient_of(data.collate(ROWS))
    empty = data.collate(ROWS[:1])
    parts = [data.collate(batches.pack_rows(ROWS[:3], 21)), data.collate(ROWS[3:])]
    parts.append(empty._replace(loss_mask=empty.loss_mask * 0))
    part_loss, grads = batches.accumulate_gradients(PARAMS, parts, CONFIG)
    assert abs(part_loss - loss) < 1e-12
    np.testing.assert_allclose(tree.flatten(grads), gradient, atol=1e-12 * np.abs(gradient).max())


def test_the_mean_of_the_parts_means_is_another_gradient():
    parts = batches.split_batch(data.collate(ROWS), 2)
    loss, gradient = gradient_of(data.collate(ROWS))
    means = [gradient_of(part) for part in parts]
    assert abs(np.mean([mean for mean, _ in means]) - loss) > 1e-3
    wrong = np.mean([g for _, g in means], axis=0)
    assert np.abs(wrong - gradient).max() > 0.01 * np.abs(gradient).max()


def assert_same_losses(batch, alone):
    """Two Batches have the same losses, gradients and last turns, wherever their rows stand."""
    np.testing.assert_allclose(sorted_losses(batch), sorted_losses(alone), atol=1e-12)
    np.testing.assert_allclose(gradient_of(batch)[1], gradient_of(alone)[1], atol=1e-12)
    lasts = [(b.loss_mask * masks.last_turn(b.roles, b.turns, b.documents)).sum() for b in (batch, alone)]
    assert lasts[0] == pytest.approx(lasts[1])


def test_packed_rows_can_be_packed_again():
    half = batches.pack_rows(ROWS[1:3], 16)
    (row,) = batches.pack_rows([*half, ROWS[3]], 21)
    assert len(half) == 1 and set(row.documents) == {0, 1, 2}
    assert_same_losses(data.collate([row], 0.1), data.collate(ROWS[1:4], 0.1))


def test_packed_and_plain_rows_in_one_batch():
    rows = [*batches.pack_rows(ROWS[1:3], 16), *ROWS[3:]]
    assert len(rows) == 3
    for order in (rows, rows[::-1]):
        assert_same_losses(data.collate(order, 0.1), data.collate(ROWS[1:], 0.1))


def test_long_conversations_keep_their_turns_apart():
    said = [chat.Message(("user", "assistant")[i % 2], "a") for i in range(300)]
    row = data.encode(chat.Conversation(tuple(said)), WORDS)
    assert row.turns[-1] == 299 and (np.diff(row.turns) >= 0).all()
    half = data.encode(chat.Conversation(tuple(said[:200])), WORDS)  # its turns fit in one byte
    packed = batches.join_rows([half, half])
    assert packed.turns[-1] == 399 and (np.diff(packed.turns) >= 0).all()
    batch = data.collate([packed])
    last = batch.loss_mask * masks.last_turn(batch.roles, batch.turns, batch.documents)
    assert last.sum() == 4  # a and <eos> in each


def test_rows_that_fit_exactly_share_a_row():
    rows = [data.encode(data.Example("a" * n, "b"), WORDS) for n in (2, 3, 7)]  # 5, 6 and 10 tokens
    assert [len(row.tokens) for row in batches.pack_rows(rows, 11)] == [10, 11]
    assert [len(row.tokens) for row in batches.pack_rows(rows, 10)] == [10, 6, 5]
