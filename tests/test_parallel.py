"""Several processes compute what one does, and end with a sentence, whatever ends them."""

import dataclasses
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from run_cases import CONFIG as SMALL
from run_cases import JSONL, ROWS, SETTINGS, call_before_step, read_bits

import minilm
from minilm import batches, data, fast, files, gradcheck, model, optim, parallel, train, tree
from minilm.__main__ import main

HOME = Path(__file__).parents[1]
CONFIG = model.Config(vocab_size=11, n_positions=9, n_layer=2, n_head=2, n_embd=8)
TWO = dataclasses.replace(SETTINGS, processes=2)
pytestmark = pytest.mark.usefixtures("ordinary_ctrl_c")
posix = pytest.mark.skipif(os.name != "posix", reason="needs signals of POSIX")


@pytest.fixture(scope="module")
def shared_loss_and_grads():
    """The function of two workers, to be called with other parameters of CONFIG each time."""
    params = gradcheck.draw_params(CONFIG, np.random.default_rng(0))
    with parallel.share_batches(2, params) as loss_and_grads:
        yield loss_and_grads


def draw_batch(rng, name):
    """A Batch (5, 9) with a loss mask of this kind; of one row, with several documents a row."""
    mask = np.repeat([[0.0] * 5 + [1.0] * 4], 5, axis=0)
    if name == "a share without loss":
        mask[:3] = 0
    if name == "uneven":
        mask = rng.integers(0, 2, mask.shape) * rng.uniform(0, 3, mask.shape) * np.tri(*mask.shape, 2)
    if name == "one row":
        mask = mask[:1]
    tokens = rng.integers(0, 11, (len(mask), 10))
    documents = np.sort(rng.integers(0, 3, mask.shape), axis=1) if name == "packed" else None
    return data.Batch(tokens[:, :-1], tokens[:, 1:], mask, None, documents=documents)


def list_arguments(params, batch):
    return params, batch.ids, batch.targets, batch.loss_mask, CONFIG, batch.documents


@pytest.mark.parametrize("name", ["half", "a share without loss", "uneven", "packed", "one row"])
def test_two_processes_are_one(rng, shared_loss_and_grads, name):
    arguments = list_arguments(gradcheck.draw_params(CONFIG, rng), draw_batch(rng, name))
    loss, grads = model.loss_and_grads(*arguments)
    with fast.kernels():
        (shared_loss, shared), (_, again) = (shared_loss_and_grads(*arguments) for _ in range(2))
    assert abs(shared_loss - loss) <= 1e-12 * loss
    for (place, expected), (other, array) in zip(tree.named(grads), tree.named(shared), strict=True):
        assert place == other
        assert np.abs(array - expected).max() <= 1e-12 * np.abs(expected).max(), place
    np.testing.assert_array_equal(tree.flatten(shared), tree.flatten(again))


def test_a_function_put_in_is_refused(rng, shared_loss_and_grads):
    arguments = list_arguments(gradcheck.draw_params(CONFIG, rng), draw_batch(rng, "half"))
    with minilm.swap("layers.gelu_backward", lambda dy, cache: (dy,)), fast.kernels():
        with pytest.raises(ValueError, match=r"without any function of your own .* train with 1 process"):
            shared_loss_and_grads(*arguments)


def test_bad_input_is_named_by_its_place_in_the_whole_batch(rng, shared_loss_and_grads):
    batch, params = draw_batch(rng, "half"), gradcheck.draw_params(CONFIG, rng)
    batch.ids[4, 3], batch.targets[3, 8] = 99, -1
    with fast.kernels():
        with pytest.raises(ValueError, match=r"^id 99 at \(4, 3\)"):
            shared_loss_and_grads(*list_arguments(params, batch))
        batch.ids[4, 3] = 0
        with pytest.raises(ValueError, match=r"^target -1 at \(3, 8\)"):
            shared_loss_and_grads(*list_arguments(params, batch))
        for weight, message in ((0, "loss_mask is empty"), (-1, r"-1.0 at \(0, 5\)")):
            changed = draw_batch(rng, "half")
            with pytest.raises(ValueError, match=message):
                shared_loss_and_grads(
                    *list_arguments(params, changed._replace(loss_mask=changed.loss_mask * weight))
                )


