"""One step on several processes: each computes some rows of the batch; the gradients meet in shared memory.

Each worker returns the mean over its rows; batches.accumulate_gradients weighs these by their loss weights.
A worker uses one BLAS thread. The parent cannot lower its own once NumPy is loaded, so it only adds.
"""

import atexit
import contextlib
import functools
import signal
import sys
import threading

import numpy as np

from . import batches, data, fast, losses, model, tree

HINT = "try fewer processes or shorter rows"


class WorkerError(ValueError):
    """A worker ended, or could not compute its share; the parameters are those before the step."""


@contextlib.contextmanager
def share_batches(n_workers, params):
    """Gives model.loss_and_grads for workers, which end with the block; for a single one nothing, None."""
    workers = []
    try:
        yield start_workers(workers, n_workers, params) if n_workers > 1 else None
    finally:
        for process, _ in workers:
            process.kill()  # it holds nothing that could be lost
            process.join()


def start_workers(workers, n, params):
    """Add a (process, pipe) for each worker to a list; returns a function like model.loss_and_grads."""
    try:
        import multiprocessing  # missing in a browser

        from .figures import processes

        context, vector = multiprocessing.get_context("spawn"), tree.flatten(params)
        raw = context.RawArray("b", (n + 1) * vector.nbytes)  # it has no name: nothing is left behind
        with processes.limit_blas_threads(), keep_apart():
            for i in range(1, n + 1):
                near, far = context.Pipe()
                process = context.Process(target=work, args=(i, far, raw, params), name=f"worker {i} of {n}")
                process.start()
                atexit.register(process.kill)  # even if the block never ends
                far.close()  # only the worker has it now: when the worker ends, the pipe does
                workers.append((process, near))
    except (ImportError, OSError) as error:
        raise WorkerError(f"cannot start {n} processes ({error}): train with 1") from None
    memory = np.frombuffer(raw, vector.dtype).reshape(-1, vector.size)  # the parameters, and n gradients
    return functools.partial(loss_and_grads, workers, memory)


@contextlib.contextmanager
def keep_apart():
    """Processes that start inside do not run the main script again, and leave signals to their parent."""
    main, sys.modules["__main__"] = sys.modules["__main__"], type(sys)("__main__")
    names = ("SIGINT", "SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    handlers = {n: signal.signal(n, signal.SIG_IGN) for n in signal.Signals if n.name in names}
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)


def loss_and_grads(workers, memory, params, ids, targets, loss_mask, config, documents=None):
    """model.loss_and_grads, with len(ids) / n rows, rounded up, for each of n workers while there are any."""
    if model.loss_and_grads is not fast.loss_and_grads:
        raise ValueError(
            "workers run fast.kernels(), without any function of your own in layers, losses or model: call "
            "this inside fast.kernels(), or train with 1 process"
        )
    model.check_ids(ids, config)  # here, so that an error names the place in the whole batch
    if documents is not None:
        model.causal_and_places(ids, documents)
    losses.check_targets(targets, (*ids.shape, config.vocab_size))
    losses.check_loss_mask(loss_mask, ids.shape)
    batch = data.Batch(ids, targets, loss_mask, None, documents=documents)
    shares = batches.split_batch(batch, -(-len(ids) // len(workers)))
    compute_each = functools.partial(compute_side_by_side, workers, memory)
    return batches.accumulate_gradients(params, shares, config, compute_each)


def compute_side_by_side(workers, memory, params, shares, config):
    """Yield loss and gradient vector of every share, as batches.compute_in_turn does."""
    memory[0] = tree.flatten(params)
    for (_, pipe), share in zip(workers, shares, strict=False):  # the other workers have nothing to do
        with contextlib.suppress(OSError):  # it has ended: recv says so
            pipe.send((share.ids, share.targets, share.loss_mask, config, share.documents))
    replies = [receive(*worker) for worker, _ in zip(workers, shares, strict=False)]  # all, then look at them
    for (process, _), (_, problem) in zip(workers, replies, strict=False):
        if problem:
            raise WorkerError(f"{process.name} {problem}")
    for gradient, (loss, _) in zip(memory[1:], replies, strict=False):
        yield loss, gradient


def receive(process, pipe):
    """(loss, None) from a worker, or (None, problem)."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        process.join(1)
        return None, f"ended with exit code {process.exitcode}, perhaps for lack of memory: {HINT}"


def work(number, pipe, raw, params):
    """A worker's life: compute shares until the parent closes the pipe."""
    from .figures import processes

    processes.prepare_worker()
    vector, params = tree.flat_view(params)
    memory = np.frombuffer(raw, vector.dtype).reshape(-1, vector.size)
    with contextlib.suppress(EOFError, OSError), fast.kernels(), np.errstate(over="ignore", invalid="ignore"):
        while True:
            share = pipe.recv()
            vector[:] = memory[0]
            try:
                loss, grads = model.loss_and_grads(params, *share)
                memory[number] = tree.flatten(grads)
                pipe.send((loss, None))
            except Exception as error:
                hint = f": {HINT}" if isinstance(error, MemoryError) else ""
                pipe.send((None, f"failed ({type(error).__name__}: {error}){hint}"))
