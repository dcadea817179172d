"""What lies on disk: rows of examples, checkpoints, the folder of a run, weights for other tools."""

from . import (  # noqa: F401
    atomic,
    checkpoint,
    history,
    huggingface,
    huggingface_tokenizer,
    json_text,
    lock,
    npz,
    preview,
    row_fields,
    rows,
    run,
    safetensors,
    stop,
)
