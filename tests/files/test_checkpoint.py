"""What is saved comes back bit by bit; what is damaged is refused; what was there survives."""

import json
import os
import pickle
import zipfile

import numpy as np
import pytest

import minilm
from minilm import files, model, optim, tree
from minilm import tokenizer as tokenizers
from minilm.__main__ import main


@pytest.fixture(params=["word", "char", "byte"])
def saved(request, tmp_path):
    tokenizer = tokenizers.build(request.param, ["é b", "c\n"])
    config = model.Config(len(tokenizer.vocab), 5, 1, 2, 4)
    params = model.init(config, np.random.default_rng(0))
    path = tmp_path / "model.weights"  # np.savez alone would write model.weights.npz
    files.checkpoint.save(path, params, config, tokenizer)
    return path, params, config, tokenizer


def test_round_trip(saved):
    path, params, config, tokenizer = saved
    assert [p.name for p in path.parent.iterdir()] == ["model.weights"]
    loaded, config_, tokenizer_ = files.checkpoint.load(path)
    assert (config_, tokenizer_) == (config, tokenizer)
    for (name, a), (name_, b) in zip(tree.named(params), tree.named(loaded), strict=True):
        assert name == name_ and a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def run(tmp_path):
    """A checkpoint with a run: (path, what is in it)."""
    tokenizer = tokenizers.build("char", ["ab"])
    config = model.Config(len(tokenizer.vocab), 3, 1, 1, 2)
    params = model.init(config, np.random.default_rng(0))
    optimizer = optim.init(tree.flatten(params))
    optimizer["step"] = 7
    optimizer["m"] += 0.25
    path = tmp_path / "model.npz"
    files.checkpoint.save(path, params, config, tokenizer, optimizer, {"recent": [0.1, 1 / 3]})
    return path, files.checkpoint.Checkpoint(params, config, tokenizer, optimizer, {"recent": [0.1, 1 / 3]})


def same(a, b):
    """Whether two checkpoints agree in every bit."""
    arrays = [{**dict(tree.named(c.params)), **(c.optimizer or {})} for c in (a, b)]
    bits = [{name: (np.asarray(x).dtype, np.asarray(x).tobytes()) for name, x in c.items()} for c in arrays]
    return bits[0] == bits[1] and (a.config, a.tokenizer, a.run) == (b.config, b.tokenizer, b.run)


def test_a_run_comes_back_with_its_optimiser(run):
    path, whole = run
    stored = files.checkpoint.read(path)
    assert same(stored, whole) and type(stored.optimizer["step"]) is int
    assert files.checkpoint.load(path)[1:] == (whole.config, whole.tokenizer)


@pytest.mark.parametrize("stride", [521, pytest.param(13, marks=pytest.mark.slow)])
def test_every_flipped_bit_is_refused_or_harmless(run, stride):
    path, whole = run
    bits = np.unpackbits(np.frombuffer(path.read_bytes(), np.uint8))
    n_refused = 0
    places = range(0, len(bits), stride)  # a prime, to meet every bit of a byte in every region
    for place in places:
        bits[place] ^= 1
        path.write_bytes(np.packbits(bits).tobytes())
        bits[place] ^= 1
        try:
            stored = files.checkpoint.read(path)
        except ValueError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            n_refused += 1
        else:
            assert same(stored, whole), f"bit {place} is wrong, and nobody says so"
    assert n_refused > len(places) / 2  # zip's time stamps and the like are harmless


def test_a_file_cut_short_anywhere_is_refused(run):
    path = run[0]
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is not a whole minilm checkpoint"):
            files.checkpoint.read(path)


def rewrite(path, change):
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    change(arrays)
    with open(path, "wb") as file:
        np.savez(file, **arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("wpe.weight"), "wpe.weight is missing"),
        (lambda a: a.update(extra=np.zeros(2)), "extra belongs to no such model"),
        (lambda a: a.update({"ln_f.bias": np.zeros((2, 2))}), r"ln_f.bias has shape \(2, 2\), not \(4,\)"),
        (lambda a: a.update({"ln_f.bias": np.zeros(4, int)}), "ln_f.bias holds int64"),
        (lambda a: a.update({"ln_f.bias": np.full(4, np.nan)}), "ln_f.bias holds a number that is not"),
        (lambda a: a.pop("meta"), "not a whole minilm checkpoint"),
        (lambda a: a.update(meta=np.array(json.dumps({"config": 3}))), "not a whole minilm checkpoint"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(saved, change, message):
    rewrite(saved[0], change)
    with pytest.raises(ValueError, match=message):
        files.checkpoint.load(saved[0])


M, STEP = "optimizer.m", "optimizer.step"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop(M), "optimizer.m is missing"),
        (lambda a: a.update({"optimizer.w": a[M]}), "optimizer.w belongs to no optimiser"),
        (lambda a: a.update({M: a[M][:-1]}), r"optimizer.m is float32 \(\d+,\), not float32"),
        (lambda a: a.update({M: a[M].reshape(1, -1)}), r"optimizer.m is float32 \(1, \d+\), not float32"),
        (lambda a: a.update({M: a[M].astype(float)}), "optimizer.m is float64 .*, not float32"),
        (lambda a: a.update({M: a[M] * np.nan}), "optimizer.m holds a number that is not finite"),
        (lambda a: a.update({STEP: np.float32(7)}), "optimizer.step is float32"),
        (lambda a: a.update({"wte.weight.more": np.zeros(1)}), "not a whole minilm checkpoint"),
        (lambda a: [a.pop(name) for name in list(a) if "optimizer" in name], "one without the other"),
        (lambda a: a.update(meta=str(a["meta"]).replace('"run"', '"walk"')), "one without the other"),
        (lambda a: a.update(extra=np.zeros(2)), "extra belongs to no such model"),
        (lambda a: a.pop("wpe.weight"), "wpe.weight is missing"),
    ],
)
def test_a_run_that_does_not_fit_is_refused(run, change, message):
    rewrite(run[0], change)
    with pytest.raises(ValueError, match=message):
        files.checkpoint.read(run[0])