def test_a_loss_that_is_not_finite_is_reported_as_ever(rng, shared_loss_and_grads):
    vector, params = tree.flat_view(gradcheck.draw_params(CONFIG, rng))
    vector[:] = 1e300
    with fast.kernels(), pytest.raises(train.NonFiniteError, match="step 1: the loss is nan: lower"):
        train.train_step(
            vector, params, optim.init(vector), draw_batch(rng, "half"), CONFIG, TWO, shared_loss_and_grads
        )


def test_an_error_in_a_worker_arrives_as_its_sentence(rng, shared_loss_and_grads):
    share, params = draw_batch(rng, "half"), gradcheck.draw_params(CONFIG, rng)
    share.ids[4, 0] = 99  # no target
    with pytest.raises(parallel.WorkerError) as caught:
        list(parallel.compute_side_by_side(*shared_loss_and_grads.args, params, [share], CONFIG))
    assert str(caught.value).startswith("worker 1 of 2 failed (ValueError: id 99 at (4, 0) is outside")
    assert str(caught.value).endswith("this model's tokenizer?)")  # fewer processes would not help
    loss, _ = next(
        parallel.compute_side_by_side(*shared_loss_and_grads.args, params, [draw_batch(rng, "half")], CONFIG)
    )
    assert np.isfinite(loss)  # no reply of the failed step is left over


@posix
def test_workers_end_with_the_generator_and_not_before():
    others = set(multiprocessing.active_children())
    start = train.begin(model.init(SMALL, np.random.default_rng(0)))
    states = train.each_step(start, SMALL, ROWS, ROWS, TWO)
    assert [next(states)[1].step for _ in range(3)] == [0, 1, 2]
    workers = set(multiprocessing.active_children()) - others
    assert len(workers) == 2
    for worker, name in itertools.product(workers, ("SIGINT", "SIGTERM", "SIGHUP")):
        os.kill(worker.pid, getattr(signal, name))  # as a terminal or `timeout` does: the parent decides
    assert next(states)[1].step == 3
    assert not list(Path("/dev/shm").glob(f"pym-{os.getpid()}-*"))  # the memory has no name
    del states
    assert set(multiprocessing.active_children()) == others


def test_one_process_starts_nothing():
    start = train.begin(model.init(SMALL, np.random.default_rng(0)))
    with minilm.swap("parallel.start_workers", None):
        assert len(list(train.each_step(start, SMALL, ROWS, ROWS, SETTINGS))) == 13


def test_processes_that_cannot_start_are_a_sentence(case):
    params, *_ = case

    def fail(*_):
        raise ImportError("No module named '_multiprocessing'")

    with minilm.swap("parallel.keep_apart", fail), pytest.raises(parallel.WorkerError, match=r"with 1$"):
        with parallel.share_batches(2, params):
            pass


@pytest.fixture
def argv(tmp_path):
    """A command that trains for 30 steps on two processes."""
    (tmp_path / "rows.jsonl").write_text(JSONL, encoding="utf-8")
    return ["train", "--data", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "run")]


@posix
def test_a_killed_worker_ends_the_run_with_one_sentence(tmp_path, argv, capsys):
    others = set(multiprocessing.active_children())

    def kill_one():
        (worker,) = (p for p in set(multiprocessing.active_children()) - others if p.name == "worker 2 of 2")
        os.kill(worker.pid, signal.SIGKILL)

    with minilm.swap("train.train_step", call_before_step(24, kill_one)):
        assert main([*argv, "--steps", "30", "--processes", "2"]) == 2
    _, err = capsys.readouterr()
    assert err.startswith(
        "minilm: worker 2 of 2 ended with exit code -9, perhaps for lack of memory: try fewer"
    )
    assert err.endswith("model.npz keeps the state of step 20, the last good one\n") and err.count("\n") == 1
    assert set(multiprocessing.active_children()) == others
    assert files.run.load(tmp_path / "run").run["terms"]["processes"] == 2
    assert main([*argv, "--resume", "--processes", "1"]) == 2
    assert "processes is 1, but the run in" in capsys.readouterr().err


