"""The benchmark's floor is all of a step's matrix products, and nothing else."""

import argparse

import numpy as np

import minilm
from minilm import gradcheck, model
from minilm.commands import bench


def test_the_floor_has_the_products_of_a_step():
    size = bench.SIZES["S"]
    config, B, T = size.config, size.batch_size, size.config.n_positions
    products = [product.size for product in bench.make_floor(size)()]
    C, V, H, L = config.n_embd, config.vocab_size, config.n_head, config.n_layer
    R = B * T
    layer = [3 * C, C, 4 * C, C]  # outputs of the four linear maps, each also backward: dx and dweight
    inputs = [C, C, C, 4 * C]
    expected = L * sum(R * n_out + R * n_in + n_in * n_out for n_in, n_out in zip(inputs, layer, strict=True))
    expected += R * V + R * C + C * V  # the head
    expected += L * 3 * (B * H * T * T + R * C)  # scores and mix, and the four of their backward
    assert sum(products) == expected


def test_the_step_trains():
    step = bench.make_step(bench.SIZES["zoo"])
    losses = [step() for _ in range(12)]
    assert losses[-1] < losses[0] and np.isfinite(losses).all()


def test_the_batch_has_the_share_of_prompt_that_its_size_names(rng):
    for size in bench.SIZES.values():
        batch = bench.draw_batch(size, rng)
        assert abs(1 - batch.loss_mask.mean() - size.prompt_share) < 0.03
        with minilm.recording("layers.attention_forward") as seen:
            model.forward(model.init(size.config, rng), batch.ids[:1], size.config)
        assert len(seen) == size.config.n_layer


def test_sorting_and_packing_fill_the_places_that_draw_batches_pad(rng):
    rows = bench.draw_mixed_rows(rng)
    targets = sum(len(row.tokens) - 1 for row in rows)
    filled = {}
    for name, parts in bench.batch_in_three_ways(rows, rng).items():
        assert bench.count_content(parts) == targets, name  # every row once
        filled[name] = targets / sum(batch.ids.size for batch in parts)
    assert filled["random padding"] < 0.5
    assert min(filled["sorted padding"], filled["packing"]) > 0.9


def test_all_sizes_end_with_the_time_of_a_gradient_check(capsys):
    checked = [gradcheck.Result("wte.weight", 0.0, (0, 0), 1.0, 1.0, "")]
    with minilm.swap("commands.bench.measure_size", lambda name: name):
        with minilm.swap("gradcheck.check_model", lambda params, batch, config: checked):
            for sizes in (list(bench.SIZES), ["zoo"]):
                bench.run(argparse.Namespace(batching=False, sizes=sizes))
    *_, last_of_all, _, zoo = capsys.readouterr().out.splitlines()
    assert last_of_all.startswith("gradient check of zoo, 20,768 numbers: ") and zoo == "zoo"
