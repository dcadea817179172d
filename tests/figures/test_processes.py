"""Jobs beside one another."""

import concurrent.futures
import math
import os
import subprocess
import sys

import pytest

from minilm.figures import processes


def test_jobs_run_alike_here_and_in_processes():
    jobs, seen = [(3, 4), (5, 12), (8, 15)], []
    for workers in (0, 2):
        done = processes.run_all(math.hypot, jobs, workers, lambda *a: seen.append(a))
        assert done == {(3, 4): 5.0, (5, 12): 13.0, (8, 15): 17.0}
    assert seen == [(1, 3), (2, 3), (3, 3)] * 2


def test_a_worker_that_ends_early_is_one_sentence():
    with pytest.raises(ValueError, match=r"a worker ended early: .* memory .* `if __name__"):
        processes.run_all(os._exit, [(9,)], 1)


@pytest.mark.slow  # several processes start
def test_a_script_without_a_main_guard_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import math\nfrom minilm.figures import processes\n"
        "print(processes.run_all(math.hypot, [(3, 4)], 1))\n",
        encoding="utf-8",
    )
    home = os.path.dirname(os.path.dirname(processes.__file__))
    env = {**os.environ, "PYTHONPATH": os.path.dirname(home)}
    done = subprocess.run(
        [sys.executable, script], env=env, capture_output=True, encoding="utf-8", timeout=60
    )
    assert done.returncode == 1 and "ValueError: a worker ended early" in done.stderr


@pytest.mark.parametrize(("system", "most"), [("win32", 61), ("linux", 99)])
def test_windows_has_at_most_61_workers(monkeypatch, system, most):
    class Asked(Exception):
        pass

    def ask(workers, *_):
        raise Asked(workers)

    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(concurrent.futures, "ProcessPoolExecutor", ask)
    with pytest.raises(Asked, match=str(most)):
        processes.run_all(math.hypot, [(n, n) for n in range(99)], 128)


def test_every_blas_is_limited_and_put_back(monkeypatch):
    monkeypatch.delenv("VECLIB_MAXIMUM_THREADS", raising=False)
    with processes.limit_blas_threads():
        assert os.environ["VECLIB_MAXIMUM_THREADS"] == os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert "VECLIB_MAXIMUM_THREADS" not in os.environ
