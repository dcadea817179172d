"""JSON from other hands: one strict reader."""

import pytest

from minilm.figures import results
from minilm.files import json_text


def test_text_and_bytes_are_read():
    assert json_text.parse('{"a": [1, null]}') == json_text.parse(b'{"a": [1, null]}') == {"a": [1, None]}
    many = "{" + ", ".join(f'"{i}": {i}' for i in range(50_000)) + "}"  # a vocabulary: no quadratic time
    assert len(json_text.parse(many)) == 50_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": 2, "b": 3}', "^the key 'b' stands twice: keep one$"),
        ('[{"c": {"a": 1, "a": 1}}]', "the key 'a' stands twice"),
        ('{"%s": 1, "%s": 1}' % (("a" * 10**5,) * 2), "^the key .{80} stands twice: keep one$"),
        ("[-Infinity]", "^-Infinity is not JSON: use null or a string$"),
        ("[1,\n 2\n 3]", "^not JSON, Expecting ',' delimiter at line 3, column 2$"),
        (b'"\xff"', "^not UTF-8, byte 0xff at column 2$"),
        ("[" * 10**5, "^brackets nested too deep$"),
        ("9" * 5000, "^a number with thousands of digits"),
    ],
)
def test_what_python_passes_over_is_refused(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        json_text.parse(text)
    path = tmp_path / "figure.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=r"figure\.json is not JSON"):
        results.read_json(path)
