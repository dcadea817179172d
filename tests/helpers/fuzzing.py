"""Ways to damage what was valid, and how what comes of it is judged. Pure noise stops at the first
check; a valid file with one thing changed gets further."""

import io
import json
import linecache
import zipfile
from pathlib import Path

import numpy as np

DEEP = json.loads("[" * 200 + "]" * 200)
HUGE = 10**400  # a whole number that is no float
VALUES = [
    None,
    True,
    False,
    0,
    1,
    -1,
    7,
    0.5,
    -0.0,
    float("nan"),
    float("inf"),
    1e308,
    2**31,
    2**63,
    -(2**63),
]
VALUES += [
    10**30,
    HUGE,
    "",
    "a",
    "a b",
    "\ud800",
    "\x00",
    "é",
    "a\nb",
    "<eos>",
    "0",
    [],
    {},
    [[]],
    [None],
    [1, 2],
    DEEP,
]
VALUES += [{"a": None}, {"": 1}, [True], [[1], [2]], "x" * 3000]
ARRAYS = [
    lambda a, rng: a.astype(rng.choice(["i1", "u1", "i4", "u8", "f2", "f4", ">f8", "c16", "?", "U5", "S3"])),
    lambda a, rng: a[..., :0],
    lambda a, rng: a[:0],
    lambda a, rng: a.ravel(),
    lambda a, rng: a[None],
    lambda a, rng: a.T,
    lambda a, rng: a[:1],
    lambda a, rng: a[..., :1],
    lambda a, rng: a[..., :2],
    lambda a, rng: np.flip(a),
    lambda a, rng: np.concatenate([a, a], axis=-1) if a.ndim else a,
    lambda a, rng: np.array(rng.choice([0, 1, -1, 1e30, np.nan])),
    lambda a, rng: np.full_like(a, rng.choice([0, 1, 100])),
    lambda a, rng: np.full(a.shape, np.datetime64("2020-01-01")),
    lambda a, rng: np.zeros(a.shape, [("x", "f8"), ("y", "O")]),
    lambda a, rng: a.astype(object),
]
ENTRIES = [-1, -100, 0, 1, 3, 99, 2**31, 2**62, 0.5, 1e-300, 1e30, 1e308, np.nan, np.inf, -np.inf]
THINGS = [
    None,
    3,
    1.5,
    "text",
    b"bytes",
    [],
    {},
    (),
    [[1, 2], [3]],
    object(),
    np.float32(2),
    [None],
    range(3),
    len,
]


def pick(rng, values):
    """One of the values, as it is (rng.choice would make an array of them)."""
    return values[rng.integers(len(values))]


def array(rng, a):
    """An array changed in one way: its dtype, its shape, or one entry."""
    if rng.random() < 0.6 and a.size:
        value, a = pick(rng, ENTRIES), a.copy()
        a = a.astype(float) if isinstance(value, float) and a.dtype.kind in "iu" and rng.random() < 0.3 else a
        with np.errstate(all="ignore"):
            a.flat[rng.integers(a.size)] = np.array(value).astype(a.dtype)
        return a
    try:
        with np.errstate(all="ignore"):
            return pick(rng, ARRAYS)(a, rng)
    except (TypeError, ValueError, IndexError):  # no such dtype for these numbers, or no axis
        return a[..., None]


def thing(rng, a):
    """An array changed, or something else altogether."""
    return pick(rng, THINGS) if rng.random() < 0.2 else array(rng, a)


def places(value, path=()):
    """The path of every node of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [place for key, item in inner for place in places(item, (*path, key))]


def tree(rng, value):
    """A JSON value with one node replaced, dropped, renamed, doubled, or exchanged for another node."""
    value = json.loads(json.dumps(value))
    nodes = places(value)
    *path, key = pick(rng, nodes[1:]) if len(nodes) > 1 and rng.random() < 0.97 else [None]
    if key is None:
        return pick(rng, VALUES)
    parent = value
    for step in path:
        parent = parent[step]
    how = rng.integers(6)
    if how == 0:
        del parent[key]
    elif how == 1 and isinstance(parent, dict):
        parent[pick(rng, ["", "a", "a\nb", "step", "\ud800", "x" * 300, f"{key} ", "run", "__class__"])] = (
            parent.pop(key)
        )
    elif how == 2 and isinstance(parent, list):
        parent.append(parent[key])
    elif how == 3:
        other = value
        for step in pick(rng, nodes):
            other = other[step] if isinstance(other, dict | list) else other
        parent[key] = json.loads(json.dumps(other))
    else:
        parent[key] = pick(rng, VALUES)
    return value


def text(rng, value):
    """A JSON value, mutated, as bytes: mostly JSON, at times with what the parsers of JSON disagree on."""
    written = json.dumps(tree(rng, value)).encode()
    if rng.random() < 0.1:
        written = written.replace(b'{"', b'{"a": 1, "a": 2, "', 1)
    return noise(rng, written) if rng.random() < 0.2 else written


def noise(rng, content):
    """Bytes with one place damaged."""
    at, end = sorted(rng.integers(0, len(content) + 1, 2).tolist())
    how = rng.integers(7)
    if how == 0:
        return content[:at]
    if how == 1:
        return content[:at] + content[end:]
    if how == 2:
        return content[:at] + rng.bytes(rng.integers(1, 9)) + content[at:]
    if how == 3:
        return content[:end] + content[at:]
    if how == 4:
        return content[:at] + bytes(min(end - at, 8)) + content[at + min(end - at, 8) :]
    if how == 5:
        return rng.bytes(rng.integers(0, 60))
    flipped = bytearray(content or b"a")
    flipped[rng.integers(len(flipped))] ^= 1 << rng.integers(8)
    return bytes(flipped)


def npz(arrays):
    """The bytes of an .npz file."""
    whole = io.BytesIO()
    np.savez(whole, **arrays)
    return whole.getvalue()


def rezipped(rng, content):
    """A zip file with the bytes of one member damaged, mostly its header, and the CRC right again."""
    members = zipfile.ZipFile(io.BytesIO(content))
    files = {name: members.read(name) for name in members.namelist()}
    name = pick(rng, list(files))
    head = 128 if rng.random() < 0.8 else 0
    files[name] = noise(rng, files[name][:head]) + files[name][head:] if head else noise(rng, files[name])
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", int(rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))) as out:
        for name, member in files.items():
            out.writestr(name, member)
    return whole.getvalue()


def outcome(call):
    """ "fine", or "refused" if the call raised an error that it is allowed to raise.

    That is an OSError, or a ValueError of minilm's own: one sentence on one line, from a `raise`.
    """
    try:
        call()
    except OSError:
        return "refused"
    except ValueError as error:
        frame = error.__traceback__
        while frame.tb_next:
            frame = frame.tb_next
        place = frame.tb_frame.f_code.co_filename
        source = linecache.getline(place, frame.tb_lineno)
        assert {"minilm", "lessons"} & {*Path(place).parts} and "raise" in source, (
            f"not minilm's own: {error!r} {place}:{frame.tb_lineno}"
        )
        assert str(error) and "\n" not in str(error), repr(error)
        return "refused"
    return "fine"


def content(folder):
    """Every file under a folder, and what is in it."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(Path(folder).rglob("*"))}
