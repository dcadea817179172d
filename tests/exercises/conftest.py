"""The exercises are tried as in an ordinary notebook, not as while nbgrader grades."""

import pytest


@pytest.fixture(autouse=True)
def not_graded(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
