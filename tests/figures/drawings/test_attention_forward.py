"""Who reads whom: the table's numbers are a head's attention weights, and nobody reads the future."""

import numpy as np

from minilm import figures
from minilm.figures.drawings import attention_backward, attention_forward


def test_table_holds_weights_of_earlier_positions_that_add_up_to_1():
    tokens, weights = attention_forward.measure_weights()
    assert tokens == ["<bos>", "User:", "What", "is", "2+2?", "Assistant:"]
    assert np.allclose(weights.sum(axis=1), 1) and (weights > 0).tolist() == np.tri(6, dtype=bool).tolist()


def test_both_drawings_show_with_their_alt_texts():
    for module, arrows in ((attention_forward, 21), (attention_backward, 6)):
        axes = module.draw().axes[0]
        assert sum(hasattr(text, "arrow_patch") for text in axes.texts) == arrows
        name = module.__name__.split(".")[-1]
        assert figures.draw(name).alt == module.ALT
