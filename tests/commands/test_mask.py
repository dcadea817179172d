"""`mask` and `trace` without an example show the course's question; half an example is refused."""

import pytest
import refusing

from minilm.__main__ import main
from minilm.figures import identities


def run(capsys, *argv):
    assert main(list(argv)) == 0
    return capsys.readouterr().out


def test_without_an_example_the_course_s_question_is_shown(capsys):
    table = run(capsys, "mask")
    assert table == run(capsys, "mask", *identities.QUESTION)
    assert [line.split()[3] for line in table.splitlines() if "loss here" in line] == ["4", "<eos>"]
    assert "2+2? " in run(capsys, "trace", "--text") and "2+2? " in table


def test_options_hold_for_the_course_s_question_too(capsys):
    full = run(capsys, "mask", "--prompt-weight", "1", "--no-eos")
    assert full.count("<- loss here") == 6 and "<eos>" not in full
    assert run(capsys, "mask", "--level", "char").count("<- loss here") == 2


@pytest.mark.parametrize("command", ["mask", "trace"])
def test_half_an_example_is_refused(command, capsys):
    refusing.fails(
        [command, "a"], capsys, "give a PROMPT and a RESPONSE, or neither for the course's question"
    )
