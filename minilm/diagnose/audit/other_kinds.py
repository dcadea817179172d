"""Files that hold no rows that can be read: what they are, and the line that converts them."""

import os
import re

from ... import files
from ..report import DiagnoseError
from .fields import IDS

HEAD = 4096  # bytes by which a kind of file is known
TO_JSONL = ".to_json('rows.jsonl', orient='records', lines=True)"
OTHER_KINDS = {  # first bytes: what it is, and the line that converts it
    b"PAR1": ("a parquet file", f"import pandas as pd; pd.read_parquet('{{path}}'){TO_JSONL}"),
    b"ARROW1": ("an arrow file", f"import pandas as pd; pd.read_feather('{{path}}'){TO_JSONL}"),
    b"\xff\xff\xff\xff": (
        "an arrow stream",
        "import datasets; datasets.Dataset.from_file('{path}').to_json('rows.jsonl')",
    ),
    b"\x93NUMPY": (
        "a single .npy array",
        "import numpy as np; np.savez('rows.npz', ids=np.load('{path}'), labels=...)",
    ),
    b"\x80": (
        "a pickle",
        "import json, pickle; [print(json.dumps(dict(row))) for row in pickle.load(open('{path}', 'rb'))]",
    ),
    b"\x1f\x8b": (
        "compressed by gzip",
        "import gzip; open('rows.jsonl', 'wb').write(gzip.open('{path}').read())",
    ),
}
PLAIN_KINDS = {  # first bytes: what it is, and what to do; no one line makes rows of it
    b"SQLite format 3\0": ("a database of SQLite", "write the rows of its table as JSONL"),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "unpack it: zstd -d {path}"),
    b"\xfd7zXZ\0": ("compressed by xz", "unpack it: xz -dk {path}"),
    b"BZh": ("compressed by bzip2", "unpack it: bzip2 -dk {path}"),
    b"7z\xbc\xaf": ("a 7z archive", "unpack it, and give one file of rows"),
    b"\x89HDF": (
        "an HDF5 file",
        "read its arrays with h5py, and write them with np.savez(path, ids=..., labels=...)",
    ),
    b"\xff\xfe": ("text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 {path} > rows.jsonl"),
    b"\xfe\xff": ("text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 {path} > rows.jsonl"),
    b"version https://git-lfs": ("a pointer of Git LFS, not the file itself", "fetch that: git lfs pull"),
    b"%PDF": ("a PDF", "give rows as JSONL"),
}
HTML = re.compile(rb"<(!doctype|html|\?xml|head|body)", re.IGNORECASE)
YAML = re.compile(rb"(---|- |-$|\w+:( |$))")
BINARY = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
FROM_PYTHON = (
    "written as Python's dicts",
    "import ast, json; [print(json.dumps(ast.literal_eval(line))) for line in open('{path}')]",
)
ARCHIVES = {  # what a zip archive holds: what it is, and what to do
    "xl/": ("a workbook of Excel", "export its sheet as CSV, then make JSONL of that"),
    "word/": ("a document of Word", "give rows as JSONL"),
}
FROM_TORCH = (
    "a file of torch",
    "import json, torch; [print(json.dumps({{k: list(map(int, v)) for k, v in row.items()}})) "
    "for row in torch.load('{path}')]",
)
FROM_CSV = (
    "a table of text",
    "import csv, json; [print(json.dumps(row)) for row in csv.DictReader(open('{path}'))]",
)
OTHER_ROWS = {  # a name that a row without ids may have: what to do
    "chosen_input_ids": "a prepared pair of answers (DPO): its loss has no loss mask. Look at the "
    'chosen ones as {"input_ids": prompt + chosen, "completion_mask": [0, ..., 1, ...]}',
    "prompt_ids": 'prompt and answer apart: join them as {"input_ids": prompt + answer, '
    '"completion_mask": [0, ..., 1, ...]}',
}


