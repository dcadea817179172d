"""The safetensors file format: other tools read and write weights in it.

    8 bytes     length n of the header, little-endian
    n bytes     the header, JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
    the rest    the numbers, tensor after tensor, C-contiguous and little-endian

Unlike a pickle, such a file cannot run code. What its header says is checked before it is used.
Source: the format description of https://github.com/huggingface/safetensors.
"""

import json
import math

import numpy as np

from . import json_text

HEADER_LIMIT = 100_000_000  # bytes, as in the reference reader
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2"}
DTYPES |= {"I8": "i1", "U8": "u1", "BOOL": "?"}


def to_bytes(tensors, metadata=None):
    """{name: array} and metadata {text: text} -> the bytes of a file, tensors in the dict's order.

    Raises ValueError for an array whose dtype the format does not have.
    """
    names = {np.dtype(code): name for name, code in DTYPES.items() if name != "BF16"}
    header = {"__metadata__": metadata} if metadata else {}
    parts, end = [], 0
    for name, array in tensors.items():
        dtype = np.asarray(array).dtype.newbyteorder("<")
        if dtype not in names:
            raise ValueError(f"tensor {name} holds {dtype}, which cannot be written: use float32 or float64")
        parts.append(np.asarray(array, dtype).tobytes())  # always in C order, whatever the strides
        begin, end = end, end + len(parts[-1])
        header[name] = {"dtype": names[dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode("utf-8")
    text += b" " * (-len(text) % 8)  # so that the numbers start on a multiple of 8 bytes
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def from_bytes(content):
    """The bytes of a file -> {name: array}, in the order of the data.

    float16 and bfloat16 become float32, which holds each of their numbers exactly.
    Raises ValueError, in one sentence, for bytes that are not a well-formed file.
    """
    n = int.from_bytes(content[:8], "little")
    if len(content) < 8 or n > min(HEADER_LIMIT, len(content) - 8):
        raise ValueError(
            f"its {len(content)} bytes cannot hold the header that it announces: it was cut short"
        )
    header, data = parse_header(content[8 : 8 + n]), memoryview(content)[8 + n :]
    tensors, position = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: check_entry(*item)["data_offsets"]):
        begin, end = entry["data_offsets"]
        if begin != position or end > len(data):
            raise ValueError(
                f"tensor {name} lies at bytes {begin} to {end} of {len(data)}, where {position} is the "
                "first free one: tensors must follow each other without gap or overlap, inside the file"
            )
        tensors[name] = decode_tensor(data[begin:end], entry["dtype"], entry["shape"])
        position = end
    if position != len(data):
        raise ValueError(f"{len(data) - position} bytes at its end belong to no tensor")
    return tensors


def parse_header(text):
    """The header's bytes -> {name: entry}, without __metadata__. Raises ValueError for other JSON."""
    try:
        header = json_text.parse(text)
    except ValueError as error:
        raise ValueError(f"its header is not JSON with unique names ({error})") from None
    if not isinstance(header, dict):
        raise ValueError(f"its header is {type(header).__name__}, not an object with an entry a tensor")
    header.pop("__metadata__", None)
    for name in header:
        if not name.isprintable() or len(name) > 200:  # names stand in messages
            raise ValueError(f"the tensor name {name!r:.80} must be at most 200 printable characters")
    return header


def check_entry(name, entry):
    """Return a header entry. Raises ValueError unless its dtype, shape and offsets fit together."""

    def is_list_of_counts(value):
        return isinstance(value, list) and all(type(i) is int and i >= 0 for i in value)

    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(
            f"tensor {name} needs exactly dtype, shape and data_offsets in the header, not {entry!r:.80}"
        )
    if entry["dtype"] not in list(DTYPES):
        raise ValueError(f"tensor {name} has dtype {entry['dtype']!r:.80}, not one of {', '.join(DTYPES)}")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not is_list_of_counts(shape) or not is_list_of_counts(offsets) or len(offsets) != 2:
        raise ValueError(
            f"tensor {name} has shape {shape!r:.80} and offsets {offsets!r:.80}: whole numbers are needed"
        )
    size = math.prod(shape) * np.dtype(DTYPES[entry["dtype"]]).itemsize
    if offsets[1] - offsets[0] != size:
        raise ValueError(
            f"tensor {name} has {offsets[1] - offsets[0]} bytes, but {entry['dtype']} {shape} takes {size}"
        )
    return entry


def decode_tensor(data, dtype, shape):
    """The bytes of one tensor -> an array of its own, float32 for 16-bit floats."""
    array = np.frombuffer(data, DTYPES[dtype]).reshape(shape)
    if dtype == "BF16":  # the upper half of a float32
        return (array.astype(np.uint32) << 16).view(np.float32)
    native = array.dtype.newbyteorder("=")
    return array.astype(np.float32 if dtype == "F16" else native)
