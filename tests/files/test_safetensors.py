"""The safetensors format against a file written by hand, and against files that are wrong."""

import json
import struct

import numpy as np
import pytest

from minilm import files

HEADER = (
    b'{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2],"data_offsets":[24,28]},'
    b'"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"half":{"dtype":"F16","shape":[],'
    b'"data_offsets":[28,30]},"none":{"dtype":"I64","shape":[0,5],"data_offsets":[30,30]}} '
)
DATA = struct.pack("<6f", *range(6)) + b"\xc0\x3f\x00\xc0" + b"\x00\xbc"  # 1.5, -2 and, as a half, -1


def whole(header=HEADER, data=DATA):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def test_a_file_written_by_hand():
    tensors = files.safetensors.from_bytes(whole())
    assert list(tensors) == ["a", "b", "half", "none"]
    np.testing.assert_array_equal(tensors["a"], np.array([[0, 1, 2], [3, 4, 5]], np.float32), strict=True)
    np.testing.assert_array_equal(tensors["b"], np.array([1.5, -2], np.float32), strict=True)
    np.testing.assert_array_equal(tensors["half"], np.array(-1, np.float32), strict=True)
    np.testing.assert_array_equal(tensors["none"], np.zeros((0, 5), np.int64), strict=True)
    tensors["a"][0, 0] = 7  # an array of one's own, not a view of the file


def test_the_writer_writes_what_the_format_asks_for():
    transposed = np.array([[0, 3], [1, 4], [2, 5]], ">f4").T  # neither C-contiguous nor little-endian
    content = files.safetensors.to_bytes({"a": transposed, "d": np.array([1.0])}, {"format": "pt"})
    n = int.from_bytes(content[:8], "little")
    assert n % 8 == 0 and content[8 + n :] == struct.pack("<6fd", *range(6), 1.0)
    assert json.loads(content[8 : 8 + n]) == {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "d": {"dtype": "F64", "shape": [1], "data_offsets": [24, 32]},
    }
    with pytest.raises(ValueError, match="tensor c holds complex128, which cannot be written"):
        files.safetensors.to_bytes({"c": np.zeros(2, complex)})


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4", "i2", "i1", "u1", "?"])
def test_round_trip(dtype):
    array = np.random.default_rng(0).integers(0, 2, (3, 1, 4)).astype(dtype)
    (back,) = files.safetensors.from_bytes(files.safetensors.to_bytes({"é": array})).values()
    np.testing.assert_array_equal(back, array, strict=True)


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


EIGHT = b"\0" * 8
WRONG = {
    "nothing": (b"", "cut short"),
    "seven bytes": (b"\1\0\0\0\0\0\0", "cut short"),
    "a header longer than the file": (whole()[:40], "40 bytes cannot hold the header"),
    "a header of 2^63 bytes": (struct.pack("<Q", 2**63) + HEADER, "cannot hold the header"),
    "text": (b"PK\3\4 is a zip file's beginning", "cannot hold the header"),
    "no JSON": (whole(b"{'a': 1}"), "its header is not JSON"),
    "no UTF-8": (whole(b'{"\xff": 1}'), "its header is not JSON"),
    "brackets": (whole(b"[" * 100_000), "its header is not JSON"),
    "a list": (whole([]), "its header is list, not an object"),
    "a name twice": (whole(b'{"a": 1, "b": 2, "a": 3}'), "unique names .the key 'a' stands twice"),
    "a key twice": (whole(b'{"a": {"dtype": "F32", "dtype": "F64"}}'), "the key 'dtype' stands twice"),
    "a long name": (whole({"a" * 300: entry()}, EIGHT), "aaa must be at most 200 printable characters"),
    "no entry": (whole({"a": 1}), "tensor a needs exactly dtype, shape and data_offsets .* not 1"),
    "no shape": (whole({"a": {"dtype": "F32", "data_offsets": [0, 8]}}), "tensor a needs exactly"),
    "another dtype": (whole({"a": entry("F8_E4M3")}), "tensor a has dtype 'F8_E4M3', not one of F64"),
    "a dtype that is a list": (whole({"a": entry(["F32"])}), "tensor a has dtype .'F32'., not one of"),
    "a negative size": (whole({"a": entry(shape=[-1, -2])}, EIGHT), r"tensor a has shape \[-1, -2\]"),
    "a size true": (whole({"a": entry(shape=[True, 2])}, EIGHT), r"tensor a has shape \[True, 2\]"),
    "three offsets": (whole({"a": entry(offsets=[0, 8, 8])}, EIGHT), "whole numbers are needed"),
    "offsets backwards": (whole({"a": entry(offsets=[8, 0])}, EIGHT), "has -8 bytes, but F32"),
    "a shape that needs more": (
        whole({"a": entry(shape=[3])}, EIGHT),
        r"has 8 bytes, but F32 \[3\] takes 12",
    ),
    "huge": (whole({"a": entry(shape=[2**40, 2**40])}, EIGHT), "has 8 bytes, but F32"),
    "a gap": (
        whole({"a": entry(offsets=[4, 12])}, EIGHT + EIGHT),
        "bytes 4 to 12 of 16, where 0 is the first",
    ),
    "an overlap": (whole({"a": entry(), "b": entry(offsets=[4, 12])}, EIGHT + EIGHT), "where 8 is the first"),
    "past the end": (whole({"a": entry()}, EIGHT[:7]), "bytes 0 to 8 of 7"),
    "bytes left over": (whole({"a": entry()}, EIGHT + b"!"), "1 bytes at its end belong to no tensor"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_malformed_file_is_one_sentence(name):
    content, message = WRONG[name]
    with pytest.raises(ValueError, match=message) as error:
        files.safetensors.from_bytes(content)
    assert "\n" not in str(error.value)


def test_a_file_cut_anywhere_is_refused():
    content = whole()
    for n in range(len(content)):
        with pytest.raises(ValueError):
            files.safetensors.from_bytes(content[:n])
