"""The checker of the exercises: wrong answers get the sentence that helps, right ones pass, and
whatever a learner's function does ends in one clear message."""

import builtins
import html.parser
import io
import random
import re
import sys
import time
import warnings

import exercise_answers as answers
import numpy as np
import pytest

from minilm import data, exercises, gradcheck, model, swap, tokenizer, train, tree
from minilm.exercises import explain

SECONDS = 0.3
NO_FLOATS = ("shift", "loss_mask", "last_turn_mask")  # integers go in
ONE_PRECISION = ("central_difference", "complex_step")  # checking gradients needs float64
MASKED = ("loss_mask", "log_probs", "weighted_mean_backward", "denominators", "train_step")


@pytest.fixture(autouse=True)
def not_graded(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


def named(entries):
    return [pytest.param(*entry, id=f"{entry[0]}-{entry[1].__name__}") for entry in entries]


def tidy(message):
    """Whether a message has no doubled or missing punctuation, no stray blanks, no "of of"."""
    first = message.split("\n")[0]
    words = re.sub(r"`.*`|\[.*?\]", "code", first).removesuffix(" ...")  # of a message that was cut
    return first[-1] in ".?!" and not re.search(r"[?.!:,;][.,;]|\S  |\s[.,;?!](?!\w)|\bof of\b", words)


# ---------------------------------------------------------------- wrong and right answers


@pytest.mark.parametrize(("name", "function", "diagnosis_"), named(answers.WRONG))
def test_wrong_answer_gets_the_sentence_that_helps(name, function, diagnosis_):
    verdict = exercises.check(name, function)
    assert verdict.status == "wrong"
    assert re.search(diagnosis_, verdict.message, re.DOTALL), verdict.message
    assert tidy(verdict.message), verdict.message
    assert verdict.function is exercises.find(name).solve


@pytest.mark.parametrize(("name", "function"), named(answers.RIGHT))
def test_right_answer_in_another_style_passes(name, function):
    verdict = exercises.check(name, function)
    assert verdict.ok, verdict.message
    assert verdict.message.startswith("4 random cases agree.")
    assert verdict.function is function


@pytest.mark.parametrize("name", exercises.names())
def test_every_exercise_is_tried_on_enough_answers(name):
    assert sum(entry[0] == name for entry in answers.WRONG) >= 4
    assert sum(entry[0] == name for entry in answers.RIGHT) >= 2


def test_there_are_twenty_two_exercises_in_the_order_of_the_lessons():
    names = exercises.names()
    assert len(names) == len(set(names)) == 22
    assert names[0] == "shift" and names[-3:] == ["target_weights", "last_turn_mask", "combine_gradients"]


@pytest.mark.parametrize("function", [answers.linear_by_loops, answers.linear_by_einsum])
def test_float64_for_float32_is_only_a_note(function):
    verdict = exercises.check("linear_backward", function)
    assert verdict.ok
    assert ("float32 came in and float64 went out" in verdict.message) == (
        function is answers.linear_by_loops
    )


def test_a_boolean_mask_passes_with_a_note():
    verdict = exercises.check("loss_mask", lambda roles: roles[:, 1:] >= 3)
    assert verdict.ok and "Note: floats were asked for" in verdict.message


@pytest.mark.parametrize("name", exercises.names())
def test_every_known_mistake_is_told_apart(name):
    """Each mistake's value, put in its place, gets a sentence of its own and never passes."""
    exercise = exercises.find(name)
    cases = list(exercise.make_cases())
    solved = [exercise.split_outputs(exercise.solve(*args)) for args in cases]
    assert solved[0][0] is not None or solved[0][1] is not None
    with np.errstate(all="ignore"):
        tables = [exercise.make_mistakes(*args) for args in cases]
    known = {id(args[0]): table for args, table in zip(cases, tables, strict=True)}
    exercise = exercise._replace(make_mistakes=lambda first, *_: known[id(first)])  # computed once
    for label, sentence in ((label, sentence) for label, row in tables[0].items() for sentence in row):
        k = exercise.labels.index(label)
        trials = [
            (args, (*right[:k], np.asarray(table[label][sentence]), *right[k + 1 :]), right)
            for args, table, right in zip(cases, tables, solved, strict=True)
        ]
        with np.errstate(all="ignore"):
            message = explain.explain_answer(exercise, trials)
        assert sentence in message, f"{label}: {sentence!r} is shadowed by {message!r}"
        assert tidy(message), message


# ---------------------------------------------------------------- generic diagnoses


def linear_with(k, change):
    """linear_backward, one output of it changed: (args, right value) -> answer."""

    def function(dy, cache):
        outputs = list(answers.linear_by_einsum(dy, cache))
        outputs[k] = change(outputs[k], dy)
        return tuple(outputs)

    return function


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (linear_with(0, lambda a, dy: 3 * a), r"It is exactly 3 times too large in every case"),
        (linear_with(0, lambda a, dy: a / -3), r"of the wrong sign and exactly 3 times too small in every"),
        (linear_with(0, lambda a, dy: a * a.size), r"another factor in another case: what is divided by"),
        (linear_with(1, lambda a, dy: a * dy[..., 0].size), r"divide by the number of rows B T \(30\)\."),
        (linear_with(0, lambda a, dy: 0 * a), r"It is 0 everywhere"),
        (
            linear_with(0, lambda a, dy: a.astype(np.float16)),
            r"nearly right: an approximation.*or rounding\?",
        ),
        (linear_with(0, lambda a, dy: a.astype(int)), r"array of int64, which holds no fractions"),
        (linear_with(0, lambda a, dy: a / 0), r"There are numbers that are not finite"),
        (
            linear_with(0, lambda a, dy: a * np.nan),
            r"got nan, expected [-\d.]+\. There are numbers that are not",
        ),
        (linear_with(0, lambda a, dy: np.swapaxes(a, 1, 2)), r"It is transposed"),
        (linear_with(0, lambda a, dy: a + 1), r"No entry is right: go through the formula"),
        (linear_with(0, lambda a, dy: np.full(a.shape, 1e-25)), r"No entry is right: go through"),
        (linear_with(0, lambda a, dy: a.sum()), r"dx has shape \(\), not \(6, 5, 3\)\. Axes are missing"),
        (linear_with(2, lambda a, dy: a[:-1]), r"Compare the shapes that go in"),
        (linear_with(1, lambda a, dy: np.ones((4, 5, 6))), r"There are axes too many"),
    ],
)
def test_generic_diagnosis(function, sentence):
    verdict = exercises.check("linear_backward", function)
    assert verdict.status == "wrong"
    assert re.search(sentence, verdict.message, re.DOTALL), verdict.message
    assert tidy(verdict.message), verdict.message


