"""Whatever stands in a file or comes through an argument: a result, or one sentence of minilm's own.

Each case damages something valid in one place, as fuzzing.py says, and hands it to one reader.
The same seeds give the same damage, so a failure names the seed that shows it again.
"""

import dataclasses
import functools
import io
import json
import tempfile
from pathlib import Path

import build
import fuzzing
import numpy as np
import pytest
import run_cases
from fuzzing import pick

from minilm import chat, data, diagnose, files, generate, losses, model, tokenizer, train
from minilm.diagnose import audit
from minilm.figures.results import read_json

ROUNDS, MANY = 100, 1000
WORDS = tokenizer.build("char", ["abcdef?\n"])
CHAT_WORDS = tokenizer.build("char", ["abc"], markers=True)
CONFIG = model.Config(len(WORDS.vocab), 8, 1, 2, 4)
PARAMS = model.init(CONFIG, np.random.default_rng(0))
PAIRS = [["ab", "cd"], ["abc", "ef?"]]
ROWS = data.encode_all([data.Example(*pair) for pair in PAIRS], WORDS)
MAKE, STEP, ENCODE = diagnose.make_own_pipeline(WORDS, PARAMS, CONFIG)
IDS = np.array([[1, 2, 3], [4, 5, 6]])
TEXT_ROWS = [
    {"prompt": "ab?", "completion": "cd"},
    {
        "messages": [
            {"role": "system", "content": "a"},
            {"role": "user", "content": "ab?"},
            {"role": "assistant", "content": "c", "weight": 0.5},
        ]
    },
]
ID_ROWS = [{"input_ids": [1, 2, 3, 4], "labels": [-100, 2, 3, 4]}, {"input_ids": [1, 2], "labels": [-100, 2]}]
PREPARED = {
    "ids": np.arange(12).reshape(3, 4),
    "labels": np.arange(12).reshape(3, 4),
    "mask": np.ones((3, 4)),
}
HF_TENSORS, HF_CONFIG = files.huggingface.to_gpt2(PARAMS, CONFIG)
TOKENIZER_JSON = files.huggingface_tokenizer.to_tokenizer_json(WORDS)
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# One\n", "two"]},
        {
            "cell_type": "code",
            "execution_count": 1,
            "id": "b",
            "metadata": {"tags": ["predict"], "nbgrader": {"grade": True}},
            "outputs": [{"name": "stdout", "output_type": "stream", "text": "1"}],
            "source": "### BEGIN SOLUTION\nx = 1\n### END SOLUTION",
        },
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@functools.cache
def run_files():
    """What a run of run_cases leaves: the checkpoint's bytes and the history's entries."""
    with tempfile.TemporaryDirectory() as folder:
        files.run.start_or_resume(folder, run_cases.TASK)
        return (Path(folder) / files.run.MODEL).read_bytes(), files.history.read(folder)


def lines(rng, rows):
    """A JSONL file, one or more of its rows damaged."""
    broken = rng.integers(len(rows))
    made = [fuzzing.text(rng, row) if i == broken else json.dumps(row).encode() for i, row in enumerate(rows)]
    return b"\n".join(made) + b"\n"


def damaged_npz(rng, arrays, meta=None):
    """An .npz file damaged in its bytes, in a member, in an array, in a name or in its JSON text."""
    how, arrays = rng.integers(5), dict(arrays)
    if how == 0:
        return fuzzing.noise(rng, fuzzing.npz(arrays))
    if how == 1:
        return fuzzing.rezipped(rng, fuzzing.npz(arrays))
    if how == 2 and meta is not None:
        return fuzzing.npz({**arrays, "meta": json.dumps(fuzzing.tree(rng, meta))})
    name = pick(rng, list(arrays))
    arrays[name] = fuzzing.array(rng, arrays[name])
    if how == 3:
        arrays[pick(rng, ["", "a", "h", "wte", "wte.weight.x", ".", "h..x", "optimizer.x"])] = arrays.pop(
            name
        )
    return fuzzing.npz(arrays)


