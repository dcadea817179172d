"""The drawing of masks says in its alternative text what it shows."""

import re

from minilm import figures
from minilm.figures.drawings import conversation_masks


def test_the_alternative_text_names_every_mask_with_its_count():
    names, batch = conversation_masks.make_batch()
    lines = conversation_masks.make_masks(batch.roles, batch.turns)
    assert f"{len(names)} targets" in conversation_masks.ALT
    for name, mask in lines.items():
        (sentence,) = re.findall(rf"{name}: ([^:]*?\d+(?: targets)?)\.", conversation_masks.ALT)
        assert re.findall(r"\d+", sentence)[-1] == f"{mask.sum():g}"


def test_every_square_is_drawn_and_lit_where_the_mask_is():
    names, batch = conversation_masks.make_batch()
    lines = conversation_masks.make_masks(batch.roles, batch.turns)
    squares = conversation_masks.draw().axes[0].patches
    assert len(squares) == len(lines) * len(names)
    lit = [square.get_facecolor()[:3] != (0.93, 0.93, 0.93) for square in squares]
    assert lit == [bool(weight) for mask in lines.values() for weight in mask[0]]


def test_it_is_small_and_has_its_text():
    picture = figures.draw("conversation_masks")
    assert len(picture.png) < 40_000 and conversation_masks.ALT in repr(picture)
