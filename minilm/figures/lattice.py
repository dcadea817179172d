"""The forward pass reads all; the loss mask decides where the gradient starts. A random model, no spread."""

from dataclasses import asdict

import numpy as np

from .. import data, model, trace
from .. import tokenizer as tokenizers
from ..trace import picture
from . import identities

ALT = (
    "Three grids of 7 positions by the parts of a 2-layer model, the input at the bottom, the loss on top. "
    "Forward: every cell is grey, curves show that later positions read earlier ones. Masked loss: blue, the "
    "gradient, fills only the answer's columns above the last attention, where the prompt's cells show 0; "
    "from there curves carry it into the prompt's keys and values, and all cells below have some. Full loss: "
    "every column is blue from top to bottom."
)


def compute(seeds=(0,), workers=0, report=None, steps=None, quick=False):
    """picture.measure_lattice of the course's question, with its <eos>, in the first seed's random model."""
    tokenizer = tokenizers.build("word", identities.QUESTION)
    row = data.encode(identities.QUESTION, tokenizer)
    config = model.Config(
        len(tokenizer.vocab), n_positions=len(row.tokens) - 1, n_layer=2, n_head=2, n_embd=16
    )
    params = model.init(config, np.random.default_rng(seeds[0]), std=0.3, dtype=np.float64)
    lattice = picture.measure_lattice(trace.trace(params, row, config, tokenizer))
    return {"seeds": [seeds[0]], "config": asdict(config), **lattice}


def caption(result):
    """Where the masked gradient is exactly 0 and where it is not, in numbers."""
    masked, full = result["norms"]["0"], result["norms"]["1"]
    T, top, last = len(result["inputs"]), masked["logits"], result["n_layer"] - 1
    takeaway = "Here the mask does not do what it should: look for the fault."
    prompt = [norm for norm, is_prompt in zip(top, result["is_prompt"], strict=True) if is_prompt]
    if not any(prompt) and min(masked["x"]) > 0:
        takeaway = (
            "All of it is read, only the answer is graded: the mask stops the prompt's own gradient, "
            "attention carries the answer's into the prompt."
        )
    return (
        f"{takeaway} Masked, the gradient is exactly 0 at {top.count(0)} of {T} scores and "
        f"{masked[f'h.{last}.attn.q'].count(0)} queries of the last block, but at "
        f"{masked[f'h.{last}.attn.k'].count(0)} keys, {masked[f'h.{last}.attn.v'].count(0)} values and "
        f"{masked['x'].count(0)} embeddings; with full loss it is 0 at {full['logits'].count(0)} scores. "
        f"(Random 2-layer model of {result['config']['n_embd']} channels, summed loss, one seed: only "
        "zero or not zero means something; fills are square roots of norms, within their line.)"
    )


def draw(result):
    """Forward, masked and full beside each other."""
    return picture.draw_lattice(result)