def test_a_part_that_is_right_is_counted():
    def first_row_only(dy, cache):
        dx = answers.linear_by_einsum(dy, cache)[0]
        dx[1:] = 7
        return (dx, *answers.linear_by_einsum(dy, cache)[1:])

    message = exercises.check("linear_backward", first_row_only).message
    assert "75 of 90 entries differ, the first at [1, 0, 0]; the others are right." in message


def test_a_first_case_that_is_nearly_right_hides_nothing():
    offsets = iter((1e-6, 1.0, 1.0, 1.0))

    def drifts(dy, cache):
        dx, *rest = answers.linear_by_einsum(dy, cache)
        dx[0, 0, 0] += next(offsets)
        return dx, *rest

    assert (
        "1 of 90 entries differ, the first at [0, 0, 0]" in exercises.check("linear_backward", drifts).message
    )


@pytest.mark.parametrize(("dtype", "step"), [(np.float32, 1e-3), (np.float64, 1e-6)])
def test_an_error_in_one_precision_is_seen(dtype, step):
    def drifts(dy, cache):
        dx, *rest = answers.linear_by_einsum(dy, cache)
        return dx * (1 + step * (dx > 0) * (dx.dtype == dtype)), *rest

    assert "nearly right" in exercises.check("linear_backward", drifts).message


def test_a_wrong_number_has_no_entries():
    def loss_and_one(*args):
        loss, new = answers.step_by_recursion(*args)
        return 2 * loss + 1, new

    message = exercises.check("train_step", loss_and_one).message
    assert re.search(r"loss is wrong: got [\d.]+, .*\. Go through the formula term by term\.", message), (
        message
    )


# ---------------------------------------------------------------- hostile functions


def loops_on_one_line(dy, cache):
    while True: pass  # fmt: skip  # noqa: E701


