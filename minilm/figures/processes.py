"""Runs side by side on the cores, each in a fresh process with one BLAS thread."""

import contextlib
import os
import signal
import sys

BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def run_all(function, jobs, workers=0, report=None):
    """{job: function(*job)} of different, hashable jobs, `workers` of them side by side.

    `function` must be picklable: a module's own, or a functools.partial of one. `report(done, total)`
    is called after each.
    """
    done = {}
    for job, outcome in run_in_processes(function, jobs, workers):
        done[job] = outcome
        if report:
            report(len(done), len(jobs))
    return done


def run_in_processes(function, jobs, workers):
    """Yield (job, function(*job)) as they finish. Raises ValueError where a worker ends early."""
    if not workers:
        keep_freed_memory()
        yield from ((job, function(*job)) for job in jobs)
        return
    import multiprocessing  # not to be had in a browser, where workers is 0
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    others = set(multiprocessing.active_children())
    # spawn is safe on every system; fork would copy the parent's BLAS threads half-way.
    context = multiprocessing.get_context("spawn")
    n = min(workers, len(jobs), 61 if sys.platform == "win32" else workers)  # Windows waits for 61 at most
    with limit_blas_threads(), ProcessPoolExecutor(n, context, prepare_worker) as pool:
        try:
            futures = {pool.submit(function, *job): job for job in jobs}
            yield from ((futures[future], future.result()) for future in as_completed(futures))
        except BaseException as error:  # Ctrl-C, or a run that failed: do not wait for the others
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            if isinstance(error, BrokenProcessPool):
                raise ValueError(
                    "a worker ended early: use fewer (--workers 1) if memory ran out; and start them in a "
                    'script, a file, only below `if __name__ == "__main__":`, since workers import it'
                ) from None
            raise


@contextlib.contextmanager
def limit_blas_threads():
    """Processes that start inside get one BLAS thread each: their NumPy reads the environment."""
    before = {name: os.environ.get(name) for name in BLAS_THREADS}
    os.environ.update(dict.fromkeys(BLAS_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def prepare_worker():
    """What each worker does first: leave Ctrl-C to its parent, and keep freed memory."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()


def keep_freed_memory():
    """Let glibc keep freed arrays, instead of returning their pages to the system each time.

    A training step allocates and frees the same large arrays over and over; fetching zeroed pages
    for them takes up to half of its time (`python -m minilm bench` shows it). For the whole process,
    so it is called where a command or a worker starts to train. Does nothing without glibc.
    """
    try:
        import ctypes

        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (ImportError, OSError, AttributeError):
        return
    mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD: arrays come from the heap, up to 1 GiB
    mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD: and the heap is not shrunk when they go
