"""Where the examples' tokens went: small rules, by hand."""

import pytest

from minilm.diagnose import locate


def test_the_nearest_place_of_an_example_is_taken():
    parts = [locate.Part([5], locate.PROMPT, 0.0), locate.Part([6], locate.RESPONSE, 1.0)]
    assert [span[:2] for span in locate.find_parts([5, 9, 9, 5, 6, 1], parts)] == [(3, 4), (4, 5)]
    assert locate.find_parts([5, 9, 9], parts) is None


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
    assert locate.remove_pads(sides) == inner