def loops_and_prints(dy, cache):
    n = 0
    while n >= 0:
        n += 1
        if n % 1000 == 0:
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
    time.sleep(0.4)


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


def returns_a_generator(dy, cache):
    return (x for x in dy)


def yields(dy, cache):
    yield dy


HOSTILE = [
    (loops_on_one_line, r"still running after 0\.3 s: is there a loop that never ends\?"),
    (loops_and_prints, r"still running after 0\.3 s.*It printed:\n1000\n2000\n3000\n4000\n5000\n\.\.\.$"),
    (loops_inside_try, r"still running after 0\.3 s"),
    (loops_in_another_function, r"still running after 0\.3 s"),
    (loops_with_a_generator_left_open, r"still running after 0\.3 s"),
    (sleeps, r"still running after 0\.3 s"),
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
    (returns_a_generator, r"is a generator: use return, not yield\. Return the tuple \(dx,\)\."),
    (yields, r"is a generator: use return, not yield"),
    (lambda dy, cache: None, r"returns None: is the return missing\? Return the tuple \(dx,\)\."),
    (lambda dy, cache: "dx", r"returns a str, not the tuple \(dx,\)\."),
    (lambda dy, cache: 1, r"returns an int, not the tuple \(dx,\)\."),
    (lambda dy, cache: {"dx": dy}, r"returns a dict, not the tuple \(dx,\)\."),
    (lambda dy, cache: (), r"returns 0 values, not 1: return the tuple \(dx,\)\."),
    (lambda dy, cache: (dy, dy), r"returns 2 values, not 1"),
    (lambda dy, cache: (None,), r"dx is None, but there is a gradient\."),
    (lambda dy, cache: (dy[0],), r"dx has shape \(\d, \d\), not \(\d, \d, \d\)\. Axes are missing"),
    (lambda dy, cache: ([[1, 2], [3]],), r"dx is no array: are its rows of different lengths\?"),
    (lambda dy, cache: (dy.astype(object),), r"dx is an array of dtype object, not an array of numbers\."),
    (lambda dy, cache: (dy.astype(str),), r"dx is an array of dtype <U\d+, not an array of numbers\."),
    (lambda dy, cache: ("abc",), r"dx is a str, not an array of numbers\."),
    (lambda dy, cache: (dy + 0j,), r"dx is complex: is a \.imag or \.real missing\?"),
    (lambda dy, cache: (dy * np.nan,), r"dx is wrong: at \[0, 0, 0\] got nan.*not finite"),
    (lambda dy, cache: (dy / 0,), r"dx is wrong: .*got -?inf.*not finite"),
    (lambda dy, cache: (dy,), r"dx is wrong"),  # a view of what came in
    (lambda dy, cache: (np.full(dy.shape, 1e308) * np.sign(dy),), r"dx is wrong"),
    (lambda dy, cache: (np.full(dy.shape, 1e39),), r"dx is wrong"),  # too large for float32
    (lambda dy, cache: (np.full(dy.shape, 1e-320),), r"dx is wrong"),  # whose inverse is infinite
    (lambda dy: (dy,), r"takes other arguments: it is gelu_backward\(dy, cache\)\."),
    (lambda dy, x, t: (dy,), r"takes other arguments: it is gelu_backward\(dy, cache\)\."),
    (None, r"Hand over the function itself, not a NoneType\."),
    (np.zeros(3), r"Hand over the function itself, not an array\."),
    ("gelu_backward", r"Hand over the function itself, not a str\."),
    (type("Callable", (), {"__init__": lambda self, dy, cache: None}), r"returns a Callable, not the tuple"),
]


@pytest.mark.parametrize(("function", "message"), HOSTILE)
def test_hostile_function_gets_one_clear_message(function, message, capsys):
    def other_tracer(*_):
        return None

    before, error_state, filters = sys.gettrace(), np.geterr(), list(warnings.filters)
    names = builtins.exit, builtins.quit, sys.stdout
    start = time.monotonic()
    sys.settrace(other_tracer)
    try:
        verdict = exercises.check("gelu_backward", function, seconds=SECONDS)
        assert sys.gettrace() is other_tracer
    finally:
        sys.settrace(before)
    assert time.monotonic() - start < 1.5
    assert verdict.status == "wrong"
    assert re.search(message, verdict.message, re.DOTALL), verdict.message
    assert tidy(verdict.message), verdict.message
    assert capsys.readouterr() == ("", "")
    assert (np.geterr(), list(warnings.filters)) == (error_state, filters)
    assert (builtins.exit, builtins.quit, sys.stdout) == names


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
        return tuple(answers.gelu_by_complex_step(dy, cache))

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
    assert capsys.readouterr().out == ""


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