@pytest.mark.slow
@posix
def test_ctrl_c_saves_and_resuming_gives_the_same_bits(tmp_path, argv):
    whole = [*argv[:-1], str(tmp_path / "whole")]
    assert main([*whole, "--steps", "80", "--processes", "2"]) == 0
    process = start("-m", "minilm", *argv, "--steps", "80", "--processes", "2")
    assert any(line.startswith("step   20") for line in process.stdout)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it, too
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.count("\n") == 1 and err.startswith("minilm: stopped;")
    assert 20 <= files.run.load(tmp_path / "run").optimizer["step"] < 80
    assert main([*argv, "--resume"]) == 0
    assert read_bits(tmp_path / "run") == read_bits(tmp_path / "whole")


SCRIPT = """
import sys, dataclasses, run_cases
from minilm import files
print("begins", flush=True)
task = run_cases.LONG._replace(settings=dataclasses.replace(run_cases.LONG.settings, processes=2))
files.run.start_or_resume(sys.argv[1], task, report=lambda entry, params: print(entry["step"], flush=True))
"""


@pytest.mark.slow
@posix
def test_a_script_without_a_guard_trains_and_its_workers_end_when_it_is_killed(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    process = start(str(tmp_path / "script.py"), str(tmp_path / "run"))
    assert [process.stdout.readline() for _ in range(3)] == ["begins\n", "0\n", "2\n"]
    process.kill()
    out, err = process.communicate(timeout=10)  # waits until nobody holds the pipes any more: workers do
    assert "begins" not in out and err == ""


LEFT = """
import dataclasses, numpy, run_cases
from minilm import model, train
start = train.begin(model.init(run_cases.CONFIG, numpy.random.default_rng(0)))
settings = dataclasses.replace(run_cases.SETTINGS, processes=2)
states = train.each_step(start, run_cases.CONFIG, run_cases.ROWS, run_cases.ROWS, settings)
print(next(states)[1].step, next(states)[1].step)
"""


@pytest.mark.slow
@posix
def test_workers_end_with_a_program_that_leaves_them(tmp_path):
    process = start("-c", LEFT)
    assert process.communicate(timeout=30) == ("0 1\n", "") and process.returncode == 0


def start(*argv):
    """A process of its own, and a group of its own, with Ctrl-C as in a terminal."""
    path = os.pathsep.join([str(HOME), str(HOME / "tests" / "helpers")])
    return subprocess.Popen(
        [sys.executable, *argv],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")
def test_a_worker_out_of_memory_says_so(rng):
    import resource

    config = model.Config(512, n_positions=256, n_layer=2, n_head=4, n_embd=64)
    tokens = rng.integers(0, 512, (16, 257))
    batch = data.Batch(tokens[:, :-1], tokens[:, 1:], np.ones((16, 256)), None)
    params = model.init(config, rng)
    arguments = params, batch.ids, batch.targets, batch.loss_mask, config
    others = set(multiprocessing.active_children())
    with parallel.share_batches(2, params) as loss_and_grads, fast.kernels():
        loss_and_grads(*(a[:1, :9] if isinstance(a, np.ndarray) else a for a in arguments))
        for worker in set(multiprocessing.active_children()) - others:
            resource.prlimit(worker.pid, resource.RLIMIT_AS, (2**20, 2**20))  # no page more
        with pytest.raises(
            parallel.WorkerError, match=r"^worker . of 2 failed \(.*MemoryError: .*: try fewer"
        ):
            loss_and_grads(*arguments)


def test_parts_without_loss_are_not_computed(case):
    params, batch, config = case
    parts = [batch, batch._replace(loss_mask=batch.loss_mask * 0)]
    with minilm.recording("model.loss_and_grads") as results:
        batches.accumulate_gradients(params, parts, config)
    assert len(results) == 1
