"""Jobs beside one another."""

import math

from minilm.figures import processes


def test_jobs_run_alike_here_and_in_processes():
    jobs, seen = [(3, 4), (5, 12), (8, 15)], []
    for workers in (0, 2):
        done = processes.run_all(math.hypot, jobs, workers, lambda *a: seen.append(a))
        assert done == {(3, 4): 5.0, (5, 12): 13.0, (8, 15): 17.0}
    assert seen == [(1, 3), (2, 3), (3, 3)] * 2
