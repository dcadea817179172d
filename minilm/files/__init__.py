"""What lies on disk: rows of examples, checkpoints, the folder of a run, weights for other tools."""

from . import checkpoint, export, gpt2, npz, preview, rows, run, safetensors  # noqa: F401
