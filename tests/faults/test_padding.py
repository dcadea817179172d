"""Left padding: the mask is wrong where it is known to be, and nothing but the mask."""

import numpy as np
from planted import CONFIG, EXAMPLES, HEALTHY_MASK, PARAMS, TOKENIZER, list_shown_by, take_step

from minilm import batches, chat, data, faults, model, recording, tokenizer
from minilm.tokenizer import PAD_ID

NAME = "prefix_masked_by_column"
LIT = [  # pads in front: 3, 2 and none; that many tokens of the prompts "abc", "ab" and "abcde" are lit
    [0, 0, 0, 1, 1, 1, 1, 1, 1],
    [0, 0, 1, 1, 1, 1, 1, 1, 1],
    [0, 0, 0, 0, 0, 1, 1, 1, 1],
]


def collate(rows):
    with faults.plant(NAME):
        return data.collate(rows)


def encode_examples(examples=EXAMPLES):
    return [data.encode(example, TOKENIZER) for example in examples]


def test_it_is_the_one_fault_of_left_padding():
    assert list_shown_by("left padding") == {NAME}


def test_as_many_tokens_of_the_prompt_are_lit_as_pads_stand_in_front():
    batch = collate(encode_examples())
    assert batch.loss_mask.tolist() == LIT
    assert (batch.ids == PAD_ID).sum(axis=1).tolist() == [3, 2, 0]
    assert batch.targets[0].tolist() == [PAD_ID, PAD_ID, *data.encode(EXAMPLES[0], TOKENIZER).tokens]
    with faults.plant(NAME):
        _, dlogits, _ = take_step(batch)
    assert (np.abs(dlogits).sum(axis=-1) > 1e-12).astype(int).tolist() == LIT


def test_more_pads_than_prompt_light_the_first_token_and_no_pad():
    batch = collate(encode_examples([data.Example("a", "b"), data.Example("abcde", "fgh")]))
    assert batch.loss_mask[0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]  # 6 pads, then <bos> a b <eos>


def test_everything_but_the_mask_is_as_with_right_padding():
    rows = encode_examples()
    right, left = data.collate(rows), collate(rows)
    nlls = []
    for batch in (right, left):
        with recording("losses.token_nll_forward") as seen:
            model.loss_and_grads(PARAMS, *batch[:3], CONFIG, batch.documents)
        nlls.append(seen[0][0])
    meant = np.zeros_like(left.loss_mask)
    for b, n in enumerate(len(row.tokens) - 1 for row in rows):
        np.testing.assert_allclose(nlls[1][b, -n:], nlls[0][b, :n], rtol=1e-12)  # no token reads a pad
        np.testing.assert_array_equal(left.roles[b, -n:], right.roles[b, :n])
        meant[b, -n:] = HEALTHY_MASK[b][:n]
    loss, _, _ = take_step(left._replace(loss_mask=meant))
    np.testing.assert_allclose(loss, take_step(right)[0], rtol=1e-12)
    assert (data.collate(rows).ids == right.ids).all()  # nothing is left behind


def test_rows_of_equal_length_are_right():
    same = encode_examples([data.Example("ab", "cde"), data.Example("abc", "de")])
    assert (collate(same).loss_mask == data.collate(same).loss_mask).all()


def test_later_questions_stay_dark():
    words = tokenizer.build("char", ["abcd"], markers=True)
    rows = []
    for texts in ("ab", "cd", "a", "b"), ("abcd", "abcdabcd"):  # two questions and answers; one of each
        messages = [chat.Message(("user", "assistant")[i % 2], text) for i, text in enumerate(texts)]
        rows.append(data.encode(chat.Conversation(tuple(messages)), words))
    # <bos> <user> a b <assistant> c d <eos> <user> a <assistant> b <eos> has 3 tokens less than the other
    assert collate(rows).loss_mask[0].tolist() == [0, 0, 0, 0, *[1, 1, 1], 1, 1, 1, *[0, 0, 0], 1, 1]


def test_a_packed_row_keeps_its_documents():
    packed = batches.pack_rows(encode_examples(EXAMPLES[:2]), 16)
    (longer,) = packed
    both = collate([longer, *encode_examples(EXAMPLES[2:])])
    assert both.documents[1].tolist() == [*[-1] * 5, *[0] * 9]
    assert both.documents[0].tolist() == data.collate(packed).documents[0].tolist()
    assert (both.loss_mask[0] == data.collate(packed).loss_mask[0]).all()
