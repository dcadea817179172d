"""Let one process at a time train in a folder."""

import contextlib
import os
import sys

NAME = ".lock"  # a file that only Windows needs, which cannot lock a folder; alone it blocks nobody


@contextlib.contextmanager
def lock_folder(folder):
    """`with lock_folder(folder):` raises ValueError if another such block holds the folder.

    The system drops the lock of a process that ends, however it ends. Where nothing can be locked, as
    in a browser and on some network drives, the block runs without.
    """
    path, flags = folder, os.O_RDONLY
    if sys.platform == "win32":
        path, flags = os.path.join(folder, NAME), os.O_RDWR | os.O_CREAT
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError, OSError):
            handle = os.open(path, flags)
            stack.callback(os.close, handle)
            try:
                lock_handle(handle)
            except (BlockingIOError, PermissionError):
                raise ValueError(
                    f"another process is training in {folder}: wait for it, or stop it"
                ) from None
        yield


def lock_handle(handle):
    """Lock an open file or folder until it is closed. Raises an OSError if another handle has the lock."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
