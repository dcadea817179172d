"""The page of known mistakes: up to date, whole, and readable."""

import re
from pathlib import Path

from minilm import exercises
from minilm.exercises.handing_out import mistakes
from minilm.exercises.question import Question

PAGE = Path(__file__).parents[3] / "lessons" / "mistakes.md"


def test_the_stored_page_is_what_the_checker_says():
    page = PAGE.read_text(encoding="utf-8")
    assert page == mistakes.make_page(), "make it anew: python lessons/build.py --pages"


def test_every_exercise_has_its_known_mistakes_on_the_page():
    page = mistakes.make_page()
    for exercise in exercises.EXERCISES.values():
        section = page.partition(f"### `{exercise.describe_call()}`\n")[2].partition("\n#")[0]
        assert section.count("\n- ") >= 2
    for question in exercises.QUESTIONS.values():
        assert mistakes.escape(question.replies[question.right]) not in page


def test_a_sentence_stands_once_with_all_the_outputs_it_is_about(monkeypatch):
    exercise = exercises.find("linear_backward")
    said = {"dx": {"Both.": 0, "One.": 0}, "dweight": {"Both.": 0}}
    monkeypatch.setitem(exercises.EXERCISES, "mine", exercise._replace(make_mistakes=lambda *_: said))
    assert mistakes.list_items("mine") == ["`dx`, `dweight`: Both.", "`dx`: One."]
    assert mistakes.name_labels(["a", "b"], "ab") == ""
    assert mistakes.name_labels(["a", "b", "c", "d", "e"], "abcdef") == "`a`, `b`, `c` and 2 others: "


def test_of_a_question_the_wrong_choices_stand_with_their_replies(monkeypatch):
    asked = Question("Which <eos>?", {"a": "All <x>.", "b": "`<y>`"}, "b", {"a": "No: `<z>`.", "b": "Yes."})
    monkeypatch.setitem(exercises.QUESTIONS, "mine", asked)
    assert mistakes.describe("mine") == "### Question `mine`\n\nWhich &lt;eos&gt;?\n"
    assert mistakes.list_items("mine") == ["*All &lt;x&gt;*: No: `<z>`."]


def test_no_line_holds_what_markdown_would_take_for_a_tag():
    for line in mistakes.make_page().split("\n"):
        if not re.fullmatch("<details><summary>[0-9]+ more</summary>", line):
            assert not re.search("<[a-z]", re.sub("`[^`]*`", "", line)), line


def test_a_long_list_is_folded_and_a_short_one_is_not():
    long = mistakes.fold(list("abcdefgh"))
    assert (
        long.startswith("- a\n")
        and "- f\n\n<details><summary>2 more</summary>\n\n- g\n- h\n\n</details>\n" in long
    )
    assert "<details>" not in mistakes.fold(list("abcdefg"))
