"""`python -m minilm export`."""

from pathlib import Path

from .. import files

SUMMARY = "Write a trained model as a folder that transformers opens."
EXAMPLE = "python -m minilm export run hf"


def add_options(sub):
    """Add the options of this command."""
    sub.add_argument("dir", help="the folder that `train --out` wrote")
    sub.add_argument("out", help="the new folder: config, weights and tokenizer of a GPT-2")


def run(options):
    """Write a checkpoint as a folder for transformers."""
    params, config, tokenizer = files.checkpoint.load(Path(options.dir) / files.run.MODEL)
    files.huggingface.write_folder(options.out, params, config, tokenizer)
    print(f"{options.out} holds the model: AutoModelForCausalLM.from_pretrained({options.out!r}) opens it")
