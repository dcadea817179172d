"""The two forms of a batch, and what a step is given of a changed one."""

import numpy as np

from minilm.diagnose.batch import call_make_batch

IDS = np.array([[1, 5, 6, 7, 2], [1, 8, 9, 2, 0]])
WEIGHTS = np.array([[0, 0, 1, 1, 1], [0, 0, 1, 1, 0]])


def rebuild(given, mask):
    batch = call_make_batch(lambda examples: given, [])
    return batch.rebuild(batch.ids, batch.targets, mask)[0]


def test_a_mask_beside_labels_is_changed_and_the_labels_stay():
    other = np.eye(2, 4)
    made = rebuild({"input_ids": IDS, "labels": IDS, "loss_mask": WEIGHTS}, other)
    assert (made["labels"] == IDS).all() and (made["loss_mask"][:, 1:] == other).all()


def test_a_mask_that_is_in_the_labels_is_written_into_them():
    other = np.eye(2, 4)
    made = rebuild({"input_ids": IDS, "labels": np.where(WEIGHTS, IDS, -100)}, other)
    assert (made["labels"][:, 1:] == np.where(other, IDS[:, 1:], -100)).all()
