"""Shared fixtures: a random generator and a small model with an uneven batch."""

import os
import signal
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is loaded: small products gain nothing

import claims
import numpy as np
import pytest

from minilm import gradcheck


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def case(rng):
    """(params, batch, config) in float64, scale 1, uneven rows and weights."""
    return gradcheck.make_model_case(rng)


@pytest.fixture(scope="session")
def committed_figures():
    """Skips what the texts say of figures/ where somebody made a figure anew, or edited it."""
    if changed := claims.find_changed_figures(Path(__file__).parents[1]):
        pytest.skip(f"not as committed: {', '.join(changed)}; `git restore figures` brings them back")


@pytest.fixture
def ordinary_ctrl_c():
    """Python's own handler, even where the tests were started with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
