"""Every command that reads a file, on damaged ones: it works, or ends with code 2 and one sentence.

In the second case nothing is printed on stdout, no file is left behind, and none is changed.
"""

import functools
import io
import json
import shutil
import tempfile
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import fuzzing
import numpy as np
import pytest
import run_cases
import test_fuzz
from fuzzing import pick

from minilm import files, model, tokenizer
from minilm.__main__ import main
from minilm.diagnose import audit

ROUNDS, MANY = 25, 150
FEWER = {"plot": (10, 60)}  # rounds that draw a figure take longer


@functools.cache
def trained():
    """The files of a run of `train`, two steps long."""
    with tempfile.TemporaryDirectory() as home:
        rows, run = Path(home, "rows.jsonl"), Path(home, "run")
        rows.write_text(run_cases.JSONL, encoding="utf-8")
        assert main(["train", "--data", str(rows), "--out", str(run), "--steps", "2"]) == 0
        return {path.name: path.read_bytes() for path in run.iterdir()}


def damaged_run(rng, folder):
    """A run's folder with its checkpoint or its history damaged, mostly what it says of the run."""
    run = folder / "run"
    run.mkdir()
    model_file, history = (trained()[name] for name in (files.run.MODEL, files.history.NAME))
    how = rng.integers(4)
    if how == 0:
        history = test_fuzz.lines(rng, [json.loads(entry) for entry in history.splitlines()])
    elif how == 1:
        model_file = test_fuzz.damaged_checkpoint(rng, model_file)
    else:
        arrays = dict(np.load(io.BytesIO(model_file)))
        meta = json.loads(str(arrays["meta"]))
        meta["run"] = fuzzing.tree(rng, meta["run"])
        model_file = fuzzing.npz({**arrays, "meta": json.dumps(meta)})
    (run / files.run.MODEL).write_bytes(model_file)
    (run / files.history.NAME).write_bytes(history)
    return run


def rows(rng, folder, objects=test_fuzz.TEXT_ROWS):
    return test_fuzz.file(folder, test_fuzz.lines(rng, objects))


def mask(rng, folder):
    page = pick(rng, [[], ["--html", folder / "page.html"]])
    return ["mask", "--data", rows(rng, folder), *page]


def diagnose(rng, folder):
    return ["diagnose", "--data", rows(rng, folder, pick(rng, [test_fuzz.ID_ROWS, test_fuzz.TEXT_ROWS]))]


def diagnose_npz(rng, folder):
    content = test_fuzz.damaged_npz(rng, test_fuzz.some_prepared(rng))
    return ["diagnose", test_fuzz.file(folder, content)]


def generate(rng, folder):
    return ["generate", damaged_run(rng, folder), "after a?", "--max-new-tokens", "2"]


def plot(rng, folder):
    return ["plot", damaged_run(rng, folder)]


def resume(rng, folder):
    (folder / "rows.jsonl").write_text(run_cases.JSONL, encoding="utf-8")
    run = damaged_run(rng, folder)
    return ["train", "--data", folder / "rows.jsonl", "--out", run, "--resume"]


def train(rng, folder):
    objects = [*test_fuzz.TEXT_ROWS, {"prompt": "b", "completion": "c"}]
    return ["train", "--data", rows(rng, folder, objects), "--out", folder / "run", "--steps", "1"]


def export_run(rng, folder):
    return ["export", damaged_run(rng, folder), folder / "hf"]


def import_folder(rng, folder):
    return ["import", test_fuzz.damaged_export(rng, folder / "hf"), folder / "run"]


COMMANDS = {
    function.__name__: function
    for function in (
        *(mask, diagnose, diagnose_npz, generate, plot, resume, train, export_run, import_folder),
    )
}


