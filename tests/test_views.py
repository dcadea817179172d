"""One source of "which token carries loss", shown as a table, as lines and as a list."""

import numpy as np

from minilm import data, tokenizer, views

BYTES = tokenizer.build("byte")
ROW = data.encode(data.Example("é\n", "ü<"), BYTES)  # <bos> é é \n | ü ü < <eos>
LOSS_WEIGHTS = np.array([0, 0, 0, 0.5, 1, 1, 1, 0])


def test_runs_of_one_loss_weight_are_decoded_as_a_whole():
    entries = views.mark_runs(ROW.tokens, LOSS_WEIGHTS, BYTES.decode)
    assert entries == [("-", 0, "<bos>é"), ("~", 0.5, r"\n"), ("+", 1, "ü<"), ("-", 0, "<eos>")]
    parts = views.mark_runs(ROW.tokens, np.zeros(8), BYTES.decode, ROW.turns)
    assert [entry.text for entry in parts] == [r"<bos>é\n", "ü<<eos>"]


def test_every_token_has_its_own_entry():
    entries = views.mark_each(ROW.tokens, LOSS_WEIGHTS, BYTES)
    assert "".join(entry.mark for entry in entries) == "---~+++-"
    assert [entry.text for entry in entries[:4]] == ["<bos>", "<c3>", "<a9>", r"'\n'"]


def test_lines_and_items_show_the_same_entries():
    entries = views.mark_runs(ROW.tokens, LOSS_WEIGHTS, BYTES.decode)
    assert views.write_lines(entries) == ["  - <bos>é", r"  ~ \n  (0.5)", "  + ü<", "  - <eos>"]
    assert views.write_lines(entries, colour=True)[2] == "  + \033[30;42mü<\033[0m"
    assert views.write_items(entries).split("\n") == [
        "<li>- &lt;bos&gt;é</li>",
        r'<li class="part">~ \n  (0.5)</li>',
        '<li class="lit">+ ü&lt;</li>',
        "<li>- &lt;eos&gt;</li>",
        "",
    ]


def test_what_a_terminal_would_obey_stands_as_its_escape():
    text = "é\x1b[31m\a\r\n\x9b\x7f\u202e\u2066\u2028日"
    assert views.escape(text) == r"é\x1b[31m\x07\r\n\x9b\x7f\u202e\u2066\u2028日"
    assert views.escape("a\nb\r\n", keep="\n") == "a\nb\\r\n"


def test_the_table_is_this_text():
    words = tokenizer.build("word", ["User: 2+2? 4"])
    table = data.mask_table(data.encode(data.Example("User: 2+2?", "4"), words), words, 0.1)
    assert table.split("\n") == [
        "t  input -> target  target is  weight",
        "0  <bos> -> User:   prompt        0.1  <- loss here",
        "1  User: -> 2+2?    prompt        0.1  <- loss here",
        "2  2+2?  -> 4       response        1  <- loss here",
        "3  4     -> <eos>   eos             1  <- loss here",
    ]
