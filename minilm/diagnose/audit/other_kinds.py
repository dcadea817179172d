"""Files that hold no rows that can be read: what they are, and the line that converts them."""

import os

from ... import files
from ..report import DiagnoseError

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
    line = head.lstrip().split(b"\n")[0]
    if line[:1] not in b"{[" and (b"," in line or b"\t" in line) and b"{" not in line:
        raise_convert(path, *FROM_CSV)


def raise_convert(path, kind, line):
    """Raise DiagnoseError: what the file is, and the line of Python that makes rows of it."""
    raise DiagnoseError(f'{path} is {kind}: convert it, python -c "{line.format(path=path)}"')


def refuse_other_rows(first):
    """Raise DiagnoseError for tokenized rows of another form."""
    for name, what in OTHER_ROWS.items():
        if first is not None and name in first[1]:
            raise DiagnoseError(f"{first[0]}: the field {name!r} belongs to {what}")


def holds_torch(path):
    """Whether a zip archive looks like one of torch.save."""
    with files.atomic.open_regular(path) as file:
        return b"data.pkl" in file.read(HEAD)
