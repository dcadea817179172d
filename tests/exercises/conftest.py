"""The exercises are tried as in an ordinary notebook, not as while nbgrader grades."""

import pytest

from minilm.exercises import evidence, quiz


@pytest.fixture(autouse=True)
def not_graded(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


@pytest.fixture
def short_runs(monkeypatch):
    """Cases of the quiz that train for a few steps only."""
    for name, steps in (("BASE_STEPS", 2), ("STEPS", 4), ("EVAL_EVERY", 2)):
        monkeypatch.setattr(evidence, name, steps)
    quiz.case.cache_clear()
    yield
    quiz.case.cache_clear()