def damaged_checkpoint(rng, content):
    """A checkpoint, damaged."""
    arrays = dict(np.load(io.BytesIO(content)))
    return damaged_npz(rng, arrays, json.loads(str(arrays["meta"])))


def damaged_safetensors(rng, content):
    """A safetensors file: bytes damaged, or the header, or the length that it announces."""
    if rng.random() < 0.3:
        return fuzzing.noise(rng, content)
    n = int.from_bytes(content[:8], "little")
    header = fuzzing.text(rng, json.loads(content[8 : 8 + n]))
    length = len(header) if rng.random() < 0.9 else int(rng.integers(2**63))
    return length.to_bytes(8, "little") + header + content[8 + n :]


def damaged_export(rng, folder):
    """An export folder with one of its files damaged."""
    folder.mkdir(exist_ok=True)
    weights = files.safetensors.to_bytes(HF_TENSORS)
    contents = {"config.json": HF_CONFIG, "tokenizer.json": TOKENIZER_JSON, "model.safetensors": weights}
    broken = pick(rng, list(contents))
    for name, content in contents.items():
        if name == "model.safetensors":
            content = damaged_safetensors(rng, content) if name == broken else content
        else:
            content = fuzzing.text(rng, content) if name == broken else json.dumps(content).encode()
        (folder / name).write_bytes(content)
    return folder


def file(folder, content):
    """A path where this content stands."""
    path = folder / "file"
    path.write_bytes(content)
    return path


def read_jsonl(rng, folder):
    path = file(folder, lines(rng, TEXT_ROWS))
    return pick(rng, [lambda: files.rows.read(path), lambda: list(files.rows.iterate(path))])


def read_checkpoint(rng, folder):
    path = file(folder, damaged_checkpoint(rng, run_files()[0]))
    return pick(rng, [lambda: files.checkpoint.load(path), lambda: files.checkpoint.read(path)])


def read_run(rng, folder):
    (folder / files.run.MODEL).write_bytes(damaged_checkpoint(rng, run_files()[0]))
    return lambda: files.run.load(folder)


def read_history(rng, folder):
    (folder / files.history.NAME).write_bytes(lines(rng, run_files()[1]))
    return lambda: files.history.read(folder)


def read_safetensors(rng, folder):
    content = files.safetensors.to_bytes(
        {"a": np.ones((2, 3), np.float32), "b": np.arange(4)}, {"format": "pt"}
    )
    content = damaged_safetensors(rng, content)
    return lambda: files.safetensors.from_bytes(content)


def read_export(rng, folder):
    damaged_export(rng, folder)
    return pick(
        rng, [lambda: files.huggingface.read_folder(folder), lambda: files.huggingface.read_model(folder)]
    )


def from_gpt2(rng, folder):
    tensors, name = dict(HF_TENSORS), pick(rng, list(HF_TENSORS))
    tensors[name] = fuzzing.thing(rng, tensors[name])
    config = fuzzing.tree(rng, HF_CONFIG)
    return pick(
        rng,
        [
            lambda: files.huggingface.from_gpt2(tensors, HF_CONFIG),
            lambda: files.huggingface.from_gpt2(HF_TENSORS, config),
        ],
    )


def from_tokenizer_json(rng, folder):
    content = fuzzing.tree(rng, TOKENIZER_JSON)
    return lambda: files.huggingface_tokenizer.from_tokenizer_json(content)


def some_prepared(rng):
    names = pick(rng, [("ids", "labels"), ("ids", "mask"), ("ids", "labels", "mask")])
    return {name: PREPARED[name] for name in names}


def audited(rows):
    """Rows looked at all the way to the printed report."""
    counted = audit.count_rows(rows)
    return audit.text.describe(counted, audit.find_suspicions(counted))


def audited_file(path):
    """A call that looks at a file of prepared rows, or of text rows where nothing of those is left."""
    return lambda: audited(audit.readers.open_rows(path) or audit.text_rows.TextRows(path))


