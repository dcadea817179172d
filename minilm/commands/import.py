"""`python -m minilm import`."""

from pathlib import Path

from .. import files

SUMMARY = "Read such a folder back, say after transformers or TRL trained it further."
EXAMPLE = "python -m minilm import hf run2"


def add_options(sub):
    """The options of this command."""
    sub.add_argument("dir", help="a folder of export's, or what save_pretrained made of it")
    sub.add_argument("out", help="model.npz goes there")


def run(options):
    """Write what such a folder holds as a checkpoint."""
    path = Path(options.out) / "model.npz"
    if path.exists():
        raise ValueError(f"{path} exists: name another folder, or move it away first")
    params, config, words = files.huggingface.read_folder(options.dir)
    files.checkpoint.save(path, params, config, words)
    print(f"{path} holds the model: {config.n_layer} layers, {words.level} level")
