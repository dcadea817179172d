"""Faults that packed rows show."""

from .. import data
from .arrays import light_all_targets
from .planting import fault


@fault("data.collate", met_in="TRL #3728, #3749", shown_by="packing")
def packing_drops_mask(original, rows, prompt_weight=0.0):
    """Packing loses the mask: right example by example, every token carries loss when packed.

    An example alone is right; packed with another, the rows that predict its prompt are lit, too.
    """
    batch = original(rows, prompt_weight)
    if batch.documents is None or batch.documents.max() == 0:
        return batch
    return batch._replace(loss_mask=light_all_targets(batch.roles))


@fault("model.loss_and_grads", met_in="functionary #265, nanoVLM #204", shown_by="packing")
def packing_contamination(original, params, ids, targets, loss_mask, config, documents=None):
    """In a packed row, a document reads its neighbour.

    Another first document changes the loss of the second one's answer.
    """
    return original(params, ids, targets, loss_mask, config)


@fault("data.loss_mask", met_in="transformers #25452, torchtitan #4075", shown_by="packing")
def boundary_in_the_loss(original, roles, prompt_weight=0.0):
    """In a packed row, a document's <eos> is trained to predict the next one's start.

    The row that reads a document's <eos> and predicts the next one's <bos> is lit.
    """
    return original(roles, prompt_weight) + (roles == data.BOS)
