"""A file or a folder is written whole or not at all."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minilm import files

posix = pytest.mark.skipif(os.name != "posix", reason="needs links, nodes and permissions of POSIX")


def test_a_file_is_replaced_and_its_folder_made(tmp_path):
    path = tmp_path / "new" / "notes.txt"
    for content in (b"one", b"two"):
        with files.atomic.replace_file(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"old")
    with pytest.raises(error), files.atomic.replace_file(path) as file:
        file.write(b"half")
        raise error
    with pytest.raises(error), files.atomic.create_folder(tmp_path / "out"):
        raise error
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("filename", [None, "a part"])
def test_an_error_names_the_file(tmp_path, filename):
    for write in (files.atomic.replace_file, files.atomic.create_folder):
        with pytest.raises(OSError) as caught, write(tmp_path / "notes"):
            raise OSError(28, "No space left on device", filename)
        assert caught.value.filename == str(tmp_path / "notes")


def test_files_that_are_called_parts_belong_to_the_user(tmp_path):
    (tmp_path / "out.part").mkdir()
    for name in ("page.part", ".page.part", "out.part/mine"):
        (tmp_path / name).write_bytes(b"mine")
    before = sorted(tmp_path.rglob("*"))
    with files.atomic.replace_file(tmp_path / "page"), files.atomic.create_folder(tmp_path / "out"):
        pass
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "page", tmp_path / "out"])
    assert (tmp_path / "page.part").read_bytes() == (tmp_path / ".page.part").read_bytes() == b"mine"


@posix
def test_a_name_of_the_greatest_length_is_written(tmp_path):
    with (
        files.atomic.replace_file(tmp_path / ("n" * 255)),
        files.atomic.create_folder(tmp_path / ("m" * 255)),
    ):
        pass
    assert {len(p.name) for p in tmp_path.iterdir()} == {255}


@posix
def test_a_link_stays_and_its_target_changes(tmp_path):
    (tmp_path / "deep").mkdir()
    for link, target in (("to_file", "deep/file"), ("to_link", "to_file"), ("to_folder", "deep/folder")):
        (tmp_path / link).symlink_to(target)
    for content in (b"new", b"newer"):  # at first the links dangle
        with files.atomic.replace_file(tmp_path / "to_link") as file:
            file.write(content)
        assert (tmp_path / "deep" / "file").read_bytes() == content
    for _ in range(2):
        with files.atomic.create_folder(tmp_path / "to_folder"):
            pass
    assert all((tmp_path / name).is_symlink() for name in ("to_file", "to_link", "to_folder"))
    assert sorted(os.listdir(tmp_path / "deep")) == ["file", "folder"]


@posix
def test_a_loop_of_links_is_refused(tmp_path):
    path = tmp_path / "loop"
    path.symlink_to("loop")
    with pytest.raises(OSError) as caught, files.atomic.replace_file(path):
        pass
    assert caught.value.filename == str(path)
    with pytest.raises(ValueError, match="loop exists and is not"), files.atomic.create_folder(path):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["loop"] and path.is_symlink()


def make_node(kind, path):
    """Make something that is no regular file."""
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    else:
        try:
            os.mknod(path, 0o20600, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("devices may not be made here")


@posix
@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device"])
def test_what_is_no_regular_file_is_neither_replaced_nor_read(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    make_node(kind, Path("node"))
    Path("link").symlink_to("node")
    before = os.lstat("node")
    for use in (files.atomic.replace_file, files.atomic.open_regular):
        for path in ("node", "link"):
            with pytest.raises(ValueError, match=rf"^{path} is .*{kind}.*: give "), use(path):
                pass
    assert os.lstat("node") == before
    assert sorted(os.listdir()) == ["link", "node"]


@posix
def test_permissions_are_the_usual_ones_and_those_of_what_was_there(tmp_path):
    before = os.umask(0o027)
    try:
        for mode_of_file, mode_of_folder in ((0o640, 0o750), (0o604, 0o705)):
            with (
                files.atomic.replace_file(tmp_path / "file"),
                files.atomic.create_folder(tmp_path / "folder"),
            ):
                pass
            assert (tmp_path / "file").stat().st_mode & 0o777 == mode_of_file
            assert (tmp_path / "folder").stat().st_mode & 0o777 == mode_of_folder
            (tmp_path / "file").chmod(0o604)
            (tmp_path / "folder").chmod(0o705)
    finally:
        os.umask(before)


@pytest.mark.parametrize("failures", [1, 3, 4])
def test_windows_tries_again_while_another_process_has_the_file_open(tmp_path, monkeypatch, failures):
    path, calls, waits = tmp_path / "notes.txt", [], []
    path.write_bytes(b"old")

    def replace(part, target, original=os.replace):
        calls.append(target)
        if len(calls) <= failures:
            raise PermissionError(13, "sharing violation", str(part))
        original(part, target)

    monkeypatch.setattr(files.atomic.os, "replace", replace)
    monkeypatch.setattr(files.atomic.time, "sleep", waits.append)
    with pytest.raises(PermissionError), files.atomic.replace_file(path):
        pass  # elsewhere, it is an error at once
    assert len(calls) == 1 and path.read_bytes() == b"old"
    calls.clear()
    monkeypatch.setattr(files.atomic.sys, "platform", "win32")
    try:
        with files.atomic.replace_file(path) as file:
            file.write(b"new")
    except PermissionError as error:
        assert failures == 4 and error.filename == str(path)
    assert path.read_bytes() == (b"old" if failures == 4 else b"new")
    assert waits == list(files.atomic.WAITS[:failures]) and sum(waits) < 2
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_appears_when_it_is_complete(tmp_path):
    with files.atomic.create_folder(tmp_path / "out") as folder:
        (folder / "new").write_bytes(b"")
        assert not (tmp_path / "out").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["new"]
    with pytest.raises(ValueError, match="out exists and is not an empty folder"):
        with files.atomic.create_folder(tmp_path / "out"):
            pass


def test_a_folder_that_cannot_be_exchanged_is_refused(tmp_path, monkeypatch):
    for name in ("mount", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).name == "mount")
    for path in (tmp_path / "mount", tmp_path / "here", "."):
        with pytest.raises(ValueError, match="a mount point or the current folder: name a new folder in it"):
            with files.atomic.create_folder(path):
                pass
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["here", "mount"]


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
