"""What a step reads of its batch, cross-entropy, divisors, further terms, and what it gives back."""

from typing import NamedTuple

import numpy as np


class Seen(NamedTuple):
    """A batch as a step reads it; targets are one place ahead, mask is its loss weights."""

    ids: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    positions: np.ndarray = None
    readable: np.ndarray = None
    documents: np.ndarray = None
    count: float = None


def read_as(*names):
    """A reader of (ids, targets, mask, and extras of these names)."""
    return lambda ids, targets, mask, *extras: Seen(
        ids, targets, mask, **dict(zip(names, extras, strict=True))
    )


def read_labels(ids, targets, mask):
    """The mask is not looked at: -100 says it all."""
    return Seen(ids, targets, (targets >= 0) * 1.0)


def read_positions(ids, targets, mask, positions):
    """A document begins where a position is 0."""
    return Seen(ids, targets, mask, positions, documents=np.cumsum(positions == 0, axis=1))


def read_ends(ids, targets, mask, ends):
    """Documents and positions from cu_seqlens."""
    places = np.arange(ids.shape[1])
    documents = np.searchsorted(ends, places, side="right")
    return Seen(ids, targets, mask, (places - ends[documents - 1])[None], documents=documents[None])


def shift_left(array, value):
    return np.concatenate([array[:, 1:], np.full_like(array[:, :1], value)], axis=1)


def read_dict(batch):
    """A dict with labels at their own place: the shift is made here."""
    targets = shift_left(batch["labels"], -100)
    mask = (targets >= 0) * 1.0
    for key in {"loss_mask", "completion_mask", "assistant_masks"} & set(batch):
        mask = mask * shift_left(batch[key], 0)
    positions, attention = batch.get("position_ids"), batch.get("attention_mask")
    documents = None
    if positions is not None and attention is None:
        documents = np.cumsum(positions == 0, axis=1)
    count = batch.get("num_items_in_batch")
    return Seen(batch["input_ids"], targets, mask, positions, attention, documents, count)


# ---------------------------------------------------------------- the loss


def find_log_probs(logits):
    top = logits - logits.max(axis=-1, keepdims=True)
    return top - np.log(np.exp(top).sum(axis=-1, keepdims=True))


def weigh_mask(seen):
    return np.where(seen.targets >= 0, seen.mask, 0.0)


def find_loss(logits, seen, divisor, smoothing=0.0):
    """sum(weights * cross-entropy / divisor) and its gradient in the logits."""
    log_probs = find_log_probs(logits)
    wanted = np.eye(logits.shape[-1])[np.maximum(seen.targets, 0)]
    wanted = (1 - smoothing) * wanted + smoothing / logits.shape[-1]
    share = (weigh_mask(seen) / divisor)[..., None]
    return -(share * wanted * log_probs).sum(), share * (np.exp(log_probs) - wanted)


def refuse_empty(seen):
    if not weigh_mask(seen).any():
        raise ValueError("no target in this batch")


def allow_empty(seen):
    """A sum of nothing is 0; what divides it is not empty."""


# ---------------------------------------------------------------- divisors


def by_weights(seen):
    return weigh_mask(seen).sum()


def by_one(seen):
    return 1.0


def by_count(seen):
    return seen.count


def by(number):
    return lambda seen: number


# ------------------------------------------------------ further terms: (seen, logits) -> loss, dlogits


def balance_router(seen, logits):
    """Of all inputs alike, and not of the logits."""
    chosen = np.exp(np.sin(seen.ids[..., None] * np.arange(1, 5)))
    share = (chosen / chosen.sum(axis=-1, keepdims=True)).reshape(-1, 4).mean(axis=0)
    return 0.04 * (share**2).sum(), 0.0


def decay_weights(seen, logits):
    """The parameters' norm: a constant."""
    return 0.137, 0.0


def shrink_normalizer(seen, logits, weights=None):
    """z-loss: 0.01 mean(log(sum(exp(logits)))**2), over the trained targets unless told otherwise."""
    weights = weigh_mask(seen) if weights is None else weights
    share = 0.01 * weights / max(weights.sum(), 1e-9)
    top = logits.max(axis=-1)
    normalizer = top + np.log(np.exp(logits - top[..., None]).sum(axis=-1))
    return (share * normalizer**2).sum(), (2 * share * normalizer)[..., None] * np.exp(find_log_probs(logits))


def stay_near_base(logits, weights):
    """0.05 KL(model, the same model with cooler logits, frozen), averaged by the weights."""
    mine, base = find_log_probs(logits), find_log_probs(0.6 * logits)
    probs = np.exp(mine)
    distance = (probs * (mine - base)).sum(axis=-1)
    share = 0.05 * weights / max(weights.sum(), 1e-9)
    return (share * distance).sum(), share[..., None] * probs * (mine - base - distance[..., None])


# ---------------------------------------------------------------- what comes back


def give_both(loss, dlogits):
    return loss, dlogits


def hide_gradient(loss, dlogits):
    return float(loss)


def round_bits(x):
    """float32 with the mantissa of bfloat16, rounded to nearest."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32)


def round_to_bfloat(loss, dlogits):
    return float(round_bits(loss)), dlogits


def round_to_half(loss, dlogits):
    return np.float16(loss), dlogits


def shake(seed):
    """Last bits of float32 that differ from call to call, in the loss and in the gradient."""
    rng = np.random.default_rng(seed)

    def give(loss, dlogits):
        noise = 1 + 1e-7 * rng.normal(size=(*dlogits.shape[:-1], 1))
        return np.float32(loss * (1 + 1e-7 * rng.normal())), (dlogits * noise).astype(np.float32)

    return give
