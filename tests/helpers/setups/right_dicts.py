"""Right plans whose batches are dicts in transformers' form, the shift made in the step."""

from functools import partial

import numpy as np

from . import collators, steps
from . import templates as t
from .plans import plan_chats, plan_pairs


def collect_labels(seed):
    return plan_pairs(seed, collate=collators.collect, read=steps.read_dict)


def collect_labels_alone(seed):
    """input_ids and labels, nothing else."""
    collate = partial(collators.collect, attention=False)
    return plan_chats(seed, collate=collate, read=steps.read_dict, template=t.LLAMA3)


def collect_left(seed):
    return plan_chats(seed, collate=partial(collators.collect, left=True), read=steps.read_dict)


def collect_left_with_stop(seed):
    collate = partial(collators.collect, left=True, pad=t.EOS)
    return plan_pairs(seed, collate=collate, read=steps.read_dict, template=t.MISTRAL)


def collect_flat(seed):
    return plan_pairs(seed, collate=collators.collect_flat, read=steps.read_dict)


def collect_flat_with_ends(seed):
    collate = partial(collators.collect_flat, ends=True)
    return plan_chats(seed, collate=collate, read=steps.read_dict, template=t.PHI3)


def collect_completion_mask(seed):
    """Full labels; completion_mask decides in the step."""
    collate = partial(collators.collect, mask="completion_mask")
    return plan_pairs(seed, collate=collate, read=steps.read_dict)


def collect_assistant_masks(seed):
    collate = partial(collators.collect, mask="assistant_masks", multiple=8)
    return plan_chats(seed, collate=collate, read=steps.read_dict)


def collect_loss_mask(seed):
    """A float loss_mask with a prompt weight in it."""
    return plan_pairs(
        seed,
        roles={"user": 0.1, "assistant": 1.0},
        collate=partial(collators.collect, mask="loss_mask"),
        read=steps.read_dict,
        meant={"prompt_weight": 0.1},
    )


def collect_numbered_attention(seed):
    """Packed lines whose attention mask counts the documents: 1, 1, 2, 2, 2, 0."""

    def collate(rows):
        ids, weights, documents, positions = collators.fill_lines(rows)
        labels = np.where(weights > 0, ids, -100)
        attention = np.where(documents < 0, 0, documents - documents[:, :1] + 1)
        return {"input_ids": ids, "labels": labels, "attention_mask": attention, "position_ids": positions}

    def read(batch):
        return steps.read_dict(batch)._replace(documents=batch["attention_mask"])

    return plan_pairs(seed, collate=collate, read=read)


def collect_shifted_labels(seed):
    """shift_labels stand beside the labels, one place ahead, and are what counts."""

    def collate(rows):
        batch = collators.collect(rows)
        return batch | {"shift_labels": steps.shift_left(batch["labels"], -100)}

    def read(batch):
        targets = batch["shift_labels"]
        return steps.read_dict(batch)._replace(targets=targets, mask=(targets >= 0) * 1.0)

    return plan_pairs(seed, collate=collate, read=read)


RIGHT = [value for name, value in list(globals().items()) if getattr(value, "__module__", "") == __name__]