def prepared_npz(rng, folder):
    return audited_file(file(folder, damaged_npz(rng, some_prepared(rng))))


def prepared_jsonl(rng, folder):
    return audited_file(file(folder, lines(rng, ID_ROWS)))


def prepared_arrays(rng, folder):
    arrays = some_prepared(rng)
    name = pick(rng, list(arrays))
    arrays[name] = fuzzing.thing(rng, arrays[name])
    return lambda: audited(audit.readers.read_arrays(**arrays))


def odd_batches(rng):
    """A make_batch that returns other things, now and then."""

    def make_batch(examples):
        batch = list(MAKE(examples))
        if rng.random() < 0.6:
            i = rng.integers(3)
            batch[i] = fuzzing.thing(rng, batch[i])
        return batch if rng.random() < 0.9 else pick(rng, [batch[:2], [*batch, 1], None, {}])

    return make_batch


def odd_steps(rng):
    """A step that returns other things, now and then."""

    def step(ids, targets, mask, *more):
        loss, dlogits = STEP(ids, targets, mask)
        if rng.random() < 0.3:
            dlogits = fuzzing.thing(rng, dlogits)
        if rng.random() < 0.2:
            loss = pick(rng, [np.nan, np.inf, -1.0, 1e308, fuzzing.HUGE, np.array([loss]), "a", None, 1j])
        return (loss, dlogits) if rng.random() < 0.9 else pick(rng, [loss, *fuzzing.THINGS])

    return step


def pipeline(rng, folder):
    make = pick(rng, [MAKE, odd_batches(rng)])
    step = pick(rng, [STEP, odd_steps(rng)])
    examples = pick(rng, [PAIRS, PAIRS, PAIRS, fuzzing.tree(rng, PAIRS), pick(rng, fuzzing.THINGS)])
    encode = ENCODE if rng.random() < 0.9 else lambda text: pick(rng, fuzzing.THINGS)
    weight = 0.0 if rng.random() < 0.9 else pick(rng, fuzzing.VALUES)
    return lambda: str(diagnose.pipeline(make, step, examples, encode, weight))


def tokens(rng, folder):
    words = tokenizer.build(pick(rng, ["char", "byte", "word"]), ["ab c"], markers=bool(rng.integers(2)))
    value = pick(rng, fuzzing.VALUES + fuzzing.THINGS)
    ids = pick(rng, [value, [value], fuzzing.thing(rng, np.arange(5))])
    return pick(rng, [lambda: words.encode(value), lambda: words.decode(ids)])


def vocabulary(rng, folder):
    level = pick(rng, [*tokenizer.LEVELS] * 5 + fuzzing.VALUES)
    pieces = fuzzing.tree(rng, [*tokenizer.SPECIALS, "a", "b"])
    pieces = tuple(pieces) if isinstance(pieces, list) else pieces
    return lambda: tokenizer.Tokenizer(level, pieces).decode(range(4))


def collate(rng, folder):
    i, name = rng.integers(2), pick(rng, data.Row._fields)
    part = getattr(ROWS[i], name)
    part = np.ones(len(ROWS[i].tokens), int) if part is None else part
    rows = list(ROWS)
    rows[i] = rows[i]._replace(**{name: fuzzing.thing(rng, part)})
    rows = rows if rng.random() < 0.9 else pick(rng, fuzzing.THINGS)
    weight = 0.5 if rng.random() < 0.8 else pick(rng, fuzzing.VALUES)
    return lambda: data.collate(rows, weight)


def encode_all(rng, folder):
    examples = fuzzing.tree(rng, PAIRS)
    if isinstance(examples, list):
        examples = [data.Example(*e) if isinstance(e, list) and len(e) == 2 else e for e in examples]
    cut = None if rng.random() < 0.7 else pick(rng, fuzzing.VALUES)
    return lambda: data.encode_all(examples, WORDS, cut)


def messages(rng):
    made = fuzzing.tree(rng, [["user", "a", 1.0], ["assistant", "b", 0.5]])
    if not isinstance(made, list):
        return made
    return tuple(chat.Message(*m) if isinstance(m, list) and 2 <= len(m) <= 3 else m for m in made)


