"""Faults that packed rows show: which targets are lit, and what a document reads."""

import contextlib

import numpy as np
from planted import EXAMPLES, TOKENIZER, list_shown_by

from minilm import batches, data, faults, gradcheck, model, recording

# targets: a b c d e f <eos> <bos> a b c d e <eos>
HEALTHY_PACK = [0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1]
PACKED = {
    "packing_drops_mask": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    "packing_contamination": HEALTHY_PACK,
    "boundary_in_the_loss": [0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1],
}


def pack():
    return data.collate(batches.pack_rows([data.encode(e, TOKENIZER) for e in EXAMPLES[:2]], 16))


def nll_of_second(batch):
    """NLL of the second document's targets in a packed row, through loss_and_grads."""
    with recording("losses.token_nll_forward") as seen:
        model.loss_and_grads(PACK_PARAMS, *batch[:3], PACK_CONFIG, batch.documents)
    return seen[0][0][0, -6:]


PACK_CONFIG = model.Config(len(TOKENIZER.vocab), 16, 1, 2, 4)
PACK_PARAMS = gradcheck.draw_params(PACK_CONFIG, np.random.default_rng(1))


def test_every_fault_of_packing_is_here():
    assert set(PACKED) == list_shown_by("packing")


def test_faults_of_packing_light_and_read_what_they_are_known_for():
    healthy = pack()
    first = healthy.ids.copy()
    first[0, 1:3] = first[0, 2:0:-1]  # another first document
    for name, lit in [(None, HEALTHY_PACK), *PACKED.items()]:
        with faults.plant(name) if name else contextlib.nullcontext():
            batch = pack()
            changed = nll_of_second(batch._replace(ids=first)) - nll_of_second(batch)
        assert batch.loss_mask[0].tolist() == lit, name
        assert np.abs(changed).max() > 1e-3 if name == "packing_contamination" else not changed.any()
    assert pack().loss_mask[0].tolist() == HEALTHY_PACK
