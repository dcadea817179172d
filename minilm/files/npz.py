"""Read arrays from an .npz file that anyone may have written.

NumPy allocates what a header announces before it looks for the numbers, and a few compressed
kilobytes may unpack to gigabytes. So sizes are compared first.
"""

import math
import os
import zipfile

import numpy as np

SMALL = 2**28  # bytes that any file may unpack to
LARGEST_RATIO = 100  # larger files may unpack to this many times their own size
HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class SizeError(ValueError):
    """A file announces more than it holds, or unpacks to more than can be trusted."""


def read_arrays(file):
    """Read {name: array} from a file that is open for reading bytes; nothing is ever unpickled.

    Raises SizeError. Damaged bytes raise whatever zipfile, NumPy and ast raise: there is no closed list.
    """
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        if unpacked > max(SMALL, LARGEST_RATIO * size):
            raise SizeError(f"its {size} bytes unpack to {unpacked}, more than {LARGEST_RATIO} times as many")
        arrays = {member.filename.removesuffix(".npy"): read_member(archive, member) for member in members}
    if len(arrays) < len(members):
        raise ValueError("two arrays have the same name")
    return arrays


def read_member(archive, member):
    """Read one array. Raises SizeError, before it is allocated, if its header does not fit its size."""
    with archive.open(member) as file:
        shape, _, dtype = HEADER_READERS[np.lib.format.read_magic(file)](file)
        size = member.file_size - file.tell()
    if dtype.hasobject:
        raise ValueError(f"the array {member.filename!r} holds objects, which only pickle could read")
    if math.prod(shape) * dtype.itemsize != size:
        raise SizeError(
            f"the array {member.filename!r:.60} is {dtype!s:.60} {shape!s:.60}, but has {size} bytes"
        )
    with archive.open(member) as file:  # from its start, so that its checksum is verified
        return np.lib.format.read_array(file, allow_pickle=False)
