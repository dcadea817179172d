"""The still picture: its numbers are those of the sums, and it says what it shows."""

import numpy as np

from minilm.trace import picture, recordings


def test_lattice_is_zero_where_no_loss_reaches(question):
    lattice = picture.measure_lattice(question)
    masked, full = lattice["norms"]["0"], lattice["norms"]["1"]
    assert [x == 0 for x in masked["logits"]] == lattice["is_prompt"] == [True] * 5 + [False] * 2
    assert masked["h.1.attn.q"][:5] == [0] * 5 and all(masked["h.1.attn.k"]) and all(full["logits"])
    sizes = {(block, i, j): size for block, i, j, size in lattice["edges"]["0"]}
    assert all((size > 0) == (i >= 5) for (block, i, j), size in sizes.items() if block == 1)
    assert "exactly 0 at 5 of 7 scores and 5 of 7 queries of the last block, but at 0 of 7" in (
        picture.describe_lattice(lattice)
    )


def test_edges_are_what_reaches_a_key_from_one_query(question):
    numbers = recordings.record_set(question, question.batch)
    gradients = recordings.sum_recordings(numbers["recordings"], np.eye(7)[6])
    edges = picture.measure_edges(numbers["values"], gradients, question.config)
    # in the last block only query 6 has gradient, so all that reaches a key and its value came from it
    for block, i, j, size in edges:
        if (block, i) == (1, 6):
            reached = np.hypot(*(np.linalg.norm(gradients[f"h.1.attn.{part}"][j]) for part in "kv"))
            np.testing.assert_allclose(size, reached, rtol=1e-12)


def test_still_picture_is_the_same_twice(question):
    first, second = picture.draw_still(question), picture.draw_still(question)
    assert first == second and first[0].startswith(b"\x89PNG")
