"""Prepared rows from a file: .npz, JSONL or one JSON array. Other kinds are recognised, and refused by
one sentence that holds the line which converts them."""

import json
import warnings
import zipfile
from itertools import chain, count

from ... import files
from ..report import DiagnoseError
from . import aligning, fields, other_kinds, watching


def open_rows(path, ignore_index=None):
    """The PreparedRows of a file, to iterate, or None if it is a file of text rows.

    Raises DiagnoseError for a file of another kind, ValueError naming place for what is no row, OSError.
    """
    other_kinds.refuse_folder(path)
    with files.atomic.open_regular(path) as file:
        head = file.read(other_kinds.HEAD)
    watched = watching.PreparedRows()
    if head.startswith(b"PK"):
        watched.rows = aligning.align_rows(place_arrays(read_npz(path), path), ignore_index)
        return watched
    other_kinds.refuse_other_kinds(path, head)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    objects = iterate_array(path) if text.startswith(b"[") else iterate_lines(path)
    first = next(objects, None)
    if first is None and text.startswith(b"["):
        raise DiagnoseError(f"{path} holds no rows: the data set is empty")
    if first is None or (fields.name_ids(first[1]) is None and not text.startswith(b"[")):
        other_kinds.refuse_other_rows(first)
        return None
    objects = watched.watch_objects(chain([first], objects))
    watched.rows = aligning.align_rows(parse_objects(objects), ignore_index)
    return watched


def iterate_lines(path):
    """Yield (place, dict) for every line of a JSONL file."""
    for number, row in files.rows.iterate(path, files.rows.parse_object):
        yield f"{path}, line {number}", row


def iterate_array(path):
    """Yield (place, dict) for every object of one JSON array; only its text is held.

    Raises ValueError, naming the row, for damaged JSON and for elements that are no prepared rows.
    """
    decoder = json.JSONDecoder(
        object_pairs_hook=files.json_text.refuse_double_keys, parse_constant=files.json_text.refuse_constant
    )
    with files.atomic.open_regular(path) as file:
        content = file.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DiagnoseError(f"{path}: {files.json_text.explain_error(error)}") from None
    end = skip_space(text, text.index("[") + 1)
    for number in count():
        if text[end : end + 1] == "]" and not text[end + 1 :].strip() and not number:
            return
        place = f"{path}, row {number} (from 0)"
        try:
            row, end = decoder.raw_decode(text, end)
        except (ValueError, RecursionError) as error:
            raise DiagnoseError(f"{place}: {files.json_text.explain_error(error)}") from None
        yield place, require_ids(row, place)
        end = skip_space(text, end)
        if text[end : end + 1] == "]" and not text[end + 1 :].strip():
            return
        if text[end : end + 1] != ",":
            raise DiagnoseError(f"{place}: not JSON, a comma or the array's end should follow")
        end = skip_space(text, end + 1)


def skip_space(text, at):
    """The index of the next character that is no white space."""
    while text[at : at + 1] in (" ", "\n", "\r", "\t"):
        at += 1
    return at


def require_ids(row, place):
    """The element of a JSON array, if it is a prepared row. Raises DiagnoseError."""
    if isinstance(row, dict) and fields.name_ids(row) is not None:
        return row
    split = "write each of its objects on a line of its own (jq -c '.[]' does it)"
    if isinstance(row, list):
        split = "write each as one line {\"messages\": [...]} (jq -c '.[] | {messages: .}' does it)"
    elif isinstance(row, dict) and "role" in row:
        split = "write the list of messages as one line {\"messages\": [...]} (jq -c '{messages: .}' does it)"
    elif isinstance(row, dict):
        other_kinds.refuse_other_rows((place, row))
    raise DiagnoseError(f"{place}: a JSON array is read only if it holds rows with input_ids: {split}")


def parse_objects(placed):
    """(place, dict) pairs -> (place, Fields). Raises ValueError naming the place."""
    for place, row in placed:
        try:
            yield place, fields.parse_fields(row)
        except ValueError as error:
            raise DiagnoseError(f"{place}: {error}") from None


def read_npz(path):
    """The arrays of an .npz file. Raises DiagnoseError for a damaged one; OSError for no file."""
    with files.atomic.open_regular(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # guesses at what damaged bytes mean
        try:
            return files.npz.read_arrays(file)
        except Exception as error:  # damaged bytes raise anything
            if other_kinds.holds_torch(path):
                other_kinds.raise_convert(path, *other_kinds.FROM_TORCH)
            other_kinds.refuse_archive(path, list_names(path))
            reason = error if isinstance(error, files.npz.SizeError) else type(error).__name__
            raise DiagnoseError(
                f"{path} is no whole .npz file of plain arrays ({reason}): write it with "
                "np.savez(path, ids=..., labels=...), rows padded to one length, labels with -100"
            ) from None


def list_names(path):
    """The names in a zip archive; none if it is damaged."""
    with files.atomic.open_regular(path) as file:
        try:
            return zipfile.ZipFile(file).namelist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            return []


def place_arrays(arrays, path="ids"):
    """A dict of arrays (B, T) -> (place, Fields) of every row. Raises DiagnoseError, naming the array."""
    if fields.name_ids(arrays) is None:
        present = ", ".join(arrays) or "nothing"
        raise DiagnoseError(
            f"{path} holds {present}: it needs ids and labels (or targets), or ids and a loss_mask"
        )
    try:
        whole = fields.parse_fields(arrays, n_axes=2)
    except DiagnoseError as error:
        raise DiagnoseError(f"{path}: {error}") from None
    return (
        (f"{path}, row {k} (from 0)", whole._replace(**take_row(whole, k))) for k in range(len(whole.ids))
    )


def take_row(whole, k):
    """The arrays of row k of Fields (B, T), by name."""
    names = ("ids", "labels", "masks", "attention", "starts")
    return {name: None if getattr(whole, name) is None else getattr(whole, name)[k] for name in names}


def read_arrays(**arrays):
    """PreparedRows of arrays (B, T) under the names of fields.py. Raises DiagnoseError."""
    return aligning.align_rows(place_arrays(arrays))
