"""Examples of a trainer, from its rows' labels or looked up in them. No torch is needed."""

import numpy as np
import pytest

from minilm import diagnose
from minilm.diagnose.trainers import examples as trainer_examples
from minilm.diagnose.trainers.rows import Document

ROW = {"input_ids": [1, 5, 6, 7, 2, 1, 8, 9, 2], "labels": [-100, -100, 6, 7, 2, -100, -100, 9, 2]}


@pytest.mark.parametrize("name", ["completion_mask", "assistant_masks", "loss_mask"])
def test_labels_and_masks_both_count(name):
    mask = [0, 0, 1, 0, 1, 0, 0, 1, 1]
    assert (
        trainer_examples.find_lit({"input_ids": ROW["input_ids"], name: mask}).tolist()
        == np.array(mask).astype(bool).tolist()
    )
    assert np.flatnonzero(trainer_examples.find_lit({**ROW, name: mask})).tolist() == [2, 4, 7, 8]
    assert trainer_examples.find_lit({"input_ids": [1, 2]}).all()


def test_labels_that_are_shifted_already_are_put_back():
    shifted = {**ROW, "labels": [*ROW["labels"][1:], -100]}
    assert trainer_examples.find_lit(shifted).tolist() == trainer_examples.find_lit(ROW).tolist()


def test_a_document_is_read_as_prompts_and_answers_without_their_stop_tokens():
    messages = trainer_examples.read_document([ROW], Document(0, 0, 9))["messages"]
    assert [(m["role"], m["content"]) for m in messages] == [
        ("user", [1, 5]),
        ("assistant", [6, 7]),
        ("user", [1, 8]),
        ("assistant", [9]),
    ]
    assert trainer_examples.read_document([{**ROW, "labels": [-100] * 8 + [2]}], Document(0, 0, 9)) is None


def test_rows_without_labels_are_all_answer_after_their_first_token():
    messages = trainer_examples.read_document([{"input_ids": [1, 5, 6, 2]}], Document(0, 0, 4))["messages"]
    assert [m["content"] for m in messages] == [[1], [5, 6]]


def test_short_rows_that_differ_are_chosen():
    short = {"input_ids": [1, 5, 6, 2], "labels": [-100, -100, 6, 2]}
    documents, examples = trainer_examples.choose_documents(
        [ROW, short, short, {**ROW, "labels": [-100] * 9}]
    )
    assert [doc.row for doc in documents] == [1, 0]
    assert examples[0]["messages"][0]["content"] == [1, 5]
    with pytest.raises(diagnose.DiagnoseError, match="1 of the first 2 prepared rows have"):
        trainer_examples.choose_documents([short, short])


def test_examples_are_found_by_their_texts_in_order_each_in_a_document_of_its_own():
    rows = [ROW, {**ROW, "seq_lengths": [5, 4]}]
    pairs = [([5], [6, 7]), ([5], [6, 7]), ([8], [9])]
    found = trainer_examples.find_documents(rows, pairs, list)
    assert found == {0: Document(0, 0, 9), 1: Document(1, 0, 5), 2: Document(1, 5, 9)}
    cut = trainer_examples.find_documents(rows, [([8], [9, 2, 3, 3]), ([6], [5]), ([5], [6])], list)
    assert cut == {0: Document(0, 0, 9), 2: Document(1, 0, 5)}
    with pytest.raises(diagnose.DiagnoseError, match="0 of 2 examples stand in the first 2 prepared rows"):
        trainer_examples.find_documents(rows, [([6], [5])] * 2, list)


def test_answers_in_the_prompt_of_a_conversational_pair_are_meant_to_be_dark():
    user, answer = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
    example = trainer_examples.read_example({"prompt": [user, answer, user], "completion": [answer]})
    assert [message.get("weight", 1.0) for message in example["messages"]] == [1.0, 0.0, 1.0, 1.0]
    assert trainer_examples.read_example({"prompt": "a", "completion": "b"}) == ("a", "b")
