"""Text to ids and back, vocabularies, and what tokens look like."""

import numpy as np
import pytest

from minilm import tokenizer as tokenizers


@pytest.mark.parametrize(
    ("level", "text"),
    [
        ("word", "is 2+2? User: 4"),
        ("word", ""),
        ("char", "héllo\n wörld  😀"),
        ("byte", "héllo\n\x00 😀\u2028 <eos>"),
    ],
)
def test_decode_undoes_encode(level, text):
    tokenizer = tokenizers.build(level, [text])
    ids = tokenizer.encode(text)
    assert ids.dtype == np.int64
    assert tokenizer.decode(ids) == text
    assert (ids >= 3).all()  # no text can write a special token


def test_bytes_cover_every_character():
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000)]))
    assert tokenizers.build("byte").decode(tokenizers.build("byte").encode(text)) == text


def test_special_tokens_cannot_be_written_in_text():
    tokenizer = tokenizers.build("word", ["say <eos> now"])
    assert tokenizer.vocab == ("<bos>", "<eos>", "<pad>", "now", "say")
    with pytest.raises(ValueError, match="unknown word '<eos>' at character 4"):
        tokenizer.encode("say <eos> now")


def test_a_vocabulary_is_sorted_after_its_special_tokens():
    tokenizer = tokenizers.build("char", ["ba", "cab"])
    assert tokenizer.vocab == ("<bos>", "<eos>", "<pad>", "a", "b", "c")
    assert tokenizer.encode("cab").tolist() == [5, 3, 4] and not tokenizer.has_markers


def test_markers_stand_between_special_tokens_and_pieces():
    tokenizer = tokenizers.build("word", ["hi"], markers=True)
    assert tokenizer.vocab[3:] == ("<system>", "<user>", "<assistant>", "<tool>", "hi")
    assert [tokenizer.marker(role) for role in ("system", "user", "assistant", "tool")] == [3, 4, 5, 6]
    assert tokenizer.has_markers and tokenizer.encode("hi").tolist() == [7]
    assert tokenizers.build("byte", markers=True).encode("\x01").tolist() == [8]


def test_the_first_unknown_piece_is_named_with_its_place():
    with pytest.raises(ValueError, match="unknown word 'new' at character 5 of 'an é new new word'"):
        tokenizers.build("word", ["an é word"]).encode("an é new new word")
    with pytest.raises(ValueError, match="unknown character 'x' at character 2"):
        tokenizers.build("char", ["an é word"]).encode("anxx")


@pytest.mark.parametrize(
    ("level", "piece", "shown"),
    [
        ("char", " ", "' '"),
        ("char", "\n", r"'\n'"),
        ("char", "é", "é"),
        ("byte", "é", "<c3>"),
        ("byte", "a", "a"),
    ],
)
def test_every_token_is_shown_as_visible_text(level, piece, shown):
    tokenizer = tokenizers.build(level, [piece])
    assert tokenizer.show(tokenizer.encode(piece)[0]) == shown
    assert tokenizer.show(0) == "<bos>"


def test_bytes_that_are_no_utf8_decode_to_a_replacement():
    tokenizer = tokenizers.build("byte")
    assert tokenizer.decode([0, 3 + 0xC3, 3 + 0x41, 1]) == "<bos>\ufffdA<eos>"


@pytest.mark.parametrize("level", tokenizers.LEVELS)
def test_pieces_of_another_level_are_refused(level):
    pieces = ("a",) if level == "byte" else (97,)
    with pytest.raises(ValueError, match=f"pieces are not those of the {level} level"):
        tokenizers.Tokenizer(level, tokenizers.SPECIALS + pieces)
