"""What a model expects at every token of a row, before it sees it."""

import numpy as np

from .. import data, losses, model

DIGITS = 4
UNEXPECTED = 0.5  # a token of lower probability: what the model expected instead is shown


def read_row(params, config, row, show):
    """For every target of a Row: its probability, the model's likeliest token, and that one's.

    Returns {"probs": [...], "guesses": [...], "guess_probs": [...]}; `show` gives the text of an id.
    """
    batch = data.collate([row])
    logits, _ = model.forward(params, batch.ids, config)
    nll, (probs, _) = losses.token_nll_forward(logits, batch.targets)
    guesses = probs[0].argmax(axis=-1)
    return {
        "probs": [round(float(p), DIGITS) for p in np.exp(-nll[0])],
        "guesses": [show(guess) for guess in guesses],
        "guess_probs": [round(float(p), DIGITS) for p in probs[0].max(axis=-1)],
    }


def name_targets(row, show):
    """The texts of a Row's targets, and for each whether it is part of the answer."""
    batch = data.collate([row])
    is_answer = data.response_mask(batch.roles)[0] > 0
    return {"tokens": [show(target) for target in batch.targets[0]], "is_answer": is_answer.tolist()}
