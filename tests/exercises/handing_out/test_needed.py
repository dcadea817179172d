"""What is kept of earlier cells: what the code needs of them, and nothing else."""

from minilm import exercises
from minilm.exercises.handing_out import needed


def make_cells(*sources):
    return [{"cell_type": "code", "metadata": {}, "source": source} for source in sources]


def collect(*sources, names):
    return needed.collect_statements(make_cells(*sources), set(names)).split("\n")


def test_only_what_is_needed_of_earlier_cells_is_kept():
    kept = collect(
        "%matplotlib inline\nimport numpy as np\na = 1\nunused = 2",
        "b = [a]\nb[0] = 5\nprint(b)",
        "def g(x): return x + b[0]\ndef f(x):\n    c = x\n    return g(c)\nc = 3",
        names={"f"},
    )
    assert kept == [
        "import numpy as np",
        *("a = 1", "b = [a]", "b[0] = 5"),
        *("def g(x): return x + b[0]", "def f(x):", "    c = x", "    return g(c)"),
    ]


def test_of_a_name_bound_twice_the_last_is_kept_unless_it_needs_the_first():
    assert collect("a = 1\na = 2", names={"a"}) == ["a = 2"]
    assert collect("a = 1\na += 2", names={"a"}) == ["a = 1", "a += 2"]
    assert collect("a = 1\nfor a in range(a): pass", names={"a"}) == ["a = 1", "for a in range(a): pass"]


def test_minilm_s_own_function_stands_in_for_an_exercise_solved_before():
    cells = make_cells("def shift(tokens):\n    raise NotImplementedError()", "shift = check(shift)")
    for cell, about in zip(cells, ({"solution": True}, {"grade": True}), strict=True):
        cell["metadata"]["nbgrader"] = about
    kept = needed.collect_statements(cells, {"shift"})
    names = {}
    exec(kept, names)
    assert names["shift"] is exercises.find("shift").solve


def test_variables_of_a_block_are_its_own_and_what_it_reads_is_not():
    def list_names(source):
        return needed.list_names(make_cells(source))

    assert list_names("for k, a in enumerate(b):\n    c = a + k\n    print(c, d)") == {"b", "d"}
    assert list_names("for k in b:\n    total += k\nelse:\n    print(e)") == {"b", "total", "e"}
    assert list_names("with f(x) as y, g as z:\n    r = y + z\nprint(r)") == {"f", "x", "g"}
    assert list_names("print([a for a in b if a > c], (lambda d: d + e)(1))") == {"b", "c", "e"}
    assert list_names("for k in b:\n    d[k] = 1") == {"b", "d"}


def test_a_loop_that_binds_a_name_hides_what_bound_it_before():
    assert collect("r = slow()", "for r in b:\n    pass", names={"r"}) == ["for r in b:", "    pass"]
    assert collect("r = slow()", "for k in r:\n    r = k", names={"r"})[0] == "r = slow()"
    assert collect("r = slow()", "if b:\n    r = 1", names={"r"})[0] == "r = slow()"
