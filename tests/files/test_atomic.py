"""A file or a folder is written whole or not at all."""

import os
import signal
import subprocess
import sys
import time

import pytest

from minilm import files


def test_a_file_is_replaced_and_its_folder_made(tmp_path):
    path = tmp_path / "new" / "notes.txt"
    for content in (b"one", b"two"):
        with files.atomic.replace_file(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == ["notes.txt"]


def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), files.atomic.replace_file(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_an_error_names_the_file(tmp_path):
    with pytest.raises(OSError) as caught, files.atomic.replace_file(tmp_path / "notes.txt"):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(tmp_path / "notes.txt")


def test_a_folder_appears_when_it_is_complete(tmp_path):
    (tmp_path / "out.part").mkdir()  # left by a killed process
    (tmp_path / "out.part" / "old").write_bytes(b"")
    with files.atomic.create_folder(tmp_path / "out") as folder:
        (folder / "new").write_bytes(b"")
        assert not (tmp_path / "out").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["new"]
    with pytest.raises(ValueError, match="out exists and is not an empty folder"):
        with files.atomic.create_folder(tmp_path / "out"):
            pass


def test_a_folder_whose_block_fails_does_not_appear(tmp_path):
    with pytest.raises(RuntimeError), files.atomic.create_folder(tmp_path / "out"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


SCRIPT = """
import sys
from minilm.files import atomic
while True:
    for letter in b"ab":
        with atomic.replace_file(sys.argv[1]) as file:
            file.write(bytes([letter]) * 2**20)
        print("written", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_kill_leaves_a_whole_file(tmp_path, kills):
    path = tmp_path / "letters"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for kill in range(kills):
        command = [sys.executable, "-c", SCRIPT, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            process.stdout.readline()  # the file is written, and now replaced over and over
            time.sleep(0.0007 * kill)
            process.kill()
        content = path.read_bytes()
        assert len(content) == 2**20 and len(set(content)) == 1
