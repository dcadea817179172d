"""Forward, masked and full: where the gradient is exactly 0, and what is said of it."""

from minilm.figures import lattice


def test_lattice_shows_the_zeros_of_the_mask_and_the_way_through_attention():
    result = lattice.compute()
    masked, full = result["norms"]["0"], result["norms"]["1"]
    assert masked["logits"][:5] == masked["h.1.attn.q"][:5] == [0.0] * 5
    assert masked["h.1.attn.k"][0] > 0 and min(masked["x"]) > 0 and min(full["logits"]) > 0
    assert len(lattice.draw(result).axes) == 3
    assert "exactly 0 at 5 of 7 scores and 5 queries of the last block, but at 0 keys, 0 values" in (
        lattice.caption(result)
    )


def test_a_mask_that_leaks_is_not_praised():
    result = lattice.compute()
    result["norms"]["0"]["logits"][0] = 0.1
    assert lattice.caption(result).startswith("Here the mask does not do what it should")
