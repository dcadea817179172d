"""Every second hint runs: as the body of the function, or as what it returns, it is a right answer."""

import inspect
import textwrap

import numpy as np
import pytest

from minilm import data, exercises, layers, losses, model, tree

NAMES = {"np": np, "data": data, "layers": layers, "losses": losses, "model": model, "tree": tree}


def write_function(name):
    """The source of a function whose body is the second hint."""
    body = textwrap.dedent(str(exercises.hint(name, 2)))
    body = body if "return " in body else f"return {body}"
    return f"def {exercises.find(name).describe_call()}:\n{textwrap.indent(body, '    ')}\n"


@pytest.mark.parametrize("name", exercises.names())
def test_the_second_hint_is_a_right_answer(name):
    scope = dict(NAMES)
    exec(write_function(name), scope)
    verdict = exercises.check(name, scope[name])
    assert verdict.ok, verdict.message


@pytest.mark.parametrize("name", exercises.names())
def test_a_hint_fits_the_call_that_the_task_tells(name):
    exercise = exercises.find(name)
    arguments = exercise.describe_call().removeprefix(f"{name}(").removesuffix(")").split(", ")
    given = next(iter(exercise.make_cases()))
    assert len(arguments) == len(given)
    inspect.signature(exercise.solve).bind(*given)
