"""What the tests of refusals share: how an error of a function and one of a command is judged."""

import re

import pytest

from minilm.__main__ import main

GOOD = '{"prompt": "ab?", "completion": "cd"}\n{"prompt": "f?", "completion": "e"}\n'


def refused(call, message):
    """The call raises a ValueError that matches, in one line."""
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def fails(argv, capsys, message):
    """The command ends with code 2 and one line on stderr that matches; stdout stays empty."""
    try:
        code = main([str(a) for a in argv])
    except SystemExit as error:  # argparse: usage, then the sentence
        code = error.code
    out, err = capsys.readouterr()
    assert code == 2 and out == ""
    assert "Traceback" not in err and err.replace("\n", "").isprintable() and len(err) < 2500
    assert re.search(message, err.strip().split("\n")[-1]), err
