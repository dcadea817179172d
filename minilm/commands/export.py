"""`python -m minilm export`."""

from pathlib import Path

from .. import files

SUMMARY = "Write a trained model as a folder that transformers opens."
EXAMPLE = "python -m minilm export run hf"


def add_options(sub):
    """The options of this command."""
    sub.add_argument("dir", help="what train wrote with --out")
    sub.add_argument("out", help="the new folder: config, weights and tokenizer of a GPT-2")


def run(options):
    """Write a checkpoint as a folder for transformers."""
    params, config, words = files.checkpoint.load(Path(options.dir) / "model.npz")
    files.huggingface.write_folder(options.out, params, config, words)
    print(f"{options.out} holds the model: AutoModelForCausalLM.from_pretrained({options.out!r}) opens it")
