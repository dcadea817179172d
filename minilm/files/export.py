"""A trained model as a folder that transformers opens: weights, config and tokenizer.

The tokenizer is a definition for the `tokenizers` library whose ids are minilm's:

- bytes: GPT-2's printable stand-in of every byte, and a BPE without a single merge;
- characters: split at every one, look it up;
- words: split at single spaces, look it up.

There is no unknown token, as the model has no row for one: text outside of the vocabulary is an
error there ("Missing [UNK] token") as it is here. No token is added unasked, <bos> included. One
rule cannot be carried over: there, special tokens can be written in text, and TRL relies on it to
append "<eos>". For text that others wrote, call tokenizer(text, split_special_tokens=True); at word
level even then a word "<eos>" is looked up and found.
"""

import contextlib
import json
import shutil
from pathlib import Path

from ..tokenizer import BOS_ID, EOS_ID, PAD_ID, Tokenizer
from . import gpt2, safetensors

SPECIAL_IDS = {"bos_token_id": BOS_ID, "eos_token_id": EOS_ID, "pad_token_id": PAD_ID}
CODE_POINT = "[\\s\\S]"  # newlines included
# One space inside the text: two of them, or one at an end, stay in a piece that is unknown.
SINGLE_SPACE = "(?<=[^ ]) (?=[^ ])"
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
WORD_LEVEL = {"type": "WordLevel", "unk_token": "no such piece"}  # and so unknown text is an error
NOTHING_ADDED = {
    "type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {},
}
BPE = {
    **{"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None},
    **{"end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False},
    "merges": [],
}


def write_folder(out, params, config, tokenizer):
    """Write a folder for AutoModelForCausalLM.from_pretrained and AutoTokenizer.from_pretrained.

    Raises ValueError for a vocabulary that is not the model's, or where files are in the way.
    """
    if len(tokenizer.vocab) != config.vocab_size:
        raise ValueError(
            f"the tokenizer has {len(tokenizer.vocab)} pieces and the model {config.vocab_size} rows"
        )
    tensors, config_dict = gpt2.to_gpt2(params, config)
    files = {
        "config.json": {**config_dict, **SPECIAL_IDS},
        "generation_config.json": SPECIAL_IDS,
        "tokenizer.json": tokenizer_json(tokenizer),
        "tokenizer_config.json": tokenizer_config(tokenizer, config.n_positions),
    }
    with new_folder(out) as folder:
        for name, content in files.items():
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            (folder / name).write_bytes(text.encode("utf-8"))
        weights = safetensors.to_bytes(tensors, {"format": "pt"})
        (folder / "model.safetensors").write_bytes(weights)


def read_folder(path):
    """Read such a folder, also after transformers or TRL saved it: (params, config, tokenizer).

    Raises ValueError as gpt2.read_folder does, and for a tokenizer that is not one of minilm's.
    """
    params, config = gpt2.read_folder(path)
    file = Path(path) / "tokenizer.json"
    if not file.is_file():
        raise ValueError(f"{file} is missing: gpt2.read_folder reads a model without its tokenizer")
    try:
        tokenizer = from_tokenizer_json(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not a tokenizer that minilm can be ({error})") from None
    if len(tokenizer.vocab) != config.vocab_size:
        raise ValueError(f"{file} has {len(tokenizer.vocab)} pieces and the model {config.vocab_size} rows")
    return params, config, tokenizer


def tokenizer_json(tokenizer):
    """tokenizer.json: the definition of the same tokenizer for the `tokenizers` library."""
    alphabet = byte_alphabet()
    pieces = [alphabet[p] if isinstance(p, int) else p for p in tokenizer.vocab]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    # At word level "<eos>" takes the spaces beside it along: no word can keep them.
    strip = tokenizer.level == "word"
    flags = {"single_word": False, "lstrip": strip, "rstrip": strip, "normalized": False, "special": True}
    specials = pieces[: tokenizer.n_special]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": piece, **flags} for i, piece in enumerate(specials)],
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer(tokenizer.level),
        "post_processor": NOTHING_ADDED,
        "decoder": {"byte": BYTE_LEVEL, "char": {"type": "Fuse"}, "word": None}[tokenizer.level],
        "model": {**(BPE if tokenizer.level == "byte" else WORD_LEVEL), "vocab": vocab},
    }


def pre_tokenizer(level):
    """How the `tokenizers` library shall cut a text into the pieces that it then looks up."""
    if level == "byte":
        return BYTE_LEVEL
    pattern, behavior = (CODE_POINT, "Isolated") if level == "char" else (SINGLE_SPACE, "Removed")
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": False}


def from_tokenizer_json(content):
    """The Tokenizer that a tokenizer.json describes. Raises ValueError unless it is one of minilm's."""
    try:
        vocab, bpe = content["model"]["vocab"], content["model"]["type"] == "BPE"
        pieces = sorted(vocab, key=vocab.get)
        level = "word" if content["decoder"] is None else "char"
    except (TypeError, KeyError, AttributeError):  # of any JSON whatever
        raise ValueError("it has no model with a vocabulary of pieces and their ids, or no decoder") from None
    if bpe:
        level, of_piece = "byte", {piece: byte for byte, piece in byte_alphabet().items()}
        pieces = [of_piece.get(piece, piece) for piece in pieces]
    tokenizer = Tokenizer(level, tuple(pieces))
    for key, ours in tokenizer_json(tokenizer).items():
        # Length settings are the caller's; all else decides which ids a text gets.
        if key not in ("version", "truncation", "padding") and (key not in content or content[key] != ours):
            raise ValueError(f"its {key} is not that of minilm's {level} level")
    return tokenizer


def tokenizer_config(tokenizer, n_positions):
    """tokenizer_config.json: what transformers adds to the definition."""
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


def byte_alphabet():
    """{byte: its stand-in}: printable Latin-1 stands for itself, the rest for U+0100, U+0101, ...

    Source: Radford et al. 2019, the published encoder's bytes_to_unicode.
    """
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    rest = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte if byte in plain else 256 + rest.index(byte)) for byte in range(256)}


@contextlib.contextmanager
def new_folder(out):
    """`with new_folder(out) as folder:` - write there; `out` appears only if the block succeeds.

    Raises ValueError where `out` is a file, or a folder that is not empty.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} exists and is not an empty folder: name a new one, or move it away first")
    part = out.resolve().with_name(f"{out.resolve().name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a killed run
    part.mkdir(parents=True)
    try:
        yield part
        if out.exists():
            out.rmdir()
        part.replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
