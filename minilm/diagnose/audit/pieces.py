"""Ids as text by the table in a tokenizer.json: decoding is a look-up and needs no tokenizer library."""

import json
import re

from ... import files
from ...files.huggingface_tokenizer import map_bytes_to_characters
from ..report import DiagnoseError

BYTE = re.compile("<0x[0-9A-Fa-f]{2}>")  # how a piece that stands for one byte is written, <0x0A>


class Pieces:
    """decode(ids) -> text; show(id) -> one token's text. Ids outside the table are shown as numbers."""

    def __init__(self, table, special, style):
        self.table, self.special, self.style = table, special, style
        self.byte_of = {c: byte for byte, c in map_bytes_to_characters().items()}

    def decode(self, ids):
        """The text of some ids; a special token is its own name."""
        pieces = [self.decode_piece(int(i)) for i in ids]
        joined = b""
        for k, piece in enumerate(pieces):
            if self.style == "words" and k and not piece.startswith(b"##"):
                joined += b" "
            joined += piece.removeprefix(b"##") if self.style == "words" and k else piece
        return joined.decode("utf-8", errors="replace")

    def show(self, token):
        """The text of one id, quoted where it is blank."""
        text = self.decode([token])
        return text if text.strip() else repr(text)

    def decode_piece(self, token):
        """The bytes of one id."""
        piece = self.table.get(token)
        if piece is None:
            return f"<{token}?>".encode()
        if token in self.special:
            return piece.encode()
        if self.style == "bytes" and all(c in self.byte_of for c in piece):
            return bytes(self.byte_of[c] for c in piece)
        if BYTE.fullmatch(piece):
            return bytes([int(piece[3:5], 16)])
        return piece.replace("▁", " ").encode("utf-8", errors="replace")


def read_pieces(path):
    """Pieces of a tokenizer.json. Raises DiagnoseError for another file, OSError for none."""
    with files.atomic.open_regular(path) as file:
        content = file.read()
    try:
        content = files.json_text.parse(content)
        vocab = content["model"]["vocab"]
        pairs = vocab.items() if isinstance(vocab, dict) else ((p[0], i) for i, p in enumerate(vocab))
        table = {int(i): str(piece) for piece, i in pairs}
        added = {int(token["id"]): str(token["content"]) for token in content.get("added_tokens") or []}
        rest = json.dumps([content.get(key) for key in ("pre_tokenizer", "decoder")])
        kind = content["model"].get("type")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise DiagnoseError(
            f"{path} is no tokenizer.json: it needs a model with a vocab, as the tokenizers library writes it"
        ) from None
    is_words = kind in ("WordPiece", "WordLevel") and not any(w in rest for w in ("Fuse", "ByteLevel"))
    style = "bytes" if "ByteLevel" in rest else "words" if is_words else "pieces"
    return Pieces(table | added, set(added), style)