def test_views_of_the_input_pass_where_they_are_right():
    verdict = exercises.check("shift", lambda tokens: (tokens[:, :-1], tokens[:, 1:]))
    assert verdict.ok


def test_a_changed_dict_is_noticed():
    def adds(params, batch, config, lr):
        params["h"]["1"] = params["h"]["0"]
        return answers.step_by_recursion(params, batch, config, lr)

    message = exercises.check("train_step", adds).message
    assert "changes something inside its first argument" in message


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda roles: (roles[:, 1:] * 1.0,), r"returns a tuple of 1, not one array, loss_mask\."),
        (lambda roles: "mask", r"loss_mask is a str, not an array of numbers\."),
        (lambda roles: [[1.0, 2.0], [3.0]], r"loss_mask is no array: are its rows of different lengths\?"),
        (lambda roles: 1.0, r"loss_mask has shape \(\), not"),
        (lambda roles: {}, r"loss_mask is a dict, not an array of numbers\."),
    ],
)
def test_where_one_array_is_asked(function, message):
    verdict = exercises.check("loss_mask", function)
    assert verdict.status == "wrong"
    assert re.search(message, verdict.message), verdict.message


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        (None, r"cannot be read: grads is NoneType, not a dict\. Return the tuple \(dx, grads\)\."),
        ({"ln_2": 1}, r"cannot be read: grads lacks ln_2\.weight"),
        ([1, 2], r"cannot be read: grads is list, not a dict"),
    ],
)
def test_where_a_tree_is_asked(grads, message):
    verdict = exercises.check("mlp_block_backward", lambda dy, cache: (dy, grads))
    assert verdict.status == "wrong"
    assert re.search(message, verdict.message), verdict.message


def test_a_tree_with_a_leaf_too_many_is_named():
    def too_many(dy, cache):
        dx, grads = answers.mlp_by_einsum(dy, cache)
        return dx, {**grads, "x": dy}

    message = exercises.check("mlp_block_backward", too_many).message
    assert "grads has x, which does not belong there" in message


# ---------------------------------------------------------------- to do, hints, grading, the verdict


@pytest.mark.parametrize("name", exercises.names())
def test_unsolved_is_to_do_and_minilms_own_goes_on(name):
    def unsolved(*args):
        raise NotImplementedError("your turn")

    verdict = exercises.check(name, unsolved)
    assert verdict.status == "to do" and not verdict.ok
    assert verdict.message.startswith(f"{name}(") and f'hint("{name}")' in verdict.message
    assert exercises.check(name, verdict.function).ok


@pytest.mark.parametrize("name", exercises.names())
def test_two_hints(name):
    first, second = exercises.hint(name), exercises.hint(name, 2)
    assert first and second and first != second
    with pytest.raises(ValueError, match="there is no hint 3: ask for 1 or 2"):
        exercises.hint(name, 3)


def test_an_unknown_name_lists_all():
    for ask in (lambda: exercises.check("gelu", exits), lambda: exercises.hint("gelu")):
        with pytest.raises(ValueError, match="there is no exercise 'gelu'") as caught:
            ask()
        assert all(name in str(caught.value) for name in exercises.names())


def test_grading_raises_for_all_but_passed(monkeypatch):
    def unsolved(tokens):
        raise NotImplementedError

    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert exercises.check("shift", answers.shift_by_loops).grade().ok
    verdict = exercises.check("shift", unsolved)  # raises nothing yet: its function is still of use
    with pytest.raises(AssertionError, match="shift: to do"):
        verdict.grade()
    with pytest.raises(AssertionError, match=r"shift: wrong.*without the shift the model learns to copy"):
        exercises.check("shift", answers.same_twice).grade()
    monkeypatch.delenv("NBGRADER_EXECUTION")
    assert verdict.grade() is verdict


