"""Shared fixtures: a random generator and a small model with an uneven batch."""

import os
import signal

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is loaded: small products gain nothing

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


@pytest.fixture
def ordinary_ctrl_c():
    """Python's own handler, even where the tests were started with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
