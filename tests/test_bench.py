"""What the benchmark counts: all of a step's matrix products, and nothing else."""

import numpy as np
import pytest

from minilm import bench, fast, model, parallel, tree


class Counted(np.ndarray):
    """An array that notes the shapes of every matrix product in `seen`, and whose results do so too."""

    seen = []  # noqa: RUF012

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **settings):
        if ufunc is np.matmul and all(np.ndim(x) > 1 for x in inputs):
            self.seen.append(describe_product(*inputs))
        plain = [np.asarray(x) if isinstance(x, Counted) else x for x in inputs]
        if out is not None:
            settings["out"] = tuple(np.asarray(x) for x in out)
        result = getattr(ufunc, method)(*plain, **settings)
        return np.asarray(result).view(Counted) if out is None else out[0]


def describe_product(a, b):
    """(how many, rows, inner, columns) of a @ b."""
    *many, rows, inner = a.shape
    return int(np.prod(many)), rows, inner, b.shape[-1]


def draw_sizes():
    """Sizes of every kind: one layer or more, one block of queries or more, full masks and others."""
    for n_layer, n_positions in ((1, 20), (2, 64), (3, 150)):
        for share in (0, 0.5, 0.9):
            config = model.Config(11, n_positions=n_positions, n_layer=n_layer, n_head=2, n_embd=8)
            yield bench.Size(config, 2, share)


@pytest.mark.parametrize("lean", [True, False])
def test_the_products_are_those_that_a_step_makes(rng, lean):
    for size in draw_sizes():
        params = tree.map_arrays(lambda a: a.view(Counted), model.init(size.config, rng))
        batch = bench.draw_batch(size, rng)
        loss_and_grads = fast.loss_and_grads if lean else model.loss_and_grads
        Counted.seen.clear()
        with fast.kernels(tuple(fast.KERNELS) if lean else ("gelu",)):  # gelu makes no products
            loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, size.config)
        pairs = bench.make_operands(size, lean)
        assert sorted(describe_product(a, b) for a, b in pairs) == sorted(Counted.seen), size
        assert bench.count_flop(size, lean) == sum(2 * np.prod(shape) for shape in Counted.seen)


def test_a_step_trains_and_every_choice_of_functions_gives_its_loss():
    choices = [tuple(fast.KERNELS), (), *([name] for name in fast.KERNELS)]
    steps = [bench.make_step(bench.SIZES["zoo"], names) for names in choices]
    losses = np.array([[step() for step in steps] for _ in range(6)])
    np.testing.assert_allclose(losses, losses[:, :1] + np.zeros(len(steps)), rtol=1e-5)
    assert losses[-1, 0] < losses[0, 0]


@pytest.mark.slow
def test_a_step_in_two_processes_gives_the_loss_of_one(rng):
    size = bench.SIZES["zoo"]
    with parallel.share_batches(2, model.init(size.config, rng)) as shared:
        steps = bench.make_step(size), bench.make_step(size, loss_and_grads=shared)
        for _ in range(3):
            one, two = (step() for step in steps)
            assert one == pytest.approx(two, rel=1e-5)


def test_every_size_has_a_batch_with_the_share_of_prompt_asked_for(rng):
    sizes = bench.SIZES | bench.list_growing_sizes()
    for name, size in sizes.items():
        model.init(size.config, rng)
        for share in (size.prompt_share, *bench.SHARES):
            batch = bench.draw_batch(size._replace(prompt_share=share), rng)
            assert abs(1 - batch.loss_mask.mean() - share) < 0.04 and batch.loss_mask.any(), name
    assert {s.batch_size * s.config.n_positions for n, s in sizes.items() if n[0] == "T"} == {1024}


def test_timing_takes_turns():
    calls = []
    bench.time_in_turn([lambda: calls.append("a"), lambda: calls.append("b")], seconds=0)
    assert calls == ["a", "b"] * 5  # two to warm up, three rounds


def test_sorting_and_packing_fill_the_places_that_draw_batches_pad(rng):
    rows = bench.draw_mixed_rows(rng)
    targets = sum(len(row.tokens) - 1 for row in rows)
    filled = {}
    for name, parts in bench.batch_in_three_ways(rows, rng).items():
        assert bench.count_content(parts) == targets, name  # every row once
        filled[name] = targets / sum(batch.ids.size for batch in parts)
    assert filled["random padding"] < 0.5
    assert min(filled["sorted padding"], filled["packing"]) > 0.9
