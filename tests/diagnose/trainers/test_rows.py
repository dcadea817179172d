"""Prepared rows of a trainer, and their documents. No torch is needed."""

from minilm.diagnose.trainers import rows as trainer_rows
from minilm.diagnose.trainers.rows import Document

ROW = {"input_ids": [1, 5, 6, 7, 2, 1, 8, 9, 2], "labels": [-100, -100, 6, 7, 2, -100, -100, 9, 2]}


def test_documents_are_what_lengths_or_positions_keep_apart():
    apart = [Document(3, 0, 5), Document(3, 5, 9)]
    assert trainer_rows.split_row(3, {**ROW, "seq_lengths": [5, 4]}) == apart
    assert trainer_rows.split_row(3, {**ROW, "position_ids": [0, 1, 2, 3, 4, 0, 1, 2, 3]}) == apart
    assert trainer_rows.split_row(3, ROW) == [Document(3, 0, 9)]


def test_pads_are_no_part_of_a_document():
    padded = {**ROW, "attention_mask": [0, 0, 1, 1, 1, 1, 1, 1, 0]}
    assert trainer_rows.split_row(0, padded) == [Document(0, 2, 8)]


def test_a_row_whose_documents_are_all_chosen_stays_as_it_is_and_is_cut_else():
    row = {**ROW, "seq_lengths": [5, 4], "name": "a"}
    first, second = trainer_rows.split_row(0, row)
    assert trainer_rows.take_documents([row], [second, first]) == [row]
    cut = {"input_ids": [1, 8, 9, 2], "labels": [-100, -100, 9, 2], "seq_lengths": [4], "name": "a"}
    assert trainer_rows.take_documents([row], [second]) == [cut]
