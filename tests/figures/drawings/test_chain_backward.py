"""The drawn gradients are those that nudging the inputs gives, and all of them are in the drawing."""

from minilm import figures
from minilm.figures.drawings import chain_backward, chain_forward


def read_texts(module):
    return [text.get_text() for text in module.draw().axes[0].texts]


def test_drawn_gradients_agree_with_nudges():
    _, gradients = chain_backward.run_backward()
    for nudged, name in (((2 + 1e-6, 3), "x"), ((2, 3 + 1e-6), "w")):
        rise = chain_forward.run_forward(*nudged)["loss"] - chain_forward.run_forward()["loss"]
        assert abs(rise / 1e-6 - gradients[name]) < 1e-3


def test_drawings_and_their_alt_texts_hold_the_same_numbers():
    up, down = read_texts(chain_forward), read_texts(chain_backward)
    assert {"x = 2", "w = 3", "h = w x = 6", "y = x + h = 8", "loss = (y - 7)² = 1"} <= set(up)
    assert {"dloss = 1", "dy = 2", "dh = 2", "dw = 4", "dx = 2 + 6 = 8"} <= set(down)
    for text in ("h = w x = 6", "y = x + h = 8"):
        assert text in figures.draw("chain_forward").alt
    for text in ("dw = 4", "dx = 2 + 6 = 8"):
        assert text in figures.draw("chain_backward").alt
