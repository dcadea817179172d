"""Arrays from an .npz file that anyone may have written.

NumPy makes room for what a header announces before it looks for the numbers, and a few kilobytes
of a compressed file may unpack to gigabytes. So sizes are compared first.
"""

import math
import os
import zipfile

import numpy as np

ALWAYS = 2**28  # bytes that any file may unpack to
RATIO = 100  # and more only up to this many times its own size
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class SizeError(ValueError):
    """A file that announces more than it holds, or holds more than it can be trusted with."""


def arrays(file):
    """{name: array} of a file that is open for reading bytes; nothing is ever unpickled.

    Raises SizeError, and for damaged bytes whatever zipfile, NumPy and ast raise: no closed list.
    """
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as members:
        infos = members.infolist()
        unpacked = sum(info.file_size for info in infos)
        if unpacked > max(ALWAYS, RATIO * size):
            raise SizeError(f"its {size} bytes unpack to {unpacked}, which only uncompressed ones may")
        found = {info.filename.removesuffix(".npy"): read(members, info) for info in infos}
    if len(found) < len(infos):
        raise ValueError("a name stands there twice")
    return found


def read(members, info):
    """One member's array. Raises SizeError, before it is made, if its header does not fit its size."""
    with members.open(info) as member:
        shape, _, dtype = HEADERS[np.lib.format.read_magic(member)](member)
        size = info.file_size - member.tell()
    if dtype.hasobject:
        raise ValueError(f"the array {info.filename!r} holds objects: they would have to be unpickled")
    if math.prod(shape) * dtype.itemsize != size:
        raise SizeError(
            f"the array {info.filename!r:.60} is {dtype!s:.60} {shape!s:.60}, and has {size} bytes"
        )
    with members.open(info) as member:  # from its start, so that its checksum is looked at
        return np.lib.format.read_array(member, allow_pickle=False)
