"""The whole GPT, forward and backward, and the one place where the loss mask enters.

A pre-norm transformer with learned positions, as GPT-2 (Radford et al. 2019), but with a head of
its own, which is not tied to the embedding:

    x = wte[ids] + wpe[positions]
    x = x + attention(ln_1(x));  x = x + mlp(ln_2(x))      for every layer
    logits = ln_f(x) lm_head

The ids are at the bottom, the loss is on top. A forward goes up; its backward comes down through
the same steps in reverse order: the two are mirror images. Where a value was used twice on the
way up, its two gradients are added on the way down.
"""

import dataclasses
import math

import numpy as np

from . import layers, losses, tree


@dataclasses.dataclass(frozen=True)
class Config:
    """The sizes of a model, under GPT-2's names. Raises ValueError for sizes that fit no model."""

    vocab_size: int
    n_positions: int
    n_layer: int
    n_head: int
    n_embd: int

    def __post_init__(self):
        for name, value in vars(self).items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} is {value!r:.80}: it must be a whole number, 1 or more")
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd {self.n_embd} is not divisible by n_head {self.n_head}: every head needs "
                f"the same number of channels; try n_embd {self.n_head * (self.n_embd // self.n_head + 1)}"
            )


def init(config, rng, std=None, dtype=np.float32):
    """Fresh parameters: weights are normal with `std`, biases 0, norms 1. Same rng state, same bits.

    The default is 0.02 sqrt(768 / C): GPT-2's 0.02 at GPT-2's width C = 768. A matrix (C, K) scales its
    input by about std sqrt(C), which is then the same at every width. A fixed 0.02 leaves a model of 32
    channels nearly linear at the start: slow, and at the mercy of its seed.
    Source: Radford et al. 2019; Glorot & Bengio 2010, section 4.2.1 (a variance that falls as 1 / C).
    """
    std = 0.02 * math.sqrt(768 / config.n_embd) if std is None else std

    def normal(*shape):
        return rng.normal(0, std, shape).astype(dtype)

    def linear(n_in, n_out):
        return {"weight": normal(n_in, n_out), "bias": np.zeros(n_out, dtype)}

    def norm():
        return {"weight": np.ones(C, dtype), "bias": np.zeros(C, dtype)}

    def block():
        attn = {"c_attn": linear(C, 3 * C), "c_proj": linear(C, C)}
        mlp = {"c_fc": linear(C, 4 * C), "c_proj": linear(4 * C, C)}
        return {"ln_1": norm(), "attn": attn, "ln_2": norm(), "mlp": mlp}

    C = config.n_embd
    return {
        "wte": {"weight": normal(config.vocab_size, C)},
        "wpe": {"weight": normal(config.n_positions, C)},
        "h": {str(i): block() for i in range(config.n_layer)},
        "ln_f": norm(),
        "lm_head": {"weight": normal(C, config.vocab_size)},
    }


def attn_block_forward(x, p, causal, n_head, kept=None):
    """Add to the residual stream what attention reads.  x (B, T, C) -> y (B, T, C).

    Every position gives its key and its value. With `kept` (see forward), only M of them go on from
    there: y (1, M, C).
    """
    h, ln_cache = layers.layer_norm_forward(x, **p["ln_1"])
    qkv, c_attn_cache = layers.linear_forward(h, **p["attn"]["c_attn"])  # (B, T, 3C)
    h, attention_cache = layers.attention_forward(qkv, causal, n_head)
    h, select_cache = layers.select_forward(h, kept)
    x, _ = layers.select_forward(x, kept)
    h, c_proj_cache = layers.linear_forward(h, **p["attn"]["c_proj"])
    return x + h, (ln_cache, c_attn_cache, attention_cache, select_cache, c_proj_cache)


def attn_block_backward(dy, cache):
    """attn_block_forward in reverse: dx, and the gradients of its parameters."""
    ln_cache, c_attn_cache, attention_cache, select_cache, c_proj_cache = cache
    dh, *d_proj = layers.linear_backward(dy, c_proj_cache)
    dh, _ = layers.select_backward(dh, select_cache)
    dx, _ = layers.select_backward(dy, select_cache)
    dqkv, _, _ = layers.attention_backward(dh, attention_cache)
    dh, *d_attn = layers.linear_backward(dqkv, c_attn_cache)
    dh, *d_ln = layers.layer_norm_backward(dh, ln_cache)
    dx = dx + dh  # x was used twice: passed on, and read
    return dx, {"ln_1": leaf(d_ln), "attn": {"c_attn": leaf(d_attn), "c_proj": leaf(d_proj)}}


