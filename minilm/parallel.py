"""One step on several processes: each computes some rows of the batch; the gradients meet in shared memory.

    with parallel.share_batches(2, params, config) as loss_and_grads, fast.kernels():
        loss, grads = loss_and_grads(params, ids, targets, loss_mask, config)

A worker gives the mean over the loss weights of its own share. batches.accumulate_gradients divides by
those of the whole batch, so loss and gradient are those of one process, up to rounding. The parent only
adds up: its BLAS took its number of threads when NumPy was loaded, and each worker's takes one.
"""

import contextlib
import functools
import signal
import sys
import threading
import types
from typing import Any, NamedTuple

import numpy as np

from . import batches, data, fast, losses, model, tree
from .figures import processes


class WorkerError(ValueError):
    """A worker ended, or cannot compute its share; the parameters are those before the step."""


class Worker(NamedTuple):
    """A process, the parent's end of the pipe to it, and the shared vector that gets its gradient."""

    process: Any
    pipe: Any
    gradient: np.ndarray


@contextlib.contextmanager
def share_batches(n_workers, params, config):
    """Start workers; gives a function with the contract of model.loss_and_grads. They end with the block.

    The function may raise WorkerError, after which the block should be left. It refuses functions that
    were put into layers, losses or model: workers do not have them.
    """
    workers = []
    try:
        try:
            shared = start_workers(workers, n_workers, tree.flatten(params), config)
        except (ImportError, OSError) as error:  # ImportError: in a browser
            raise WorkerError(f"cannot start {n_workers} processes ({error}): train with 1") from None
        yield functools.partial(loss_and_grads, workers, shared)
    finally:
        for worker in workers:
            worker.process.kill()  # it holds nothing that could be lost
            worker.process.join()
            worker.pipe.close()


def start_workers(workers, number, vector, config):
    """Add Workers to a list; returns the shared vector in which they find the parameters."""
    import multiprocessing  # only here: a browser has none

    # spawn is the same on every system. The memory of a RawArray has no name that could be left behind.
    context = multiprocessing.get_context("spawn")
    shared = context.RawArray("b", vector.nbytes)
    with processes.limit_blas_threads(), hide_main(), ignore_ctrl_c():
        for i in range(number):
            gradient = context.RawArray("b", vector.nbytes)
            pipe, far_end = context.Pipe()
            arguments = (far_end, shared, gradient, vector.dtype, config)
            process = context.Process(target=work, args=arguments, name=f"worker {i + 1} of {number}")
            process.daemon = True
            process.start()
            far_end.close()  # the worker's is the only one: when it ends, the pipe does
            workers.append(Worker(process, pipe, np.frombuffer(gradient, vector.dtype)))
    return np.frombuffer(shared, vector.dtype)


@contextlib.contextmanager
def hide_main():
    """Processes that start inside do not run the main script again: it needs no `if __name__ ...`."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def ignore_ctrl_c():
    """Processes that start inside leave Ctrl-C to their parent from their first moment on."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may change it
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def loss_and_grads(workers, shared, params, ids, targets, loss_mask, config, documents=None):
    """model.loss_and_grads, after `workers` and the vector `shared`, from which they read the parameters."""
    if model.loss_and_grads is not fast.loss_and_grads:
        raise ValueError(
            "a function of layers, losses or model was replaced, which other processes do not see: "
            "train with 1 process"
        )
    model.check_ids(ids, config)
    losses.check_targets(targets, (*ids.shape, config.vocab_size))
    losses.check_loss_mask(loss_mask, ids.shape)
    batch = data.Batch(ids, targets, loss_mask, None, documents=documents)
    compute_each = functools.partial(compute_side_by_side, workers, shared)
    return batches.accumulate_gradients(params, cut_shares(batch, len(workers)), config, compute_each)


def cut_shares(batch, n_shares):
    """Cut a Batch into at most n Batches with about as many tokens each, without what no loss reaches.

    Left out are rows without loss weight, and in each share the columns after its last one. So rows of
    like length come together.
    """
    lengths = ((batch.loss_mask > 0) * np.arange(1, batch.ids.shape[1] + 1)).max(axis=1)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    ends, total = lengths[order].cumsum(), lengths.sum()
    numbers = (2 * ends - lengths[order]) * n_shares // (2 * total)  # where the middle of the row falls
    shares = [order[numbers == number] for number in range(n_shares)]
    return [
        data.Batch(*(None if field is None else field[rows, : lengths[rows].max()] for field in batch))
        for rows in shares
        if rows.size
    ]


def compute_side_by_side(workers, shared, params, shares, config):
    """Yield loss and gradient vector of every share, as batches.compute_in_turn does."""
    shared[:] = tree.flatten(params)
    busy = workers[: len(shares)]
    for worker, share in zip(busy, shares, strict=True):
        with explain_end(worker):
            worker.pipe.send((share.ids, share.targets, share.loss_mask, config, share.documents))
    for worker in busy:
        with explain_end(worker):
            loss, problem = worker.pipe.recv()
        if problem:
            raise WorkerError(f"{worker.process.name} {problem}")
        yield loss, worker.gradient


@contextlib.contextmanager
def explain_end(worker):
    """Turn the end of a pipe into a WorkerError that says which worker ended, and how."""
    try:
        yield
    except (EOFError, OSError):
        worker.process.join(1)
        raise WorkerError(
            f"{worker.process.name} ended with exit code {worker.process.exitcode}: if memory ran out, "
            "train with fewer processes or shorter rows"
        ) from None


def work(pipe, shared, gradient, dtype, config):
    """A worker's life: answer every share that comes, until the parent closes the pipe or ends."""
    processes.prepare_worker()
    shapes = tree.from_named({name: np.empty(shape, dtype) for name, shape in tree.shapes(config)})
    params = tree.view_vector(np.frombuffer(shared, dtype), shapes)
    gradient = np.frombuffer(gradient, dtype)
    with contextlib.suppress(EOFError, OSError), fast.kernels(), np.errstate(over="ignore", invalid="ignore"):
        while True:
            pipe.send(compute_share(params, gradient, *pipe.recv()))


def compute_share(params, gradient, *arguments):
    """Put the gradient of a share in its place; returns (loss, None), or (None, what went wrong)."""
    try:
        loss, grads = model.loss_and_grads(params, *arguments)
        gradient[:] = tree.flatten(grads)
    except MemoryError:
        return None, "ran out of memory: train with fewer processes or shorter rows"
    except Exception as error:
        return None, f"failed ({type(error).__name__}: {error})"
    return loss, None