class Tags(html.parser.HTMLParser):
    """Collects start tags; every end tag must close the last one open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.text = [], set(), ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a & b < c > d \"e\" 'f'", "</div>\n<b>"])
def test_the_verdict_as_text_and_as_html(text):
    def talks(dy, cache):
        print(text)
        raise ValueError(text)

    verdict = exercises.check("gelu_backward", talks)
    page = Tags(verdict._repr_html_())
    assert page.seen == {"div", "b", "br"}
    assert page.text.count(text.replace("\n", "")) == 2  # raised and printed
    assert str(verdict).startswith("gelu_backward: wrong. Your function raises ValueError")
    assert "<div" not in str(verdict) and text in str(verdict)


@pytest.mark.parametrize("name", exercises.names())
def test_every_to_do_is_well_formed_html(name):
    def unsolved(*args):
        raise NotImplementedError

    verdict = exercises.check(name, unsolved)
    page = Tags(verdict._repr_html_())
    assert exercises.find(name).task in page.text
    assert not re.search(r"</?(div|b|br)\b", str(verdict))


# ---------------------------------------------------------------- the cases are fair


def arrays_in(value):
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        value = tuple(value.values())
    return [a for part in value for a in arrays_in(part)] if isinstance(value, (tuple, list)) else []


def shapes(value):
    return tuple(a.shape for a in arrays_in(value))


@pytest.mark.parametrize("name", exercises.names())
def test_cases_differ_in_shape_and_precision(name):
    exercise = exercises.find(name)
    cases = list(exercise.make_cases())
    assert len({shapes(args) for args in cases}) == len(cases)
    types = [{a.dtype for a in arrays_in(args) if a.dtype.kind == "f"} for args in cases]
    if name in NO_FLOATS:
        assert types == [set()] * 4
    elif name in ONE_PRECISION:
        assert types == [{np.dtype(np.float64)}] * 4
    elif name == "train_step":  # the batch's mask is float64, as data.collate makes it
        assert {a.dtype for args in cases for a in arrays_in(args[0])} == {np.dtype("f4"), np.dtype("f8")}
    else:
        assert set().union(*types) == {np.dtype("f4"), np.dtype("f8")} and all(len(t) == 1 for t in types)


@pytest.mark.parametrize("name", exercises.names())
def test_cases_are_the_same_every_time(name):
    exercise = exercises.find(name)
    for once, again in zip(exercise.make_cases(), exercise.make_cases(), strict=True):
        for a, b in zip(arrays_in(once), arrays_in(again), strict=True):
            np.testing.assert_array_equal(a, b)


def masks_of(name, args):
    """(response, all targets) of a case with a mask."""
    if name == "loss_mask":
        roles = args[0][:, 1:]
    elif name == "denominators":
        return args
    elif name == "weighted_mean_backward":
        weights = args[1][0]
        return weights == 1, weights > 0
    else:
        roles = args[1] if name == "log_probs" else args[1].roles
    return roles >= 3, roles >= 2


@pytest.mark.parametrize("name", MASKED)
def test_no_count_of_a_mask_can_be_taken_for_another(name):
    for args in exercises.find(name).make_cases():
        response, target = masks_of(name, args)
        B, T = response.shape
        counts = [response.sum(), target.sum(), response.size, B, T]
        assert len(set(map(int, counts))) == 5, counts
        assert (response.sum(axis=1) >= 3).all()  # two tokens and <eos>
        assert len(set(response.sum(axis=1).tolist())) > 1  # answers differ in length
        assert len(set((target - 1.0 * response).sum(axis=1).tolist())) > 1  # and so do prompts
        assert (target.sum(axis=1) < T).any()  # pads


def test_no_axis_can_be_taken_for_another():
    for (tokens,) in exercises.find("shift").make_cases():
        assert len({tokens.shape[0], tokens.shape[1], tokens.shape[1] - 1}) == 3
    for name in (
        "linear_backward",
        "layer_norm_backward",
        "gelu_backward",
        "mlp_block_backward",
        "token_nll",
    ):
        for args in exercises.find(name).make_cases():
            assert len(set(args[0].shape)) == len(args[0].shape), name


def test_some_logits_overflow_and_some_do_not():
    largest = [np.abs(logits).max() for logits, _ in exercises.find("token_nll").make_cases()]
    assert min(largest) < 20 and max(largest) > 710  # exp(710) is infinite in float64


def zeroed(value):
    if isinstance(value, dict):
        return {key: zeroed(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return tuple(zeroed(part) for part in value)
    return None if value is None else np.zeros_like(value)


@pytest.mark.parametrize("name", exercises.names())
def test_zeros_never_pass(name):
    solve = exercises.find(name).solve
    verdict = exercises.check(name, lambda *args: zeroed(solve(*args)))
    assert verdict.status == "wrong" and tidy(verdict.message), verdict.message


@pytest.mark.parametrize("name", exercises.names())
def test_values_of_another_case_never_pass(name):
    exercise = exercises.find(name)
    results = [exercise.solve(*args) for args in exercise.make_cases()]
    for shift in (1, 2, 3):
        rotated = iter(results[shift:] + results[:shift])
        assert exercises.check(name, lambda *args, it=rotated: next(it)).status == "wrong"


# ---------------------------------------------------------------- a learner's function in the model

SWAPPED = {
    name: f"{'model' if name == 'mlp_block_backward' else 'layers'}.{name}"
    for name in exercises.names()
    if name.split("_")[0] in ("linear", "gelu", "layer", "mix", "causal", "scores", "attention", "mlp")
}
SWAPPED |= {name: f"losses.{name}" for name in ("token_nll_backward", "weighted_mean_backward")}


@pytest.mark.parametrize(("name", "mine"), named(e for e in answers.RIGHT if e[0] in SWAPPED))
def test_a_right_function_works_in_the_whole_model(case, rng, name, mine):
    with swap(SWAPPED[name], mine):
        result = gradcheck.check_direction(*case, rng)
    gradcheck.require([result])


@pytest.mark.parametrize(
    "mine", [answers.gelu_without_three, answers.gelu_first_term, answers.gelu_of_the_exact_form]
)
def test_a_wrong_gelu_is_caught_in_the_model(case, mine):
    with swap("layers.gelu_backward", mine), pytest.raises(gradcheck.GradientError, match="c_fc"):
        gradcheck.require(gradcheck.check_model(*case))


def test_a_right_gelu_passes_the_check_of_the_model(case):
    with swap("layers.gelu_backward", answers.gelu_by_complex_step):
        gradcheck.require(gradcheck.check_model(*case))


@pytest.mark.parametrize(
    ("name", "mine"),
    named(
        [
            ("layer_norm_backward", answers.norm_without_mean),
            ("causal_softmax_backward", answers.softmax_first_term),
            ("scores_backward", answers.scores_unscaled),
            ("attention_backward", answers.attention_without_dv),
            ("mlp_block_backward", answers.mlp_without_residual),
            ("weighted_mean_backward", answers.mean_backward_by_rows),
            ("token_nll_backward", answers.nll_backward_in_the_wrong_order),
        ]
    ),
)
def test_a_wrong_function_is_caught_in_the_model(case, rng, name, mine):
    with swap(SWAPPED[name], mine):
        assert gradcheck.check_direction(*case, rng).problem


def test_training_with_a_learners_function_is_the_same():
    words = tokenizer.build("char", ["abcdefgh"])
    examples = [data.Example(*pair) for pair in (("ab", "c"), ("abc", "defg"), ("h", "ga"), ("fed", "cb"))]
    rows = [data.encode(example, words) for example in examples]
    config = model.Config(len(words.vocab), 12, 1, 2, 8)
    params = model.init(config, np.random.default_rng(0), dtype=np.float64)
    settings = train.Settings(steps=6, batch_size=3, warmup=1, eval_every=2)
    used = []

    def mine(dy, cache):
        used.append(dy.shape)
        return answers.gelu_by_complex_step(dy, cache)

    own, own_history = train.train(params, config, rows, rows, settings)
    with swap("layers.gelu_backward", mine):
        new, history = train.train(params, config, rows, rows, settings)
    assert len(used) == 6
    for ours, theirs in zip(own_history, history, strict=True):
        assert list(theirs) == list(ours)
        for key, value in ours.items():
            assert theirs[key] is value is None or theirs[key] == pytest.approx(value, rel=1e-9), key
    np.testing.assert_allclose(tree.flatten(new), tree.flatten(own), rtol=1e-6, atol=1e-9)
    assert history[-1]["response_nll"] < history[0]["response_nll"]