def mlp_block_forward(x, p):
    """Add to the residual stream what the MLP makes of it.  x (B, T, C) -> y (B, T, C)."""
    h, ln_cache = layers.layer_norm_forward(x, **p["ln_2"])
    h, c_fc_cache = layers.linear_forward(h, **p["mlp"]["c_fc"])  # (B, T, 4C)
    h, gelu_cache = layers.gelu_forward(h)
    h, c_proj_cache = layers.linear_forward(h, **p["mlp"]["c_proj"])  # (B, T, C)
    return x + h, (ln_cache, c_fc_cache, gelu_cache, c_proj_cache)


def mlp_block_backward(dy, cache):
    """mlp_block_forward in reverse: dx, and the gradients of its parameters."""
    ln_cache, c_fc_cache, gelu_cache, c_proj_cache = cache
    dh, *d_proj = layers.linear_backward(dy, c_proj_cache)
    (dh,) = layers.gelu_backward(dh, gelu_cache)
    dh, *d_fc = layers.linear_backward(dh, c_fc_cache)
    dh, *d_ln = layers.layer_norm_backward(dh, ln_cache)
    dx = dy + dh
    return dx, {"ln_2": leaf(d_ln), "mlp": {"c_fc": leaf(d_fc), "c_proj": leaf(d_proj)}}


def leaf(gradients):
    """The gradients of a layer's parameters, under the names of the parameters."""
    return dict(zip(("weight", "bias"), gradients, strict=True))


def forward(params, ids, config, documents=None, kept=None):
    """Run the whole sequence, prompt and response alike.

    ids (B, T) integers -> logits (B, T, V); logits[b, t] score what follows ids[b, t].
    documents (B, T) integers, for packed rows: a token sees only its own document, whose positions
    begin at 0. kept: None, or M positions as np.nonzero gives them; only these get logits, (1, M, V), and
    the others end after the keys and values of the last block, since nothing above depends on them.
    Training uses it to leave out rows of zeros (fast.loss_and_grads); here all rows are computed.
    cache: those of the embeddings, the blocks, the final norm and the head.
    Raises ValueError for ids that are no token ids, for more of them than n_positions, and for
    documents of another shape or in several pieces.
    """
    check_ids(ids, config)
    causal, places = causal_and_places(ids, documents)
    tokens, wte_cache = layers.embedding_forward(ids, **params["wte"])  # (B, T, C)
    positions, wpe_cache = layers.embedding_forward(places, **params["wpe"])  # (T, C) or (B, T, C)
    x = tokens + positions
    block_caches = []
    *_, last = params["h"]
    for i, p in params["h"].items():
        only = [kept] if i == last and kept is not None else []
        x, attn_cache = attn_block_forward(x, p, causal, config.n_head, *only)
        x, mlp_cache = mlp_block_forward(x, p)
        block_caches.append((attn_cache, mlp_cache))
    x, ln_f_cache = layers.layer_norm_forward(x, **params["ln_f"])
    logits, head_cache = layers.linear_forward(x, **params["lm_head"])  # (B, T, V)
    return logits, (wte_cache, wpe_cache, block_caches, ln_f_cache, head_cache)


def causal_and_places(ids, documents=None):
    """Which keys each query may see, and the position of each token.

    Without documents, query i may see keys 0 .. i: causal (T, T), places (T,). With documents, it
    may see only those of its own document, which stands in one piece: causal (B, 1, T, T); places
    (B, T) are counted from the document's start. Pads may have -1.
    """
    T = ids.shape[-1]
    causal = np.tri(T, dtype=bool)
    if documents is None:
        return causal, np.arange(T)
    if getattr(documents, "shape", None) != ids.shape:
        received = getattr(documents, "shape", type(documents).__name__)
        raise ValueError(f"documents have shape {received}, ids {ids.shape}: give every id its document")
    if documents.dtype.kind not in "iu":
        raise ValueError(f"documents are {documents.dtype}: number them by integers")
    causal = causal & (documents[:, :, None] == documents[:, None, :])  # (B, T, T)
    places = np.arange(T) - causal.argmax(axis=-1)  # the first key is the start
    bad = causal.sum(axis=-1) <= places  # fewer keys than from the start to here: others stand between
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(f"document {documents[place]} goes on at {place}: each must stand in one piece")
    return causal[:, None], places