def conversations(rng, folder):
    said = messages(rng)
    return pick(
        rng,
        [
            lambda: data.encode_all([chat.Conversation(said)], CHAT_WORDS),
            lambda: chat.prompt_ids(said, CHAT_WORDS),
        ],
    )


def forward(rng, folder):
    ids, documents = IDS, np.zeros_like(IDS)
    if rng.random() < 0.7:
        ids, documents = fuzzing.thing(rng, ids), None
    else:
        documents = fuzzing.thing(rng, documents)
    return lambda: model.forward(PARAMS, ids, CONFIG, documents)


def loss(rng, folder):
    given = [IDS, IDS, np.ones(IDS.shape)]
    i = rng.integers(3)
    given[i] = fuzzing.thing(rng, given[i])
    logits, nll = np.zeros((*IDS.shape, 9)), np.ones(IDS.shape)
    return pick(
        rng,
        [
            lambda: model.loss_and_grads(PARAMS, *given, CONFIG),
            lambda: losses.token_nll_forward(logits, given[1]),
            lambda: losses.weighted_mean_forward(nll, given[2]),
            lambda: losses.log_prob(nll, given[2]),
        ],
    )


def results(rng, folder):
    content = b"[" * int(rng.integers(1, 10**5)) if rng.random() < 0.1 else fuzzing.text(rng, run_files()[1])
    path = file(folder, content)
    return lambda: read_json(path)


def notebooks(rng, folder):
    path = file(folder, fuzzing.text(rng, NOTEBOOK))
    return lambda: build.remove_solutions(build.read_notebook(path))


def settings(rng, folder):
    fields = dataclasses.asdict(train.Settings())
    changed = pick(rng, list(fields))
    return lambda: train.Settings(**{changed: pick(rng, fuzzing.VALUES)})


def sizes(rng, folder):
    fields = dataclasses.asdict(CONFIG) | {
        pick(rng, list(dataclasses.asdict(CONFIG))): pick(rng, fuzzing.VALUES)
    }
    return lambda: model.Config(**fields)


def generation(rng, folder):
    ids = fuzzing.thing(rng, np.array([0, 3, 4])) if rng.random() < 0.5 else [0, 3]
    n, temperature = pick(rng, [3, 1, 0, -1]), pick(rng, [0.0, 1.0, 1e-300, 1e308, np.nan, -1.0, np.inf])
    top_k = pick(rng, [None, 1, 0, 99, 2**63])
    return lambda: generate.generate(PARAMS, CONFIG, ids, n, temperature, top_k, np.random.default_rng(0))


EDGES = {
    function.__name__: function
    for function in (
        *(read_jsonl, read_checkpoint, read_run, read_history, read_safetensors, read_export, from_gpt2),
        *(from_tokenizer_json, prepared_npz, prepared_jsonl, prepared_arrays, pipeline, tokens, vocabulary),
        *(collate, encode_all, conversations, forward, loss, results, notebooks, settings, sizes, generation),
    )
}


def hammer(edge, seeds, folder):
    """Damage, call and judge once a seed; both outcomes must occur, or the damage is too coarse or mild."""
    outcomes = set()
    for seed in seeds:
        call = EDGES[edge](np.random.default_rng(seed), folder)
        before = fuzzing.content(folder)
        try:
            outcomes.add(fuzzing.outcome(call))
        except Exception as error:
            raise AssertionError(f"{edge}, seed {seed}: {error!r}") from error
        assert fuzzing.content(folder) == before, f"{edge}, seed {seed} changed a file"
    assert outcomes == {"fine", "refused"}


@pytest.mark.parametrize("edge", EDGES)
def test_damage_is_refused_in_one_sentence_or_harmless(edge, tmp_path):
    hammer(edge, range(ROUNDS), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("edge", EDGES)
def test_much_more_damage(edge, tmp_path):
    hammer(edge, range(ROUNDS, MANY), tmp_path)