def refuse_folder(path):
    """Raise DiagnoseError for a folder that datasets wrote."""
    if os.path.isfile(os.path.join(path, "dataset_info.json")):
        raise_convert(
            path,
            "a folder of datasets",
            "import datasets; datasets.load_from_disk('{path}').to_json('rows.jsonl')",
        )


def refuse_other_kinds(path, head):
    """Raise DiagnoseError for a file that is no JSON, with the line that converts it."""
    for start, kind in OTHER_KINDS.items():
        if head.startswith(start):
            raise_convert(path, *kind)
    for start, kind in PLAIN_KINDS.items():
        if head.startswith(start):
            raise_plain(path, *kind)
    if head[257:262] == b"ustar":
        raise_plain(path, "a tar archive", "unpack it (tar -xf {path}), and give one file of rows")
    if head[8:10] == b'{"' and BINARY.search(head[:8]):
        raise_plain(path, "a safetensors file", "it holds parameters, not rows: give rows of ids as JSONL")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if BINARY.search(head) and text[:1] not in (b"{", b"["):
        raise_plain(
            path,
            "binary, no text",
            "ids alone, as uint16, say nothing of the loss; write np.savez(path, ids=..., loss_mask=...)",
        )
    refuse_other_text(path, text)


def refuse_other_text(path, text):
    """Raise DiagnoseError for a text that is no JSON, by its first line."""
    line = text.split(b"\n")[0].rstrip()
    if HTML.match(text):
        raise_plain(path, "a page of HTML or XML", "fetch the file itself, not the page that shows it")
    if line.startswith((b"{'", b"[{'")):
        raise_convert(path, *FROM_PYTHON)
    is_whole = b"\n" in text
    if line[:1] == b"{" and is_whole and line.endswith((b"{", b"[", b",")) and not line.endswith(b"},"):
        raise_plain(
            path,
            "one JSON object over several lines",
            "write each row on one line (jq -c . {path}, or jq -c '.rows[]' if the rows stand in a field)",
        )
    if line[:1] in b"{[":
        return
    if YAML.match(line):
        raise_plain(path, "YAML, it seems", "write each row as one line of JSON")
    if (b"," in line or b"\t" in line) and b"{" not in line:
        raise_convert(path, *FROM_CSV)


def raise_plain(path, kind, advice):
    """Raise DiagnoseError: what the file is, and what to do in words."""
    raise DiagnoseError(f"{path} is {kind}: {advice.format(path=path)}")


def refuse_archive(path, names):
    """Raise DiagnoseError for a zip archive, with these names in it, that holds no arrays."""
    if any(name.endswith(".npy") for name in names):
        return
    for start, kind in ARCHIVES.items():
        if any(name.startswith(start) for name in names):
            raise_plain(path, *kind)
    if names:
        raise_plain(path, f"a zip archive of {names[0]!r:.80}", "unpack it, and give one file of rows")


def raise_convert(path, kind, line):
    """Raise DiagnoseError: what the file is, and the line of Python that makes rows of it."""
    raise DiagnoseError(f'{path} is {kind}: convert it, python -c "{line.format(path=path)}"')


def refuse_other_rows(first):
    """Raise DiagnoseError for tokenized rows of another form; `first` is (place, dict) or None."""
    if first is None:
        return
    place, row = first
    for name, what in OTHER_ROWS.items():
        if name in row:
            raise DiagnoseError(f"{place}: the field {name!r} belongs to {what}")
    for name, value in row.items():
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and any(inner.get(key) is not None for key in IDS):
            each = "[]" if isinstance(value, list) else ""
            raise DiagnoseError(
                f"{place}: the ids stand inside {name!r:.80}: write what it holds as lines of their own "
                f"(jq -c {'.' + name + each!r:.80} does it)"
            )


def holds_torch(path):
    """Whether a zip archive looks like one of torch.save."""
    with files.atomic.open_regular(path) as file:
        return b"data.pkl" in file.read(HEAD)
