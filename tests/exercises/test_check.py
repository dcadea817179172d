"""The verdict: to do, hints, grading, as text and as HTML."""

import html.parser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from exercises.answers import one_sequence

from minilm import exercises


def test_the_exercises_stand_in_the_order_of_the_lessons():
    names = exercises.names()
    assert len(names) == len(set(names)) >= 22
    assert names[0] == "shift" and names[-3:] == ["target_weights", "last_turn_mask", "combine_gradients"]


@pytest.mark.parametrize("lesson", exercises.LESSONS, ids=lambda lesson: lesson.__name__.split(".")[-1])
def test_the_exercises_of_a_notebook_are_in_the_module_of_its_name(lesson):
    name = lesson.__name__.split(".")[-1]
    (path,) = (Path(__file__).parents[2] / "lessons").glob(f"[0-9][0-9]_{name}.ipynb")
    checked = re.findall(r'check\(\\"(\w+)\\"', path.read_text(encoding="utf-8"))
    assert sorted(set(checked)) == sorted([*lesson.EXERCISES, *getattr(lesson, "QUESTIONS", {})])


@pytest.mark.parametrize("name", exercises.names())
def test_unsolved_is_to_do_and_minilms_own_goes_on(name):
    def unsolved(*args):
        raise NotImplementedError("your turn")

    verdict = exercises.check(name, unsolved)
    assert verdict.status == "to do" and not verdict.ok
    assert verdict.message.startswith(f"{name}(") and f'hint("{name}")' in verdict.message
    again = exercises.check(name, verdict.function)  # the notebook's name now means minilm's function
    assert again.status == "to do" and "minilm's own function" in again.message


@pytest.mark.parametrize("name", exercises.names())
def test_two_hints(name):
    first, second = exercises.hint(name), exercises.hint(name, 2)
    assert first and second and first != second
    assert repr(first) == str(first) and "<div" in first._repr_html_()
    with pytest.raises(ValueError, match="there is no hint 3: ask for 1 or 2"):
        exercises.hint(name, 3)


@pytest.mark.parametrize("name", exercises.QUESTIONS)
def test_a_question_has_no_hints_and_says_so(name):
    with pytest.raises(ValueError, match=f'a question has no hints: ask."{name}".'):
        exercises.hint(name)


def test_an_unknown_name_lists_all():
    for ask in (lambda: exercises.check("gelu", print), lambda: exercises.hint("gelu")):
        with pytest.raises(ValueError, match="there is no exercise 'gelu'") as caught:
            ask()
        assert all(name in str(caught.value) for name in exercises.names())


def test_grading_raises_for_all_but_passed(monkeypatch):
    def unsolved(tokens):
        raise NotImplementedError

    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert exercises.check("shift", one_sequence.shift_by_loops).grade() is None  # no number, no warning
    verdict = exercises.check("shift", unsolved)  # raises nothing yet: its function is still of use
    with pytest.raises(AssertionError, match="shift: to do"):
        verdict.grade()
    with pytest.raises(AssertionError, match=r"shift: wrong.*without the shift the model learns to copy"):
        exercises.check("shift", lambda tokens: (tokens[:, :-1], tokens[:, :-1])).grade()
    monkeypatch.delenv("NBGRADER_EXECUTION")
    assert verdict.grade() is verdict


def test_a_script_sees_the_verdict(capsys):
    verdict = exercises.check("shift", one_sequence.shift_by_loops)
    assert capsys.readouterr() == (f"{verdict}\n", "")


DRIVER = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell, script = InteractiveShell.instance(), sys.argv[1]
code = open(script).read()
for file in (script, "script.py"):  # %run gives the whole path, `ipython script.py` what was typed
    shell.safe_execfile(script, {"__file__": file})
    print("---")
shell.run_cell(code)
"""


def test_a_script_that_ipython_runs_sees_it_and_a_cell_shows_it_once(tmp_path):
    path = tmp_path / "script.py"
    path.write_text('from minilm import exercises\nexercises.check("shift", lambda tokens: None)\n')
    command = [sys.executable, "-c", DRIVER, str(path)]  # a process of its own: a shell changes builtins
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "IPYTHONDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    shown = done.stdout.split("---")
    assert [part.count("shift: wrong.") for part in shown] == [1, 1, 1], done.stdout


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
