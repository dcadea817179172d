"""Save and load a model, and what its training goes on from, in one .npz file.

The arrays stand under their dotted names, all else as JSON text in "meta". Nothing is ever
pickled. A file is written beside its destination and moved there when it is whole, so a killed
process or a full disk leaves the old file as it was.
"""

import contextlib
import io
import json
import os
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import model, optim, tree
from ..tokenizer import Tokenizer
from . import npz
from .gpt2 import from_gpt2 as from_gpt2  # named here too: a GPT-2 is one more form of a checkpoint
from .gpt2 import to_gpt2 as to_gpt2

OPTIMIZER = "optimizer."  # what the names of the optimiser's arrays begin with


class Checkpoint(NamedTuple):
    """What a file holds; `optimizer` (as optim.init's) and `run` (JSON) are both None without a run."""

    params: dict
    config: model.Config
    tokenizer: Tokenizer
    optimizer: dict | None
    run: dict | None


def save(path, params, config, tokenizer, optimizer=None, run=None):
    """Write a checkpoint to exactly `path`, replacing what stands there in one move.

    Raises OSError where the folder cannot be written; the old file then survives.
    """
    meta = {
        "format": "minilm 1",
        "config": asdict(config),
        "tokenizer": {"level": tokenizer.level, "vocab": tokenizer.vocab},
        "run": run,
    }
    state = {f"{OPTIMIZER}{name}": value for name, value in (optimizer or {}).items()}
    whole = io.BytesIO()  # in memory first: a zip file that fails midway fails again when it is closed
    np.savez(whole, meta=json.dumps(meta), **dict(tree.named(params)), **state)
    with replacing(path) as file:
        file.write(whole.getbuffer())


def load(path):
    """Read the model that `save` wrote: (params, config, tokenizer). Raises what `read` raises."""
    return read(path)[:3]


def read(path):
    """Read all that `save` wrote, a Checkpoint; a file without a run is one, too.

    Raises ValueError, in one sentence, for anything that is not a whole minilm checkpoint.
    """
    if not Path(path).is_file():
        raise ValueError(f"{path} is no file: give the folder that `train --out` wrote")
    with open(path, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's and Python's guesses at what damaged bytes mean
        try:
            arrays = npz.arrays(file)
            meta = json.loads(str(arrays.pop("meta")))
            config = model.Config(**meta["config"])
            tokenizer = Tokenizer(meta["tokenizer"]["level"], tuple(meta["tokenizer"]["vocab"]))
            run = meta.get("run")
            names = [name for name in arrays if name.startswith(OPTIMIZER)]
            optimizer = {name.removeprefix(OPTIMIZER): arrays.pop(name) for name in names} or None
            params = tree.from_named(arrays)
        except Exception as error:  # what zipfile, NumPy, ast and json raise on any bytes is no closed list
            reason = error if isinstance(error, npz.SizeError) else type(error).__name__
            raise ValueError(
                f"{path} is not a whole minilm checkpoint ({reason}): it was cut short, "
                "damaged, or written by something else; train again or restore a copy"
            ) from None
    try:
        model.check_params(params, config)
        if len(tokenizer.vocab) != config.vocab_size:
            raise ValueError("its tokenizer and its config differ in vocabulary size")
        if (optimizer is None) != (run is None):
            raise ValueError("of a run's notes and its optimiser's arrays it has one without the other")
        if optimizer:
            check_optimizer(optimizer, params)
            optimizer["step"] = int(optimizer["step"])  # saved as an array of no dimension
    except ValueError as error:
        raise ValueError(f"{path} does not hold a model that fits its config: {error}") from None
    return Checkpoint(params, config, tokenizer, optimizer, run)


def check_optimizer(optimizer, params):
    """Raise ValueError unless the state has the arrays, shapes and dtypes of optim.init's."""
    expected = optim.init(tree.flatten(params))
    for name in [*expected, *optimizer]:
        if name not in optimizer or name not in expected:
            problem = "is missing" if name not in optimizer else "belongs to no optimiser"
            raise ValueError(f"the array {OPTIMIZER}{name} {problem}")
        found, wanted = optimizer[name], np.asarray(expected[name])
        if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
            raise ValueError(
                f"{OPTIMIZER}{name} is {found.dtype} {found.shape}, not {wanted.dtype} {wanted.shape}"
            )
        if not np.isfinite(found).all():
            raise ValueError(f"{OPTIMIZER}{name} holds a number that is not finite")


@contextlib.contextmanager
def replacing(path):
    """`with replacing(path) as file:` - write binary; `path` changes only if the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.part")
    try:
        with naming(path):
            with open(temporary, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path):
    """An OSError from an open file, such as a full disk's, does not say which: put its path in."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def sync_folder(folder):
    """Make a file's new name last through a power cut, where the system can sync a folder."""
    with contextlib.suppress(OSError):  # Windows opens no folders, some network drives sync none
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
