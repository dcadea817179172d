"""The identities behind the mask, and that they would be missed."""

import numpy as np
import pytest

import minilm
from minilm.figures import identities


def test_decomposition_holds_for_several_models():
    for seed in range(3):
        d = identities.decomposition(seed)
        assert d["log_p_xy"] == pytest.approx(d["log_p_x"] + d["log_p_y_given_x"], abs=1e-12)
        assert d["sum_error"] < 1e-14 and d["masked_vs_numeric"] < 1e-8
        assert d["masked_change"] == 0.0 and d["full_change"] > 0.1
    with minilm.swap("data.response_mask", lambda roles: np.ones(roles.shape)):  # a mask that masks nothing
        assert identities.decomposition()["masked_change"] > 0.1