def hammer(name, seeds, folder, capsys):
    codes = set()
    trained()
    for seed in seeds:
        place = folder / str(seed)
        place.mkdir()
        argv = [str(word) for word in COMMANDS[name](np.random.default_rng(seed), place)]
        before = fuzzing.content(place)
        capsys.readouterr()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # a warning is a second sentence
                code = main(argv)
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}: {error!r}") from error
        out, err = capsys.readouterr()
        if name.startswith("diagnose") and code == 1:  # something looks wrong, which the report says
            assert out and not err
            code = 0
        codes.add(code)
        if code:
            assert code == 2 and out == "" and err.count("\n") == 1, f"{name}, seed {seed}: {out} {err}"
            assert fuzzing.content(place) == before, f"{name}, seed {seed} changed a file"
        shutil.rmtree(place)
    assert codes == {0, 2}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_works_or_ends_with_one_sentence(name, tmp_path, capsys):
    hammer(name, range(FEWER.get(name, (ROUNDS, MANY))[0]), tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_commands_on_much_more_damage(name, tmp_path, capsys):
    hammer(name, range(*FEWER.get(name, (ROUNDS, MANY))), tmp_path, capsys)


def header_only(shape, dtype="<i8"):
    """An .npy file that announces numbers and holds none."""
    member = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(member, header)
    return member.getvalue()


def zipped(members):
    """The bytes of a compressed zip file."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            with file.open(name, "w") as member:
                for part in content if isinstance(content, list) else [content]:
                    member.write(part)
    return whole.getvalue()


def announced_checkpoint(**sizes):
    """A checkpoint of a few kilobytes whose config speaks of another model."""
    content, _ = test_fuzz.run_files()
    arrays = dict(np.load(io.BytesIO(content)))
    meta = json.loads(str(arrays["meta"]))
    meta["config"] |= sizes
    return fuzzing.npz({**arrays, "meta": json.dumps(meta)})


def announced_tensor(shape):
    size = 4 * int(np.prod(shape, dtype=object))
    header = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}}).encode()
    return len(header).to_bytes(8, "little") + header


BOMBS = {
    "npz shape": (
        audit.readers.read_npz,
        lambda: zipped({"ids.npy": header_only((2**30,)), "mask.npy": b""}),
    ),
    "npz dtype": (
        audit.readers.read_npz,
        lambda: zipped({"ids.npy": header_only((), "<U1000000000"), "mask.npy": b""}),
    ),
    "npz zeros": (
        audit.readers.read_npz,
        lambda: zipped({"ids.npy": [header_only((2**12, 2**13)), *[bytes(2**20)] * 2**8]}),  # true, but large
    ),
    "checkpoint shape": (files.checkpoint.read, lambda: zipped({"meta.npy": header_only((2**30,), "<f8")})),
    "checkpoint channels": (files.checkpoint.read, lambda: announced_checkpoint(n_embd=2**20)),
    "checkpoint layers": (files.checkpoint.read, lambda: announced_checkpoint(n_layer=2**40)),
    "checkpoint positions": (files.checkpoint.read, lambda: announced_checkpoint(n_positions=2**40)),
    "tensor": (
        lambda path: files.safetensors.from_bytes(path.read_bytes()),
        lambda: announced_tensor([2**20, 2**10]),
    ),
    "header": (
        lambda path: files.safetensors.from_bytes(path.read_bytes()),
        lambda: (2**62).to_bytes(8, "little"),
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_makes_no_large_array(name, tmp_path):
    read, make = BOMBS[name]
    path = test_fuzz.file(tmp_path, make())
    assert path.stat().st_size < 10**6
    tracemalloc.start()
    try:
        assert fuzzing.outcome(lambda: read(path)) == "refused"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**25


def test_an_export_announces_no_large_model(tmp_path):
    words = tokenizer.build("char", ["ab"])
    config = model.Config(len(words.vocab), 4, 1, 2, 4)
    files.huggingface.write_folder(
        tmp_path / "hf", model.init(config, np.random.default_rng(0)), config, words
    )
    path = tmp_path / "hf" / "config.json"
    said = json.loads(path.read_text(encoding="utf-8")) | {
        "n_layer": 2**40,
        "n_embd": 2**20,
        "n_inner": 2**22,
    }
    path.write_text(json.dumps(said), encoding="utf-8")
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"wte\.weight has shape"):
            files.huggingface.read_folder(tmp_path / "hf")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**25


def test_what_unpacks_a_hundredfold_is_read_up_to_a_limit(tmp_path):
    ids = np.zeros((2**10, 2**12), int)
    np.savez_compressed(tmp_path / "padded.npz", ids=ids, labels=ids)
    assert (tmp_path / "padded.npz").stat().st_size * 100 < ids.nbytes
    assert len(audit.readers.read_npz(tmp_path / "padded.npz")["ids"]) == len(ids)
