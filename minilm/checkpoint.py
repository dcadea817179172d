"""Save and load a model: parameters, config and tokenizer in one .npz file.

The arrays stand under their dotted names, config and tokenizer as JSON text in "meta". Nothing
is ever pickled. A file is written beside its destination and moved there when it is whole, so a
killed process or a full disk leaves the old file as it was.
"""

import json
import os
import struct
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np

from . import model
from . import params as tree
from .gpt2 import from_gpt2 as from_gpt2  # named here too: a GPT-2 is one more form of a checkpoint
from .gpt2 import to_gpt2 as to_gpt2
from .tokenizer import Tokenizer

DAMAGED = (  # what json, zipfile and NumPy raise on bytes that are not what they should be
    *(ValueError, TypeError, KeyError, AttributeError, EOFError, RuntimeError),
    *(OSError, zipfile.BadZipFile, zlib.error, struct.error, MemoryError, SyntaxError),
)


def save(path, params, config, tokenizer):
    """Write a checkpoint to exactly `path`, replacing what stands there in one move.

    Raises OSError where the folder cannot be written; the old file then survives.
    """
    meta = {
        "format": "minilm 1",
        "config": asdict(config),
        "tokenizer": {"level": tokenizer.level, "vocab": tokenizer.vocab},
    }
    with replacing(path) as file:  # a file object: np.savez would append .npz to a name
        np.savez(file, meta=json.dumps(meta), **dict(tree.named(params)))


def load(path):
    """Read what `save` wrote: (params, config, tokenizer).

    Raises ValueError, in one sentence, for anything that is not a whole minilm checkpoint.
    """
    if not Path(path).is_file():
        raise ValueError(f"{path} is no file: give the folder that `train --out` wrote")
    with open(path, "rb") as file:
        try:
            arrays = dict(np.load(file, allow_pickle=False))
            meta = json.loads(str(arrays.pop("meta")))
            config = model.Config(**meta["config"])
            tokenizer = Tokenizer(meta["tokenizer"]["level"], tuple(meta["tokenizer"]["vocab"]))
        except DAMAGED as error:
            raise ValueError(
                f"{path} is not a whole minilm checkpoint ({type(error).__name__}): it was cut short, "
                "damaged, or written by something else; train again or restore a copy"
            ) from None
    params = tree.from_named(arrays)
    try:
        model.check_params(params, config)
        if len(tokenizer.vocab) != config.vocab_size:
            raise ValueError("its tokenizer and its config differ in vocabulary size")
    except ValueError as error:
        raise ValueError(f"{path} does not hold a model that fits its config: {error}") from None
    return params, config, tokenizer


class replacing:
    """`with replacing(path) as file:` - write binary; `path` changes only if the block succeeds."""

    def __init__(self, path):
        self.path = Path(path)

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.temporary = self.path.with_name(f"{self.path.name}.part")
        self.file = open(self.temporary, "wb")
        return self.file

    def __exit__(self, kind, *_):
        try:
            with self.file:
                if kind is None:
                    self.file.flush()
                    os.fsync(self.file.fileno())
            if kind is None:
                os.replace(self.temporary, self.path)
        finally:
            self.temporary.unlink(missing_ok=True)
