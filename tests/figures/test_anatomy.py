"""Where gradient is and is not."""

import numpy as np

from minilm.figures import anatomy


def test_anatomy_zero_at_masked_logits_only():
    norms = anatomy.compute()
    assert norms["dlogits"]["0"][:5] == [0.0] * 5
    assert all(norms["dlogits"][w][5] == norms["dlogits"]["1"][5] > 0.1 for w in ("0", "0.1"))
    np.testing.assert_allclose(norms["dlogits"]["0.1"][:5], 0.1 * np.array(norms["dlogits"]["1"][:5]))
    assert min(norms["dembedding"]["0"]) > 0.01


def test_a_mask_that_leaks_is_not_praised():
    norms = anatomy.compute()
    norms["dlogits"]["0"][0] = 0.1
    assert anatomy.caption(norms).startswith("Here the mask does not do what it should")
