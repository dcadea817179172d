"""The drawing of the shift: two cuts of one sequence, and one loss weight of 1."""

from minilm.figures import identities
from minilm.figures.drawings import shift as drawing


def test_targets_are_the_tokens_read_moved_by_one_and_the_answer_alone_is_graded():
    (axes,) = drawing.draw().axes
    texts = [text.get_text() for text in axes.texts]
    tokens = [text for text in texts if text in identities.TOKENS]
    reads, targets = tokens[0::2], tokens[1::2]
    assert reads == list(identities.TOKENS[:-1]) and targets == list(identities.TOKENS[1:])
    assert [text for text in texts if text in ("0", "1")] == ["0", "0", "0", "0", "1"]


def test_it_fits_a_page_of_700_pixels():
    assert drawing.draw().get_size_inches()[0] * 80 <= 700 and len(drawing.ALT) > 100