def cast(whole, dtype):
    """The checkpoint with all arrays of another type."""
    arrays = {name: np.asarray(array).astype(dtype) for name, array in whole.optimizer.items()}
    params = tree.map_arrays(lambda a: a.astype(dtype), whole.params)
    return whole._replace(params=params, optimizer={**arrays, "step": 7})


UNFIT = {
    "half precision": (lambda whole: cast(whole, np.float16), "its tensors hold float16: a checkpoint holds"),
    "complex": (lambda whole: cast(whole, complex), "its tensors hold complex128"),
    "other bytes": (lambda whole: cast(whole, ">f4"), "its tensors hold >f4"),
    "negative squares": (
        lambda whole: whole._replace(optimizer={**whole.optimizer, "v": whole.optimizer["v"] - 1}),
        "optimizer.v holds a negative number: it is a mean of squares",
    ),
    "infinite": (
        lambda whole: whole._replace(params=tree.replace(whole.params, "ln_f.bias", np.float32([np.inf, 0]))),
        "ln_f.bias holds a number that is not finite",
    ),
    "no optimiser": (lambda whole: whole._replace(optimizer=None), "one without the other"),
    "NaN among the notes": (lambda whole: whole._replace(run={"recent": [np.nan]}), "NaN is not JSON"),
    "two keys of one name": (lambda whole: whole._replace(run={"1": 0, 1: 0}), "the key '1' stands twice"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_save_refuses_what_read_refuses_and_writes_nothing(run, name):
    path, whole = run
    change, message = UNFIT[name]
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message):
        files.checkpoint.save(path, *change(whole))
    assert [p.name for p in path.parent.iterdir()] == ["model.npz"] and path.read_bytes() == before
    with minilm.swap("files.checkpoint.check_checkpoint", lambda checkpoint: None):
        with minilm.swap("files.json_text.parse", json.loads):
            files.checkpoint.save(path, *change(whole))
    with pytest.raises(ValueError, match=message):
        files.checkpoint.read(path)


def test_another_format_and_a_double_key_are_named(run, capsys):
    path = run[0]
    before = path.read_bytes()
    rewrite(path, lambda a: a.update(meta=str(a["meta"]).replace('"minilm 1"', '"minilm 2", "more": 1')))
    assert main(["generate", str(path.parent), "a"]) == 2
    message = f"{path} has the format 'minilm 2', and this version reads only 'minilm 1': use the version"
    assert capsys.readouterr().err.startswith(f"minilm: {message}")
    path.write_bytes(before)
    rewrite(path, lambda a: a.update(meta=str(a["meta"]).replace('"n_head": 1', '"n_head": 2, "n_head": 1')))
    with pytest.raises(ValueError, match=r"not a whole minilm checkpoint \(the key 'n_head' stands twice"):
        files.checkpoint.load(path)


class Bomb:
    def __reduce__(self):
        return os._exit, (3,)


@pytest.mark.parametrize("name", ["meta", "wte.weight", "optimizer.m"])
def test_a_pickle_is_refused_and_not_run(run, name):
    rewrite(run[0], lambda a: a.update({name: np.array([Bomb()], dtype=object)}))
    with pytest.raises(ValueError, match="not a whole minilm checkpoint"):
        files.checkpoint.read(run[0])


FOREIGN = {
    "empty": lambda file: None,
    "text": lambda file: file.write(b"step 20: all is well\n"),
    "foreign npz": lambda file: np.savez(file, weight=np.zeros(3)),
    "a header of many lines' error": lambda file: np.savez(
        file, meta=np.zeros(1, [(f"field{i}", "f4") for i in range(2000)])
    ),
    "npy": lambda file: np.save(file, np.zeros(3)),
    "npy of objects": lambda file: np.save(file, np.array([Bomb()])),
    "pickle": lambda file: pickle.dump(Bomb(), file),
    "zip": lambda file: zipfile.ZipFile(file, "w").writestr("meta.npy", "text"),
    "torch": lambda file: zipfile.ZipFile(file, "w").writestr("archive/data.pkl", pickle.dumps(Bomb())),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_one_sentence_and_code_2(tmp_path, capsys, name):
    path = tmp_path / "model.npz"
    with open(path, "wb") as file:
        FOREIGN[name](file)
    with pytest.raises(ValueError, match="is not a whole minilm checkpoint") as caught:
        files.checkpoint.load(path)
    assert "\n" not in str(caught.value)
    for argv in (["generate", str(tmp_path), "a"], ["plot", str(tmp_path)]):
        assert main(argv) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith(f"minilm: {path} is not a whole") and err.count("\n") == 1
