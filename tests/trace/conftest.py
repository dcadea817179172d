"""The trace that the tests of the step-through share."""

import pytest
import traces


@pytest.fixture(scope="session")
def question():
    """The course's question with its <eos>: 7 targets, 2 of them the answer's."""
    return traces.make_trace()
