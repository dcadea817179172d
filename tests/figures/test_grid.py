"""What all grids measure."""

import numpy as np
import pytest

from minilm import data, model, train
from minilm.figures import grid, worlds


def test_nll_agrees_with_the_evaluation():
    task = worlds.make_zoo_task()
    params = model.init(task.config, np.random.default_rng(0), std=0.3)
    expected = train.evaluate(params, task.config, task.held_out)
    for key, mask in (("prompt_nll", data.prompt_mask), ("response_nll", data.response_mask)):
        found = grid.measure_nll(params, task.config, task.held_out, mask, batch_size=100)
        assert found == pytest.approx(expected[key], rel=1e-5)
