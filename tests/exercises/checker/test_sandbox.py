"""Whatever a learner's function does ends in one clear message, and leaves nothing behind."""

import builtins
import io
import random
import sys
import time
import warnings

import numpy as np
import pytest
from exercises.answers.backward_by_hand import gelu_by_complex_step
from exercises.answers.training_step import step_by_recursion
from exercises.judging import SECONDS, assert_one_clear_message

from minilm import exercises
from minilm.exercises.checker import sandbox


def loops_on_one_line(dy, cache):
    while True: pass  # fmt: skip  # noqa: E701


def loops_and_prints(dy, cache):
    n = 0
    while n >= 0:
        n += 1
        if n % 100 == 0:
            print(n)


def loops_inside_try(dy, cache):
    while True:
        try:
            sum(range(10))
        except Exception:
            pass


def loops_in_another_function(dy, cache):
    def forever():
        yield from iter(int, 1)

    return [x for x in forever()]


def loops_with_a_generator_left_open(dy, cache):
    def count():
        yield 1
        yield 2

    numbers = count()
    next(numbers)
    while True:
        pass


def sleeps(dy, cache):
    time.sleep(0.25)


def recurses(dy, cache):
    return recurses(dy, cache)


def exits(dy, cache):
    exit()


def quits(dy, cache):
    quit("with a message")


def exits_by_sys(dy, cache):
    sys.exit(3)


def raises(dy, cache):
    scale = {"a": 1}
    return (dy * scale["b"],)


def raises_inside_numpy(dy, cache):
    x, _ = cache
    return (np.concatenate([dy, x[0]]),)


def raises_something_odd(dy, cache):
    raise GeneratorExit("odd")


class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no message either")


def raises_unprintable(dy, cache):
    raise Unprintable


def raises_at_length(dy, cache):
    raise ValueError("x" * 10_000)


def changes_dy(dy, cache):
    dy *= 2
    return (dy,)


def changes_the_cache(dy, cache):
    cache[0][0] = 0
    return (dy,)


def reshapes_dy(dy, cache):
    dy.shape = (-1,)
    return (dy,)


HOSTILE = [
    (loops_on_one_line, r"still running after 0\.2 s: is there a loop that never ends\?"),
    (loops_and_prints, r"still running after 0\.2 s.*It printed:\n100\n200\n300\n400\n500\n\.\.\.$"),
    (loops_inside_try, r"still running after 0\.2 s"),
    (loops_in_another_function, r"still running after 0\.2 s"),
    (loops_with_a_generator_left_open, r"still running after 0\.2 s"),
    (sleeps, r"still running after 0\.2 s"),
    (recurses, r"calls itself without end\."),
    (exits, r"calls exit\(\): return the result instead\."),
    (quits, r"calls exit\(\)"),
    (exits_by_sys, r"calls exit\(\)"),
    (raises, r"raises KeyError in line \d+, `return \(dy \* scale\[\"b\"\],\)`: 'b'\."),
    (
        raises_inside_numpy,
        r"raises ValueError in line \d+, `return \(np\.concatenate.*The shapes that went in: \(",
    ),
    (raises_something_odd, r"raises GeneratorExit in line \d+, `raise .*`: odd\."),
    (raises_unprintable, r"raises Unprintable in line \d+, .*message cannot be shown"),
    (raises_at_length, r"raises ValueError in line \d+.*x{300} \.\.\.$"),
    (changes_dy, r"changes its first argument: work on a copy, it still belongs to the caller\."),
    (changes_the_cache, r"changes something inside its second argument: work on a copy"),
    (reshapes_dy, r"changes its first argument"),
]


@pytest.mark.parametrize(("function", "message"), HOSTILE)
def test_hostile_function_gets_one_clear_message(function, message, capsys):
    assert_one_clear_message(function, message, capsys)


def test_an_exception_names_the_learners_own_line():
    """Not a line of numpy or minilm, where it may have come up."""
    line = raises_inside_numpy.__code__.co_firstlineno + 2
    assert f"in line {line}, `" in exercises.check("gelu_backward", raises_inside_numpy).message


