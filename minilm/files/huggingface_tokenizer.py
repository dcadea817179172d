"""A tokenizer as the tokenizer.json of the `tokenizers` library, with the same ids, and back.

- bytes: GPT-2's printable stand-in for every byte, and a BPE without a single merge;
- characters: split at every one, look it up;
- words: split at single spaces, look it up.

There is no unknown token, as the model has no row for one: text outside the vocabulary is an error
there ("Missing [UNK] token") as it is here. No token is added unasked, not even <bos>. One rule
cannot be carried over: there, special tokens can be written in text, and TRL relies on it to append
"<eos>". For text that others wrote, call tokenizer(text, split_special_tokens=True); at word level
even then a word "<eos>" is looked up and found.
"""

from ..tokenizer import Tokenizer

CODE_POINT = "[\\s\\S]"  # newlines included
# One space inside the text. Two spaces, or one at an end, stay in a piece that is then unknown.
SINGLE_SPACE = "(?<=[^ ]) (?=[^ ])"
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
WORD_LEVEL = {"type": "WordLevel", "unk_token": "no such piece"}  # so that unknown text is an error
NOTHING_ADDED = {
    "type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {},
}
BPE = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
    "merges": [],
}
DECODERS = {"byte": BYTE_LEVEL, "char": {"type": "Fuse"}, "word": None}
LENGTH_KEYS = ("version", "truncation", "padding")  # the caller's to change; all else decides the ids


def to_tokenizer_json(tokenizer):
    """The content of tokenizer.json: the same tokenizer for the `tokenizers` library."""
    stand_ins = map_bytes_to_characters()
    pieces = [stand_ins[piece] if isinstance(piece, int) else piece for piece in tokenizer.vocab]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    strip = tokenizer.level == "word"  # there "<eos>" takes the spaces beside it: no word can keep them
    flags = {"single_word": False, "lstrip": strip, "rstrip": strip, "normalized": False, "special": True}
    special_pieces = pieces[: tokenizer.n_special]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": piece, **flags} for i, piece in enumerate(special_pieces)],
        "normalizer": None,
        "pre_tokenizer": describe_pre_tokenizer(tokenizer.level),
        "post_processor": NOTHING_ADDED,
        "decoder": DECODERS[tokenizer.level],
        "model": {**(BPE if tokenizer.level == "byte" else WORD_LEVEL), "vocab": vocab},
    }


def from_tokenizer_json(content):
    """The Tokenizer that a tokenizer.json describes. Raises ValueError unless it is one of minilm's."""
    try:
        vocab, is_bpe = content["model"]["vocab"], content["model"]["type"] == "BPE"
        pieces = sorted(vocab, key=vocab.get)
        level = "word" if content["decoder"] is None else "char"
    except (TypeError, KeyError, AttributeError):  # from any other JSON
        raise ValueError("it has no model with a vocabulary of pieces and their ids, or no decoder") from None
    if is_bpe:
        level = "byte"
        byte_of = {character: byte for byte, character in map_bytes_to_characters().items()}
        pieces = [byte_of.get(piece, piece) for piece in pieces]
    tokenizer = Tokenizer(level, tuple(pieces))
    for key, expected in to_tokenizer_json(tokenizer).items():
        if key not in LENGTH_KEYS and (key not in content or content[key] != expected):
            raise ValueError(f"its {key} is not that of minilm's {level} level")
    return tokenizer


def to_tokenizer_config(tokenizer, n_positions):
    """The content of tokenizer_config.json: what transformers adds to the definition."""
    bos, eos, pad, *markers = tokenizer.vocab[: tokenizer.n_special]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos,
        "eos_token": eos,
        "pad_token": pad,
        "additional_special_tokens": markers,
        "model_max_length": n_positions,
        "padding_side": "right",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
    }


def describe_pre_tokenizer(level):
    """How the `tokenizers` library cuts a text into the pieces that it then looks up."""
    if level == "byte":
        return BYTE_LEVEL
    pattern, behavior = (CODE_POINT, "Isolated") if level == "char" else (SINGLE_SPACE, "Removed")
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": False}


def map_bytes_to_characters():
    """{byte: character}: printable Latin-1 stands for itself, the rest for U+0100, U+0101, ...

    Source: Radford et al. 2019, bytes_to_unicode of the published encoder.
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte if byte in printable else 256 + others.index(byte)) for byte in range(256)}
