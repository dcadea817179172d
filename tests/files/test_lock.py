"""One process at a time trains in a folder, and none that was killed keeps it."""

import errno
import os
import subprocess
import sys
import types

import pytest
from refusing import refused
from run_cases import TASK, read_bits, unstopped_bits

from minilm import files


def enter(folder):
    """Lock a folder for a moment."""
    with files.lock.lock_folder(folder):
        pass


def test_a_folder_is_held_by_one_block_at_a_time(tmp_path):
    for _ in range(2):
        with files.lock.lock_folder(tmp_path):
            refused(lambda: enter(tmp_path), f"another process is training in {tmp_path}: wait for it")
    enter(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps an empty .lock")
def test_a_second_training_is_refused_and_the_first_is_not_disturbed(tmp_path):
    said = []

    def start_another(entry, params):
        for resume in (False, True):
            with pytest.raises(ValueError, match="another process is training"):
                files.run.start_or_resume(tmp_path, TASK, resume)
        files.run.load(tmp_path), files.history.read(tmp_path)  # who only reads needs no lock
        said.append(entry["step"])

    files.run.start_or_resume(tmp_path, TASK, report=start_another)
    assert said == [0, 5, 10, 12] and read_bits(tmp_path) == unstopped_bits()
    assert len(os.listdir(tmp_path)) == 2


SCRIPT = """
import sys, time
from minilm.files import lock
with lock.lock_folder(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_of_a_killed_process_is_gone(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline().strip() == b"held"
        refused(lambda: enter(tmp_path), "another process is training")
        process.kill()
    enter(tmp_path)


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks available"), ImportError()])
def test_a_folder_that_cannot_be_locked_is_used_without(tmp_path, monkeypatch, error):
    def lock_handle(handle):
        raise error

    monkeypatch.setattr(files.lock, "lock_handle", lock_handle)
    with files.lock.lock_folder(tmp_path):
        enter(tmp_path)


def test_windows_locks_a_file_whose_presence_blocks_nobody(tmp_path, monkeypatch):
    held = []

    def locking(handle, mode, n_bytes):
        assert (mode, n_bytes) == ("not blocking", 1)
        if held:
            raise PermissionError(errno.EACCES, "Permission denied")
        held.append(handle)

    monkeypatch.setitem(
        sys.modules, "msvcrt", types.SimpleNamespace(LK_NBLCK="not blocking", locking=locking)
    )
    monkeypatch.setattr(files.lock.sys, "platform", "win32")
    for _ in range(2):
        with files.lock.lock_folder(tmp_path):
            refused(lambda: enter(tmp_path), "another process is training")
        with pytest.raises(OSError):  # it is closed, which is what gives the lock back
            os.fstat(held.pop())
    assert os.listdir(tmp_path) == [".lock"]
