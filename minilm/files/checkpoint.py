"""Save and load a model, and the state of its training, in one .npz file.

The arrays have their dotted names; everything else is JSON text in "meta". Nothing is ever pickled.
"""

import io
import json
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import model, optim, tree
from ..tokenizer import Tokenizer
from . import atomic, json_text, npz

FORMAT = "minilm 1"
OPTIMIZER = "optimizer."  # the optimiser's arrays have names that begin with it


class Checkpoint(NamedTuple):
    """What a file holds. `optimizer` (as optim.init's) and `run` (JSON) are both None without a run."""

    params: dict
    config: model.Config
    tokenizer: Tokenizer
    optimizer: dict | None
    run: dict | None


def save(path, params, config, tokenizer, optimizer=None, run=None):
    """Write a checkpoint to exactly `path`; an older one there stays until the new one is complete.

    Raises ValueError for what `read` refuses, OSError if the folder cannot be written: the old file survives.
    """
    meta = {
        "format": FORMAT,
        "config": asdict(config),
        "tokenizer": {"level": tokenizer.level, "vocab": tokenizer.vocab},
        "run": run,
    }
    check_checkpoint(Checkpoint(params, config, tokenizer, optimizer, run))
    text = json.dumps(meta)
    json_text.parse(text)  # raises for NaN, and for keys that JSON does not tell apart
    state = {f"{OPTIMIZER}{name}": value for name, value in (optimizer or {}).items()}
    content = io.BytesIO()  # in memory first: a zip file that fails midway fails again when it is closed
    np.savez(content, meta=text, **dict(tree.named(params)), **state)
    with atomic.replace_file(path) as file:
        file.write(content.getbuffer())


def load(path):
    """Load the model that `save` wrote: (params, config, tokenizer). Raises what `read` raises."""
    return read(path)[:3]


def read(path):
    """Read everything that `save` wrote: a Checkpoint, with or without a run.

    Raises ValueError, in one sentence, for anything that is not a whole minilm checkpoint.
    """
    if not Path(path).is_file():
        raise ValueError(f"{path} is no file: give the folder that `train --out` wrote")
    with open(path, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy and Python warn about what damaged bytes may mean
        try:
            arrays = npz.read_arrays(file)
            meta = json_text.parse(str(arrays.pop("meta")))
            is_known = meta["format"] == FORMAT
            checkpoint = parse_checkpoint(meta, arrays) if is_known else None
        except Exception as error:  # zipfile, NumPy, ast and json have no closed list of what they raise
            is_told = isinstance(error, ValueError)
            reason = str(error).partition("\n")[0][:200] if is_told else type(error).__name__
            raise ValueError(
                f"{path} is not a whole minilm checkpoint ({reason}): it was cut short, "
                "damaged, or written by something else; train again or restore a copy"
            ) from None
    if not is_known:
        told = f"{meta['format']!r:.80}, and this version reads only {FORMAT!r}"
        raise ValueError(f"{path} has the format {told}: use the version of minilm that wrote it")
    try:
        check_checkpoint(checkpoint)
    except ValueError as error:
        raise ValueError(f"{path} does not hold a model that fits its config: {error}") from None
    if checkpoint.optimizer:
        checkpoint.optimizer["step"] = int(checkpoint.optimizer["step"])  # stored as a 0-d array
    return checkpoint


def parse_checkpoint(meta, arrays):
    """Sort "meta" and the other arrays of a file into a Checkpoint. Raises whatever malformed ones raise."""
    config = model.Config(**meta["config"])
    tokenizer = Tokenizer(meta["tokenizer"]["level"], tuple(meta["tokenizer"]["vocab"]))
    names = [name for name in arrays if name.startswith(OPTIMIZER)]
    optimizer = {name.removeprefix(OPTIMIZER): arrays.pop(name) for name in names} or None
    return Checkpoint(tree.from_named(arrays), config, tokenizer, optimizer, meta.get("run"))


def check_checkpoint(checkpoint):
    """Raise ValueError unless parameters, config, tokenizer, optimiser and run fit together."""
    params, config, tokenizer, optimizer, run = checkpoint
    model.check_params(params, config)
    if (dtype := params["wte"]["weight"].dtype) not in (np.float32, np.float64):  # that of all
        raise ValueError(f"its tensors hold {dtype}: a checkpoint holds float32 or float64")
    if len(tokenizer.vocab) != config.vocab_size:
        raise ValueError("its tokenizer and its config differ in vocabulary size")
    if (optimizer is None) != (run is None):
        raise ValueError("it has a run's notes or its optimiser's arrays, one without the other")
    if optimizer:
        check_optimizer(optimizer, params)


def check_optimizer(optimizer, params):
    """Raise ValueError unless the state has the arrays, shapes and dtypes of optim.init's."""
    expected_state = optim.init(tree.flatten(params))
    for name in [*expected_state, *optimizer]:
        if name not in optimizer:
            raise ValueError(f"the array {OPTIMIZER}{name} is missing")
        if name not in expected_state:
            raise ValueError(f"the array {OPTIMIZER}{name:.80} belongs to no optimiser")
        array, expected = np.asarray(optimizer[name]), np.asarray(expected_state[name])
        if (array.shape, array.dtype) != (expected.shape, expected.dtype):
            raise ValueError(
                f"{OPTIMIZER}{name} is {array.dtype} {array.shape}, not {expected.dtype} {expected.shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{OPTIMIZER}{name} holds a number that is not finite")
    if (optimizer["v"] < 0).any():
        raise ValueError(f"{OPTIMIZER}v holds a negative number: it is a mean of squares")
