"""How targets stand to inputs, by hand."""

import numpy as np
import pytest

from minilm.diagnose import shift


def test_ids_and_targets_that_are_padded_apart_are_shifted_by_one():
    ids, targets = np.array([[5, 6, 0, 0], [5, 6, 7, 8]]), np.array([[6, 2, -100, -100], [6, 7, 8, 2]])
    assert shift.find_shift(ids, targets) == 1
    assert shift.join_tokens(ids, targets)[0].tolist() == [5, 6, 2, 0, -100]
    assert shift.find_shift(ids, ids) == 0
    assert shift.find_shift(ids[:, :3], np.array([[9, 9, 9], [9, 9, 9]])) is None


@pytest.mark.parametrize(("last", "rolled"), [(5, True), (2, False)])
def test_rolled_labels_end_in_the_first_token(last, rolled):
    ids = np.array([[5, 6, 7]])
    assert shift.is_rolled(ids, np.array([[6, 7, last]])) == rolled
