"""Lesson 8's question about the first prompt position with gradient says what the page shows."""

import numpy as np

from minilm import trace
from minilm.exercises import ask
from minilm.figures import identities


def test_the_replies_on_the_first_gradient_at_the_prompt_say_what_is_measured():
    tokenizer, row, config, params = identities.seed_example()
    gradients = trace.trace(params, row, config, tokenizer).gradients[0.0]

    def find_lit(name):
        array = gradients[name][0]  # (.., positions, ..): the axis before the last
        return np.flatnonzero(array.swapaxes(-2, 0).reshape(array.shape[-2], -1).any(axis=1)).tolist()

    above = ["dlogits", *(f"h.1.{x}" for x in "mlp.dx attn.dx attn.dmix attn.dweights attn.dq".split())]
    assert [find_lit(name) for name in above] == [[5]] * len(above)
    assert [find_lit(name) for name in ("h.1.attn.dk", "h.1.attn.dv", "dx")] == [list(range(6))] * 3
    replies = ask("first_lit").replies
    assert "Five of the six rows of dlogits" in replies["a"] and "5 of its 6 rows" in replies["b"]
    assert (
        np.count_nonzero(gradients["h.1.attn.dweights"][0, :, 5].any(axis=0)) == 6
    )  # "six attention weights"
    assert "only position 5" in replies["d"] and "all 6 rows" in replies["d"] and "all 6 rows" in replies["e"]
