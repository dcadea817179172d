"""Where the examples' tokens went: small rules, by hand."""

from minilm.diagnose import locate
from minilm.diagnose.examples import PROMPT, RESPONSE, Part


def make_parts(*ids):
    return [
        Part(list(part), role, [0.0] * len(part), 0.0)
        for part, role in zip(ids, (PROMPT, RESPONSE) * 2, strict=False)
    ]


def places(document):
    return document and [span[:2] for span in document.spans]


def test_the_nearest_place_of_an_example_is_taken():
    parts = make_parts([5], [6])
    assert places(locate.find_parts([5, 9, 9, 5, 6, 1], parts)) == [(3, 4), (4, 5)]
    assert locate.find_parts([5, 9, 9], parts) is None


def test_a_limit_may_cut_either_end():
    parts = make_parts([5, 6, 7], [8, 9], [5, 7], [9, 9])
    assert places(locate.find_parts([0, 6, 7, 1, 8, 9, 5, 7, 9, 9], parts))[0] == (1, 3)
    cut = locate.find_parts([5, 6, 7, 8, 9, 2, 5], parts)
    assert places(cut) == [(0, 3), (3, 5), (6, 7)] and cut.is_cut
    assert locate.find_parts([5, 6, 7, 2, 2, 2], parts) is None  # no answer is left
    assert places(locate.find_parts([8, 9], make_parts([5, 6, 7], [8, 9]))) == [(0, 2)]  # no prompt is
