"""`python -m minilm import`."""

from pathlib import Path

from .. import files

SUMMARY = "Read an exported folder back, for example after transformers or TRL trained it further."
EXAMPLE = "python -m minilm import hf run2"


def add_options(sub):
    """Add the options of this command."""
    sub.add_argument("dir", help="a folder that `export` wrote, or that save_pretrained made of it")
    sub.add_argument("out", help="the folder for model.npz")


def run(options):
    """Write the model of an exported folder as a checkpoint."""
    path = Path(options.out) / files.run.MODEL
    if path.exists():
        raise ValueError(f"{path} exists: name another folder, or move it away first")
    params, config, tokenizer = files.huggingface.read_folder(options.dir)
    files.checkpoint.save(path, params, config, tokenizer)
    print(f"{path} holds the model: {config.n_layer} layers, {tokenizer.level} level")
