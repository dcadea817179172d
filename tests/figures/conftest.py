"""One tiny comparison, for the tests of what is made of it."""

import pytest

from minilm.figures import tasks


@pytest.fixture(scope="session")
def task():
    zoo = tasks.make_zoo_task(steps=3)
    return zoo._replace(rows=zoo.rows[:200], held_out=zoo.held_out[:40], base=zoo.base[:50], base_steps=3)


@pytest.fixture(scope="session")
def result(task):
    return tasks.compare(task, range(3))
