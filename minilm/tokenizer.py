"""Text to token ids and back, at three levels: words, characters, bytes.

The first three ids of every vocabulary are the special tokens. A vocabulary for conversations has
four role markers after them. None of these can be written in text: only data.encode puts them into
a sequence.
"""

import numbers
from dataclasses import dataclass

import numpy as np

SPECIALS = ("<bos>", "<eos>", "<pad>")
BOS_ID, EOS_ID, PAD_ID = range(3)
MARKERS = ("<system>", "<user>", "<assistant>", "<tool>")  # ids 3 .. 6, if a vocabulary has them
LEVELS = ("word", "char", "byte")


@dataclass(frozen=True)
class Tokenizer:
    """A level and its vocabulary; `vocab[i]` is the piece with id i (a byte is an int 0..255).

    decode(encode(text)) == text for every text that the level covers: at word level known words
    between single spaces, at character level known characters, at byte level everything.
    Raises ValueError for an unknown level, a vocabulary that does not begin with SPECIALS, or other
    pieces that are not the level's: strings, or at byte level all 256 bytes.
    """

    level: str
    vocab: tuple

    def __post_init__(self):
        if self.level not in LEVELS:
            raise ValueError(f"level {self.level!r:.80} is not one of {', '.join(LEVELS)}")
        if not isinstance(self.vocab, tuple) or not all(isinstance(p, str | int) for p in self.vocab):
            raise ValueError("a vocabulary is a tuple of pieces: strings, or whole numbers for bytes")
        if self.vocab[:3] != SPECIALS or len(set(self.vocab)) != len(self.vocab):
            raise ValueError(f"a vocabulary begins with {SPECIALS} and names no piece twice")
        n_special = 7 if self.vocab[3:7] == MARKERS else 3  # sorted pieces never look like MARKERS
        pieces = self.vocab[n_special:]
        check_pieces(pieces, self.level)
        object.__setattr__(self, "n_special", n_special)  # the usual way is closed: the class is frozen
        object.__setattr__(self, "ids", {piece: i for i, piece in enumerate(pieces, start=n_special)})

    @property
    def has_markers(self):
        """Whether the vocabulary was built for conversations."""
        return self.n_special == 7

    def marker(self, role):
        """Return the id of a role's marker: "user" -> that of <user>. Raises ValueError if there is none."""
        if not self.has_markers or f"<{role}>" not in MARKERS:
            raise ValueError(
                f"the vocabulary has no marker <{role}>: conversations of system, user, assistant and "
                "tool need tokenizer.build(..., markers=True)"
            )
        return 3 + MARKERS.index(f"<{role}>")

    def encode(self, text):
        """Text -> ids, an int64 array. Raises ValueError naming an unknown piece and its place."""
        if not isinstance(text, str):
            raise ValueError(f"cannot encode {type(text).__name__}: text must be a string")
        if self.level == "byte":
            return np.frombuffer(encode_utf8(text), dtype=np.uint8).astype(np.int64) + self.n_special
        pieces = split_text(text, self.level)
        for number, piece in enumerate(pieces):
            if piece not in self.ids:
                raise ValueError(describe_unknown(text, pieces, number, self.level))
        return np.array([self.ids[piece] for piece in pieces], dtype=np.int64)

    def decode(self, ids):
        """Ids -> text. Special tokens show by name, bytes that are no UTF-8 as U+FFFD.

        Raises ValueError for an id outside the vocabulary, and for anything but one sequence of ids.
        """
        is_sequence = ids.ndim == 1 if isinstance(ids, np.ndarray) else hasattr(ids, "__iter__")
        if not is_sequence:
            raise ValueError(f"cannot decode {type(ids).__name__}: give one sequence of token ids")
        pieces = [self.piece(i) for i in ids]
        if self.level == "word":
            return " ".join(pieces)
        if self.level == "char":
            return "".join(pieces)
        data = b"".join(bytes([p]) if isinstance(p, int) else p.encode() for p in pieces)
        return data.decode("utf-8", errors="replace")

    def piece(self, token_id):
        """Return the vocabulary entry of one id. Raises ValueError for an id outside the vocabulary."""
        if not isinstance(token_id, numbers.Integral):
            raise ValueError(f"an id is {type(token_id).__name__}: ids are whole numbers")
        if not 0 <= token_id < len(self.vocab):
            raise ValueError(f"id {token_id} is outside the vocabulary of {len(self.vocab)}")
        return self.vocab[token_id]

    def show(self, token_id):
        """Return one token as visible text, for tables: a space in quotes, a newline as \\n."""
        piece = self.piece(token_id)
        if isinstance(piece, int):
            piece = chr(piece) if piece < 128 else f"<{piece:02x}>"
        return piece if piece.isprintable() and piece != " " else repr(piece)


def build(level, texts=(), markers=False):
    """Build the tokenizer whose vocabulary is what occurs in `texts`, sorted (bytes: all 256).

    `markers` puts the role markers of conversations between the special tokens and these pieces.
    """
    specials = SPECIALS + MARKERS if markers else SPECIALS
    if level == "byte":
        return Tokenizer(level, specials + tuple(range(256)))
    pieces = set()
    for text in texts:
        pieces.update(split_text(text, level))
    return Tokenizer(level, specials + tuple(sorted(pieces - {"", *specials})))


def split_text(text, level):
    """Split a text into words or characters: a list. Raises ValueError for anything but a string."""
    if not isinstance(text, str):
        raise ValueError(f"cannot split {type(text).__name__}: text must be a string")
    if level == "char":
        return list(text)
    return text.split(" ") if text else []


def encode_utf8(text):
    """Text -> bytes. Raises ValueError for a lone surrogate, which JSON can hold and UTF-8 cannot."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"character {error.start} of the text is a lone surrogate {text[error.start]!r}, which "
            "UTF-8 cannot hold: repair the text where it was read"
        ) from None


def check_pieces(pieces, level):
    """Raise ValueError unless the pieces after the special tokens are those of a level."""
    if level == "byte":
        is_valid = pieces == tuple(range(256))
    else:
        is_valid = all(isinstance(piece, str) for piece in pieces)
    if not is_valid:
        raise ValueError(f"the vocabulary's pieces are not those of the {level} level")
    if level != "byte":
        encode_utf8("".join(pieces))  # raises for a piece that no file could hold


def describe_unknown(text, pieces, number, level):
    """Say which piece of a text is unknown, where it begins, and what to do: one sentence."""
    n_spaces = number if level == "word" else 0
    start = sum(len(piece) for piece in pieces[:number]) + n_spaces
    noun = "word" if level == "word" else "character"
    hint = "use the byte level, which covers everything, or add it to the vocabulary's texts"
    if pieces[number] == "":
        hint = "words are separated by single spaces, with none at the ends"
    return f"unknown {noun} {pieces[number]!r:.80} at character {start} of {text!r:.80}: {hint}"