def test_a_function_without_source_is_told_its_line_number():
    names = {}
    exec("\n\ndef f(dy, cache):\n    return 1 / 0\n", names)
    message = exercises.check("gelu_backward", names["f"]).message
    assert "raises ZeroDivisionError in line 4: division by zero." in message


def test_ctrl_c_is_not_swallowed():
    def interrupted(dy, cache):
        print("hidden")
        raise KeyboardInterrupt

    before = sys.gettrace(), sys.stdout, builtins.exit, np.geterr()
    with pytest.raises(KeyboardInterrupt):
        exercises.check("gelu_backward", interrupted)
    assert (sys.gettrace(), sys.stdout, builtins.exit, np.geterr()) == before


def test_exit_neither_closes_stdin_nor_asks_a_notebook_to_end(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    asked = []
    names = {"exit": asked.append}  # as IPython puts its own into the notebook's names
    exec("def f(dy, cache):\n    exit(0)\n", names)
    assert "calls exit()" in exercises.check("gelu_backward", names["f"]).message
    assert "calls exit()" in exercises.check("gelu_backward", exits).message
    assert not asked and not sys.stdin.closed
    assert names["exit"] == asked.append


def gelu_and(action):
    """A right gelu_backward that does something else, too."""

    def function(dy, cache):
        action(dy, cache)
        return tuple(gelu_by_complex_step(dy, cache))

    return function


def test_printing_is_kept_and_cut(capsys):
    def prints(dy, cache):
        for i in range(100):
            print(i, "y" * 1000)

    verdict = exercises.check("gelu_backward", gelu_and(prints))
    assert verdict.ok
    lines = verdict.message.split("It printed:\n")[1].split("\n")
    assert len(lines) == 6 and lines[-1] == "..." and lines[0] == "0 " + "y" * 198 + " ..."
    assert verdict.message.count("It printed") == 1  # not once for every case
    assert capsys.readouterr().out == f"{verdict}\n"  # nothing while it ran


@pytest.mark.parametrize(
    "action",
    [
        lambda dy, cache: np.random.seed(1),  # noqa: NPY002
        lambda dy, cache: random.seed(1),
        lambda dy, cache: np.seterr(divide="raise", invalid="raise"),
        lambda dy, cache: warnings.simplefilter("error"),
        lambda dy, cache: warnings.warn("look out", stacklevel=1),
        lambda dy, cache: np.log(np.zeros(1)),
        lambda dy, cache: sys.settrace(None),
    ],
)
def test_harmless_side_effects_pass_and_are_undone(action):
    before = np.geterr(), list(warnings.filters), sys.gettrace()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = exercises.check("gelu_backward", gelu_and(action))
    assert verdict.ok, verdict.message
    assert (np.geterr(), list(warnings.filters), sys.gettrace()) == before


def test_a_changed_dict_is_noticed():
    def adds(params, batch, config, lr):
        params["h"]["1"] = params["h"]["0"]
        return step_by_recursion(params, batch, config, lr)

    message = exercises.check("train_step", adds).message
    assert "changes something inside its first argument" in message


def test_what_numpy_warns_of_is_listed_and_not_shown(capsys):
    def warns(dy, cache):
        np.zeros(1)[0] = np.array([1j])[0]
        return (np.log(0 * dy),)

    outcome = sandbox.call(warns, (np.ones((1, 1, 1)), ()), SECONDS)
    kinds = [name for name, _ in outcome.warnings]
    assert kinds == ["ComplexWarning", "RuntimeWarning"] and "divide by zero" in outcome.warnings[1][1]
    assert capsys.readouterr() == ("", "")


def test_a_result_that_is_not_finite_names_the_operation():
    message = exercises.check("gelu_backward", lambda dy, cache: (np.log(0 * dy),)).message
    assert "not finite" in message and "NumPy warned: divide by zero encountered in log." in message