def backward(dlogits, cache):
    """forward in reverse: the gradients of all parameters, a tree like params."""
    wte_cache, wpe_cache, block_caches, ln_f_cache, head_cache = cache
    dx, d_head, _ = layers.linear_backward(dlogits, head_cache)
    dx, *d_ln_f = layers.layer_norm_backward(dx, ln_f_cache)
    d_blocks = []
    for attn_cache, mlp_cache in reversed(block_caches):
        dx, d_mlp = mlp_block_backward(dx, mlp_cache)
        dx, d_attn = attn_block_backward(dx, attn_cache)
        d_blocks.insert(0, {**d_attn, **d_mlp})
    places, _ = wpe_cache
    dpositions = dx if places.ndim == 2 else dx.sum(axis=0)  # one position serves B rows
    _, d_wpe = layers.embedding_backward(dpositions, wpe_cache)
    _, d_wte = layers.embedding_backward(dx, wte_cache)
    return {
        "wte": {"weight": d_wte},
        "wpe": {"weight": d_wpe},
        "h": {str(i): d for i, d in enumerate(d_blocks)},
        "ln_f": leaf(d_ln_f),
        "lm_head": {"weight": d_head},
    }


def loss_and_grads(params, ids, targets, loss_mask, config, documents=None):
    """Take one batch forward, up to the masked loss, and backward, down to all gradients.

    ids, targets, loss_mask (B, T) -> loss () in nats, grads a tree like params; documents as in forward.
    Raises ValueError as forward, token_nll_forward and weighted_mean_forward do.
    """
    logits, model_cache = forward(params, ids, config, documents)
    nll, nll_cache = losses.token_nll_forward(logits, targets)
    loss, mean_cache = losses.weighted_mean_forward(nll, loss_mask)
    dnll, _ = losses.weighted_mean_backward(1.0, mean_cache)  # loss_mask / loss_mask.sum()
    dlogits, _ = losses.token_nll_backward(dnll, nll_cache)  # rows of weight 0 are exactly 0
    grads = backward(dlogits, model_cache)
    return loss, grads


def check_params(params, config):
    """Raise ValueError unless `params` has exactly the tensors of the config, all finite floats."""
    arrays, shapes = dict(tree.named(params)), {}
    for name, shape in tree.shapes(config):
        if name not in arrays:
            raise ValueError(f"tensor {name} is missing")
        shapes[name] = shape
    for name in arrays:
        if name not in shapes:
            raise ValueError(f"tensor {name:.80} belongs to no such model")
    if list(arrays) != list(shapes):  # flat vectors of parameters and gradients must line up
        raise ValueError("the tensors stand in another order than in model.init: put them in that order")
    first = arrays["wte.weight"]
    for name, shape in shapes.items():
        array = arrays[name]
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{name} is {type(array).__name__}, not an array")
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, not {shape}")
        if array.dtype.kind not in "fc":
            raise ValueError(f"{name} holds {array.dtype}, which no gradient can change: use floats")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds a number that is not finite")
        if array.dtype != first.dtype:  # one vector must hold them all
            raise ValueError(
                f"{name} holds {array.dtype}, and wte.weight {first.dtype}: give all one precision"
            )


def check_ids(ids, config):
    """Raise ValueError unless `ids` is (B, T) token ids that the model has rows for."""
    if getattr(ids, "dtype", None) not in (np.int32, np.int64) or ids.ndim != 2:
        received = f"{ids.dtype} {ids.shape}" if isinstance(ids, np.ndarray) else type(ids).__name__
        raise ValueError(
            f"ids must be an int64 (or int32) array of shape (B, T), not {received}: narrower types wrap, "
            "floats are no ids, and rows of different lengths must be padded first (data.collate)"
        )
    if ids.size == 0:
        raise ValueError(f"ids have shape {ids.shape}: there is no token to read")
    if ids.shape[1] > config.n_positions:
        raise ValueError(
            f"a sequence of {ids.shape[1]} tokens is longer than the model's {config.n_positions} "
            "positions: shorten it, or build the model with more n_positions"
        )
    bad = (ids < 0) | (ids >= config.vocab_size)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"id {ids[place]} at {place} is outside the vocabulary of {config.vocab_size}: was the "
            "text encoded with this model's tokenizer?"
        )
