"""What an .npz file announces is checked before it is allocated or unpickled."""

import io
import zipfile

import numpy as np
import pytest

from minilm.files import npz


def pack(*members):
    """The bytes of a compressed zip file with these (name, content)."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def npy_bytes(array, announced_shape=None):
    """The bytes of an .npy file; its header may announce another shape."""
    file = io.BytesIO()
    shape = array.shape if announced_shape is None else announced_shape
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + array.tobytes()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back(save):
    file = io.BytesIO()
    arrays = {"a": np.arange(6.0).reshape(2, 3).T, "b.c": np.array("text"), "none": np.zeros((0, 4), np.int8)}
    save(file, **arrays)
    back = npz.read_arrays(file)
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array, strict=True)


@pytest.mark.parametrize("shape", [(2**40,), (3,), (5,)])
def test_a_header_that_does_not_fit_the_size_is_refused(shape):
    content = pack(("a.npy", npy_bytes(np.zeros(4), shape)))
    with pytest.raises(npz.SizeError, match=r"the array 'a.npy' is float64 .*, but has 32 bytes"):
        npz.read_arrays(io.BytesIO(content))


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch):
    content = pack(("a.npy", npy_bytes(np.zeros(10**6))))
    assert npz.read_arrays(io.BytesIO(content))["a"].size == 10**6  # small files may
    monkeypatch.setattr(npz, "SMALL", 10**6)
    with pytest.raises(npz.SizeError, match="bytes unpack to 8000"):
        npz.read_arrays(io.BytesIO(content))


def test_two_arrays_of_one_name_are_refused():
    content = pack(("a.npy", npy_bytes(np.zeros(1))), ("a", npy_bytes(np.ones(1))))
    with pytest.raises(ValueError, match="two arrays have the same name"):
        npz.read_arrays(io.BytesIO(content))


def test_objects_are_refused():
    file = io.BytesIO()
    np.savez(file, a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"the array 'a.npy' holds objects"):
        npz.read_arrays(file)
