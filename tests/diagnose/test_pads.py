"""Which tokens around an example are pads, by hand."""

import pytest

from minilm.diagnose import pads


@pytest.mark.parametrize(
    ("sides", "inner"),
    [
        ([[1], [1]], [[1], [1]]),  # a stop token
        ([[1, 4], [1, 4]], [[1, 4], [1, 4]]),  # a stop token and a newline
        ([[1, 2, 2], [1, 2, 2, 2]], [[1], [1]]),  # pads of different number
        ([[1, 2, 2, 2]] * 2, [[1], [1]]),  # pads to one length
        ([[], [2], [2, 2, 2]], [[], [], []]),  # pads, and a row that needs none
        ([[1], [], [1]], [[1], [], [1]]),  # a stop token that a limit cut off in one
        ([[2] * 4, [2] * 6], [[2], [2]]),  # pad or stop: one is kept
        ([[1], [3]], [[1], [3]]),
    ],
)
def test_pads_are_told_from_what_belongs_to_an_example(sides, inner):
    dark = [pads.Side(side, [False] * len(side)) for side in sides]
    assert pads.remove_pads(dark) == inner


def test_a_lit_stop_token_is_kept_where_pads_have_its_id():
    sides = [pads.Side([4, 2, 2, 2], [False, True, False, False]), pads.Side([4, 2], [False, True])]
    assert pads.remove_pads(sides) == [[4, 2], [4, 2]]
