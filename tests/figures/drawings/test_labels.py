"""The drawing of labels: who is scored on what, where the data shifts, the loss, or both."""

from minilm import figures
from minilm.figures.drawings import labels


def find_pairs(tokens, scored, shift):
    """(token read, token learned) of every position that carries loss, as the arrows show it."""
    return [(tokens[t - shift], text) for t, (text, has_loss) in enumerate(scored) if has_loss]


def test_labels_shifted_once_are_minilms_targets_and_shifted_twice_skip_a_token():
    tokens, targets, unshifted, shifted = labels.make_lines()
    assert tokens == ["<bos>", "2", "+", "2", "?", "'\\n'", "4", "<eos>"]
    right = [("'\\n'", "4"), ("4", "<eos>")]
    assert find_pairs(tokens, targets, 0) == find_pairs(tokens, unshifted, 1) == right
    assert find_pairs(tokens, shifted, 1) == [("?", "4"), ("'\\n'", "<eos>")]
    assert len(targets) + 1 == len(unshifted) == len(shifted) == len(tokens)


def test_it_is_small_and_has_its_text():
    picture = figures.draw("labels")
    assert len(picture.png) < 40_000 and labels.ALT in repr(picture)
