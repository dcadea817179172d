"""The drawing of the model: its tokens and numbers are the model's, and one target alone is graded."""

import numpy as np

from minilm import data, model
from minilm.figures import identities
from minilm.figures.drawings import model as drawing


def list_texts():
    (axes,) = drawing.draw().axes
    return [text.get_text() for text in axes.texts]


def test_tokens_are_the_sequence_without_its_last_and_without_its_first():
    texts = list_texts()
    tokens = ["<bos>", *identities.TOKENS]
    columns = [text for text in texts if text in tokens]
    assert columns[0::2] == tokens[:-1] and columns[1::2] == tokens[1:]  # reads, should say next, ...


def test_numbers_are_those_of_the_model_and_only_the_answer_reaches_the_loss():
    _, row, config, params = identities.seed_example()
    batch = data.collate([row])
    logits, _ = model.forward(params, batch.ids, config)
    probs = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    nll = -np.log(probs[0, np.arange(6), batch.targets[0]])
    texts = list_texts()
    assert [text for text in texts if text.startswith("×")] == ["× 0"] * 5 + ["× 1"]
    assert [text for text in texts if text.replace(".", "").isdigit() and "." in text] == [
        f"{n:.2f}" for n in nll
    ]
    assert any(text.endswith(f"= {nll[5]:.2f}") for text in texts)


def test_it_fits_a_page_of_700_pixels():
    assert drawing.draw().get_size_inches()[0] * 80 <= 700
    assert len(drawing.ALT) > 100
