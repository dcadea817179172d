"""Write a whole file, or a whole folder, or nothing.

New content is written beside its destination and moved there when it is complete. A killed process
or a full disk leaves what was there before.
"""

import contextlib
import os
import shutil
from pathlib import Path


@contextlib.contextmanager
def replace_file(path):
    """`with replace_file(path) as file:` opens for bytes; `path` changes only if the block succeeds.

    Missing folders are made. Raises OSError, which names `path`, if it cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        with name_file_in_errors(path):
            with open(part, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
            sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def create_folder(path):
    """`with create_folder(path) as folder:` fill `folder`; `path` appears only if the block succeeds.

    Raises ValueError if `path` is a file, or a folder that is not empty.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(f"{path} exists and is not an empty folder: name a new one, or move it away first")
    part = path.resolve().with_name(f"{path.resolve().name}.part")
    shutil.rmtree(part, ignore_errors=True)  # a killed process may have left it
    part.mkdir(parents=True)
    try:
        yield part
        if path.exists():
            path.rmdir()
        part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def name_file_in_errors(path):
    """Add the path to an OSError that names no file, such as a full disk's."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
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
