"""Write a whole file, or a whole folder, or nothing; and read only what can be read twice.

New content is written beside its destination, as `.NAME.` and 16 random hexadecimal digits and `.part`,
and moved there when it is complete. A killed process or a full disk leaves what was there before; a
process that is killed may leave its part, too.
"""

import contextlib
import os
import shutil
import stat
import sys
import time
from pathlib import Path

WAITS = (0.05, 0.2, 0.8)  # seconds before trying again, on Windows


@contextlib.contextmanager
def replace_file(path):
    """`with replace_file(path) as file:` opens for bytes; `path` changes only if the block succeeds.

    Missing folders are made; a link stays a link, and its target changes. Raises ValueError as
    find_target does, and OSError, which names `path`, if it cannot be written.
    """
    target = find_target(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = name_part(target)
    try:
        with name_file_in_errors(path):
            with open(part, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            move_into_place(part, target)
            sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def create_folder(path):
    """`with create_folder(path) as folder:` fill `folder`; `path` appears only if the block succeeds.

    It may be an empty folder, or a link to one, and keeps its permissions. Raises ValueError for anything
    else that exists, and OSError, which names `path`, if it cannot be written.
    """
    target = Path(os.path.realpath(path))
    if os.path.lexists(target):
        if not target.is_dir() or any(target.iterdir()):
            raise ValueError(
                f"{path} exists and is not an empty folder: name a new one, or move it away first"
            )
        if os.path.ismount(target) or target.samefile(os.curdir):  # they cannot be exchanged
            raise ValueError(f"{path} is a mount point or the current folder: name a new folder in it")
    part = name_part(target)
    try:
        with name_file_in_errors(path):
            part.mkdir(parents=True)
            yield part
            move_into_place(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def open_regular(path):
    """`with open_regular(path) as file:` opens a file for reading bytes. Raises ValueError or OSError.

    A pipe gives its content only once, and opening one may wait for ever: it is refused.
    """
    require_regular(path)
    with name_file_in_errors(path), open(path, "rb") as file:
        yield file


def find_target(path):
    """Follow links to the file that changes when `path` is written; it need not exist.

    Raises ValueError as require_regular does, and OSError for a loop of links.
    """
    with contextlib.suppress(FileNotFoundError):
        require_regular(Path(path))
    return Path(os.path.realpath(path))


def require_regular(path):
    """Raise ValueError for a folder, a device, a pipe or a socket; OSError where nothing is."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise ValueError(f"{path} is a folder: give the name of a file")
    if not stat.S_ISREG(mode):
        raise ValueError(
            f"{path} is a pipe, a device or a socket: give a file; save a pipe's content in one first"
        )


def name_part(target, digits=None):
    """Name a part of a file or folder. `digits` that match any make it a pattern of all its parts."""
    return target.with_name(f".{target.name[:50]}.{digits or os.urandom(8).hex()}.part")


def move_into_place(part, target):
    """Rename a part to its target, a file or an empty folder, whose permissions it takes over.

    Windows renames no file that another process, such as a virus scanner, has open: it gets some time.
    """
    with contextlib.suppress(OSError):  # nothing is there yet, or the disk knows no permissions
        shutil.copymode(target, part)
    if target.is_dir():
        target.rmdir()
    for wait in WAITS if sys.platform == "win32" else ():
        try:
            return os.replace(part, target)
        except PermissionError:
            time.sleep(wait)
    os.replace(part, target)


@contextlib.contextmanager
def name_file_in_errors(path):
    """Name the path in an OSError that names no file, such as a full disk's, or only a part of it."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def sync_folder(folder):
    """Make a new file name survive a power cut, where the system can sync a folder."""
    with contextlib.suppress(OSError):  # Windows opens no folders, some network drives sync none
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
