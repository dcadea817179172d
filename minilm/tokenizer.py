"""Text to token ids and back, at three levels: words, characters, bytes.

The first three ids are the special tokens of every vocabulary; one that is built for conversations
has four role markers after them. None of these can be written in text: only data.encode puts them
into a sequence.
"""

import numbers
from dataclasses import dataclass

import numpy as np

SPECIALS = ("<bos>", "<eos>", "<pad>")
BOS_ID, EOS_ID, PAD_ID = range(3)
MARKERS = ("<system>", "<user>", "<assistant>", "<tool>")  # ids 3 .. 6, where a vocabulary has them
LEVELS = ("word", "char", "byte")


@dataclass(frozen=True)
class Tokenizer:
    """A level and its vocabulary; `vocab[i]` is the piece with id i (a byte is an int 0..255).

    decode(encode(text)) == text for what the level covers: at word level known words between
    single spaces, at character level known characters, at byte level every text.
    Raises ValueError for an unknown level, a vocabulary that does not begin with SPECIALS, or one whose
    other pieces are not the level's: texts, or at byte level all 256 bytes.
    """

    level: str
    vocab: tuple

    def __post_init__(self):
        if self.level not in LEVELS:
            raise ValueError(f"level {self.level!r} is not one of {', '.join(LEVELS)}")
        if not isinstance(self.vocab, tuple) or not all(isinstance(p, str | int) for p in self.vocab):
            raise ValueError("a vocabulary is a tuple of pieces: strings, or whole numbers for bytes")
        if self.vocab[:3] != SPECIALS or len(set(self.vocab)) != len(self.vocab):
            raise ValueError(f"a vocabulary begins with {SPECIALS} and names no piece twice")
        n_special = 7 if self.vocab[3:7] == MARKERS else 3  # sorted pieces never look like MARKERS
        rest = self.vocab[n_special:]
        if rest != tuple(range(256)) if self.level == "byte" else not all(isinstance(p, str) for p in rest):
            raise ValueError(f"the vocabulary's pieces are not those of the {self.level} level")
        utf8("".join(piece for piece in rest if isinstance(piece, str)))
        object.__setattr__(self, "n_special", n_special)
        pieces = enumerate(rest, start=n_special)
        object.__setattr__(self, "ids", {piece: i for i, piece in pieces})

    @property
    def has_markers(self):
        """Whether the vocabulary was built for conversations."""
        return self.n_special == 7

    def marker(self, role):
        """The id of a role's marker, "user" -> that of <user>. Raises ValueError if there is none."""
        if not self.has_markers or f"<{role}>" not in MARKERS:
            raise ValueError(
                f"the vocabulary has no marker <{role}>: conversations of system, user, assistant and "
                "tool need tokenizer.build(..., markers=True)"
            )
        return 3 + MARKERS.index(f"<{role}>")

    def encode(self, text):
        """Text -> ids, an int64 array. Raises ValueError naming the unknown piece and its place."""
        if not isinstance(text, str):
            raise ValueError(f"cannot encode {type(text).__name__}: text must be a string")
        if self.level == "byte":
            return np.frombuffer(utf8(text), dtype=np.uint8).astype(np.int64) + self.n_special
        pieces = split(text, self.level)
        try:
            return np.array([self.ids[piece] for piece in pieces], dtype=np.int64)
        except KeyError:
            raise ValueError(self._unknown(text, pieces)) from None

    def decode(self, ids):
        """Ids -> text; special tokens show by name, bytes that are no UTF-8 as U+FFFD.

        Raises ValueError for an id outside the vocabulary, and for what is no sequence of ids.
        """
        if np.ndim(ids) != 1 if isinstance(ids, np.ndarray) else not hasattr(ids, "__iter__"):
            raise ValueError(f"cannot decode {type(ids).__name__}: give one sequence of token ids")
        pieces = [self.piece(i) for i in ids]
        if self.level == "word":
            return " ".join(pieces)
        if self.level == "char":
            return "".join(pieces)
        data = b"".join(bytes([p]) if isinstance(p, int) else p.encode() for p in pieces)
        return data.decode("utf-8", errors="replace")

    def piece(self, token_id):
        """The vocabulary entry of one id. Raises ValueError for an id outside the vocabulary."""
        if not isinstance(token_id, numbers.Integral):
            raise ValueError(f"an id is {type(token_id).__name__}: ids are whole numbers")
        if not 0 <= token_id < len(self.vocab):
            raise ValueError(f"id {token_id} is outside the vocabulary of {len(self.vocab)}")
        return self.vocab[token_id]

    def show(self, token_id):
        """One token as visible text, for tables: a space in quotes, a newline as \\n."""
        piece = self.piece(token_id)
        if isinstance(piece, int):
            piece = chr(piece) if piece < 128 else f"<{piece:02x}>"
        return piece if piece.isprintable() and piece != " " else repr(piece)

    def _unknown(self, text, pieces):
        at = next(i for i, piece in enumerate(pieces) if piece not in self.ids)
        start = sum(len(piece) for piece in pieces[:at]) + (at if self.level == "word" else 0)
        noun = "word" if self.level == "word" else "character"
        hint = "use the byte level, which covers everything, or add it to the vocabulary's texts"
        if pieces[at] == "":
            hint = "words are separated by single spaces, with none at the ends"
        return f"unknown {noun} {pieces[at]!r} at character {start} of {text!r}: {hint}"


def build(level, texts=(), markers=False):
    """The tokenizer whose vocabulary is what occurs in `texts`, sorted (bytes: all 256).

    `markers` puts the role markers of conversations between the special tokens and these pieces.
    """
    specials = SPECIALS + MARKERS * markers
    if level == "byte":
        return Tokenizer(level, specials + tuple(range(256)))
    pieces = {piece for text in texts for piece in split(text, level)} - {"", *specials}
    return Tokenizer(level, specials + tuple(sorted(pieces)))


def split(text, level):
    """The pieces of a text at word or character level. Raises ValueError for what is no text."""
    if not isinstance(text, str):
        raise ValueError(f"cannot split {type(text).__name__}: text must be a string")
    return (text.split(" ") if text else []) if level == "word" else list(text)


def utf8(text):
    """Text -> bytes. Raises ValueError for a lone surrogate, which JSON can hold and UTF-8 cannot."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"character {error.start} of the text is a lone surrogate {text[error.start]!r}, which no "
            "UTF-8 can hold: repair the text where it was read"
        ) from None
