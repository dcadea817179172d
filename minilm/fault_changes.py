"""The changes that plant the faults of faults.py: a function takes an original and gives a wrong one."""

import numpy as np

from . import data, masks, swap


def mask(change):
    """A fault of the weights: change(right mask, roles of the targets) -> wrong mask."""

    def make(loss_mask):
        return lambda roles, prompt_weight=0.0: change(loss_mask(roles, prompt_weight), roles)

    return {"data.loss_mask": make}


def batch(change):
    """A fault of the batch: change(right Batch) -> wrong Batch."""
    return {"data.collate": lambda collate: lambda *args: change(collate(*args))}


def shifted(array, places):
    """Columns moved to the right, or to the left if negative; what comes in is 0."""
    moved = np.roll(array, places, axis=1)
    moved[:, slice(0, places) if places > 0 else slice(places, None)] = 0
    return moved


def some_rows_empty(weights, roles):
    """Every second row loses its mask, as if its marker had not been found."""
    return weights * (np.arange(len(weights)) % 2)[:, None]


def twice(encode):
    """Encode with a second <bos>, as where a template and a tokenizer both add one."""

    def encode_twice(example, words, bos=True, eos=True):
        row = encode(example, words, bos, eos)
        return row.take(np.maximum(np.arange(-1, len(row.tokens)), 0)) if bos else row

    return encode_twice


def without_last(encode):
    """Cut the last token off, as a length limit does that leaves no room for <eos>."""
    return lambda *args, **how: encode(*args, **how).take(slice(-1))


def unguarded(minimum):
    """The weighted mean without its check: an empty mask divides by 0, or by `minimum`."""

    def make(forward):
        def weighted_mean_forward(nll, loss_mask):
            weights = np.asarray(loss_mask, dtype=nll.real.dtype)
            total = np.maximum(weights.sum(), minimum)
            with np.errstate(invalid="ignore"):
                return (weights * nll).sum() / total, (weights, total)

        return weighted_mean_forward

    return {"losses.weighted_mean_forward": make}


def counted_in_full(forward):
    """Divide by all places, masked ones and pads included."""

    def weighted_mean_forward(nll, loss_mask):
        loss, (weights, total) = forward(nll, loss_mask)
        return loss * total / nll.size, (weights, nll.dtype.type(nll.size))

    return weighted_mean_forward


def mean_of_row_means(forward):
    """Average every row by itself, then the rows: short answers weigh more."""

    def weighted_mean_forward(nll, loss_mask):
        per_row = loss_mask / np.maximum(loss_mask.sum(axis=-1, keepdims=True), 1e-9)
        return forward(nll, per_row)

    return weighted_mean_forward


def mean_first(forward):
    """Take the mean of all places and apply the mask to that one number, which changes nothing."""

    def weighted_mean_forward(nll, loss_mask):
        _, cache = forward(nll, loss_mask)
        return nll.mean(), cache

    return weighted_mean_forward


def lit_everywhere(backward):
    """The gradient of that mean: every row gets its share."""

    def weighted_mean_backward(dloss, cache):
        weights, _ = cache
        return np.full_like(weights, dloss / weights.size), None

    return weighted_mean_backward


def scaled(backward):
    """The gradient divides by all places where the loss divides by the supervised ones."""

    def weighted_mean_backward(dloss, cache):
        weights, _ = cache
        return dloss * weights / weights.size, None

    return weighted_mean_backward


def smoothed(backward, share=0.1):
    """Label smoothing whose uniform part ignores the mask: masked rows are pulled to uniform."""

    def token_nll_backward(dnll, cache):
        probs, _ = cache
        dlogits, none = backward((1 - share) * dnll, cache)
        return dlogits + share * dnll.max() * (probs - 1 / probs.shape[-1]), none

    return token_nll_backward


def hidden_prompt(loss_and_grads):
    """Hand the loss mask on as attention mask: nobody may read what carries no loss."""

    def with_hidden_prompt(params, ids, targets, loss_mask, config, documents=None):
        seen = np.concatenate([np.zeros((len(ids), 1)), loss_mask[:, :-1]], axis=1) > 0
        allowed = seen[:, None, None, :] | np.eye(ids.shape[1], dtype=bool)  # oneself at least

        def softmax(scores, causal):
            return original(scores, causal & allowed)

        with swap("layers.causal_softmax_forward", softmax) as original:
            return loss_and_grads(params, ids, targets, loss_mask, config, documents)

    return with_hidden_prompt


def all_targets(weights, roles):
    """1 on every target that is no pad."""
    return (roles != data.PAD) * 1.0


def last_turn(b):
    """Keep the weight of the last assistant message alone."""
    return b._replace(loss_mask=b.loss_mask * masks.last_turn(b.roles, b.turns, b.documents))


def stop_moved(encode):
    """Give each <eos> to the message after it; the one after the last answer is not written at all."""

    def encode_moved(*args, **how):
        row = encode(*args, **how)
        row = row.take(slice(-1)) if row.roles[-1] == data.EOS else row
        return row._replace(roles=np.where(row.roles == data.EOS, data.HEADER, row.roles))

    return encode_moved


def unmasked_when_packed(b):
    """Ones for a mask where documents are packed."""
    packed = b.documents is not None and b.documents.max() > 0
    return b._replace(loss_mask=all_targets(b.loss_mask, b.roles)) if packed else b


def documents_forgotten(loss_and_grads):
    """Run packed rows as if each were one document."""
    return lambda params, ids, targets, loss_mask, config, documents=None: loss_and_grads(
        params, ids, targets, loss_mask, config
    )
