"""What is saved comes back bit by bit; what is damaged is refused; what was there survives."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from minilm import checkpoint, model, tokenizer
from minilm import params as tree


@pytest.fixture(params=["word", "char", "byte"])
def saved(request, tmp_path):
    words = tokenizer.build(request.param, ["é b", "c\n"])
    config = model.Config(len(words.vocab), 5, 1, 2, 4)
    params = model.init(config, np.random.default_rng(0))
    path = tmp_path / "model.weights"  # np.savez alone would write model.weights.npz
    checkpoint.save(path, params, config, words)
    return path, params, config, words


def test_round_trip(saved):
    path, params, config, words = saved
    assert [p.name for p in path.parent.iterdir()] == ["model.weights"]
    loaded, config_, words_ = checkpoint.load(path)
    assert (config_, words_) == (config, words)
    for (name, a), (name_, b) in zip(tree.named(params), tree.named(loaded), strict=True):
        assert name == name_ and a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_every_flipped_byte_is_refused_or_harmless(saved):
    path, params, *_ = saved
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 150)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            loaded, *_ = checkpoint.load(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            np.testing.assert_array_equal(tree.flatten(loaded), tree.flatten(params))


@pytest.mark.parametrize("part", [0, 1, 100, 0.5, 0.99])
def test_truncated_files_are_refused(saved, part):
    path = saved[0]
    whole = path.read_bytes()
    path.write_bytes(whole[: part if isinstance(part, int) and part != 1 else int(part * len(whole)) - 1])
    with pytest.raises(ValueError, match="is not a whole minilm checkpoint"):
        checkpoint.load(path)


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
        checkpoint.load(saved[0])


def test_a_pickle_is_refused_and_not_run(saved):
    class Bomb:
        def __reduce__(self):
            return os._exit, (3,)

    path = saved[0]
    with open(path, "wb") as file:
        np.savez(file, meta=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match="not a whole minilm checkpoint"):
        checkpoint.load(path)


def test_a_failed_save_leaves_the_old_file_and_no_other(saved):
    path = saved[0]
    before = path.read_bytes()
    with pytest.raises(RuntimeError), checkpoint.replacing(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["model.weights"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_kill_during_save_leaves_a_whole_file(tmp_path):
    path = tmp_path / "model.npz"
    script = (
        "import sys, numpy as np; from minilm import checkpoint, model, tokenizer\n"
        "words = tokenizer.build('byte'); config = model.Config(259, 64, 2, 2, 64)\n"
        "params = model.init(config, np.random.default_rng(0))\n"
        "while True: checkpoint.save(sys.argv[1], params, config, words); print('saved', flush=True)\n"
    )
    for i in range(8):
        process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE)
        process.stdout.readline()  # one save is through, the next is under way
        time.sleep(0.0007 * i)
        process.kill()
        process.wait()
        process.stdout.close()
        checkpoint.load(path)
