"""Decoding with a KV cache: the model reads each token once, and remembers its keys and values."""

import math

import numpy as np

from . import layers, model
from .tokenizer import EOS_ID


def generate(params, config, ids, max_new_tokens, temperature=0.0, top_k=None, rng=None):
    """Continue one sequence; stop after <eos>, or when the model's positions are used up.

    ids (T,) integers -> list of the new ids, with <eos> if it came. Temperature 0 takes the most
    likely token (greedy). A higher one draws with `rng` from softmax(logits / temperature), if
    `top_k` is given from the `top_k` most likely tokens only.
    Raises ValueError for no ids, a prompt that leaves no position, senseless settings, infinite logits.
    """
    try:
        ids = np.asarray(ids)
    except ValueError:
        raise ValueError("the prompt's ids are lists of different lengths: give one sequence") from None
    check_settings(ids, config, max_new_tokens, temperature, top_k, rng)
    model.check_ids(ids[None], config)
    cache = make_cache(params, config)
    new, start = [], 0
    while len(new) < max_new_tokens and start < config.n_positions:
        with np.errstate(over="ignore", invalid="ignore"):  # said by the error below
            logits = predict_next(params, config, ids[None], cache, start)[0]
        start += len(ids)
        if not np.isfinite(logits).all():
            raise ValueError("the logits are not finite, as the weights are too large: train with a lower lr")
        new.append(choose_token(logits, temperature, top_k, rng))
        ids = np.array(new[-1:])
        if new[-1] == EOS_ID:
            break
    return new


def predict_next(params, config, ids, cache, start):
    """Logits (B, V) after the last of `ids` (B, T), which stand at positions start, start + 1, ...

    Only these ids are run. `cache` holds the keys and values of all ids before them; theirs are added.
    """
    end = start + ids.shape[1]
    tokens, _ = layers.embedding_forward(ids, **params["wte"])
    x = tokens + params["wpe"]["weight"][start:end]
    causal = np.tri(ids.shape[1], end, start, dtype=bool)  # query i stands at start + i
    for p, (keys, values) in zip(params["h"].values(), cache, strict=True):
        x = run_cached_attn_block(x, p, keys[:, :, :end], values[:, :, :end], causal, config.n_head)
        x, _ = model.mlp_block_forward(x, p)
    x, _ = layers.layer_norm_forward(x[:, -1:], **params["ln_f"])
    logits, _ = layers.linear_forward(x, **params["lm_head"])
    return logits[:, 0]


def run_cached_attn_block(x, p, keys, values, causal, n_head):
    """model.attn_block_forward for new positions only; their keys and values end `keys` and `values`."""
    h, _ = layers.layer_norm_forward(x, **p["ln_1"])
    qkv, _ = layers.linear_forward(h, **p["attn"]["c_attn"])
    qkv = layers.split_heads(qkv, 3 * n_head)  # (B, 3H, T, D): the heads of q, of k, of v
    new = slice(-x.shape[1], None)
    keys[:, :, new], values[:, :, new] = qkv[:, n_head : 2 * n_head], qkv[:, 2 * n_head :]
    scores, _ = layers.scores_forward(qkv[:, :n_head], keys)
    weights, _ = layers.causal_softmax_forward(scores, causal)
    mix, _ = layers.mix_forward(weights, values)
    h, _ = layers.linear_forward(layers.merge_heads(mix), **p["attn"]["c_proj"])
    return x + h


def make_cache(params, config, batch_size=1):
    """Room for the keys and values of every layer: pairs of (B, H, n_positions, D)."""
    shape = (batch_size, config.n_head, config.n_positions, config.n_embd // config.n_head)
    dtype = params["wte"]["weight"].dtype
    return [(np.zeros(shape, dtype), np.zeros(shape, dtype)) for _ in range(config.n_layer)]


def choose_token(logits, temperature, top_k, rng):
    """The id of one token, chosen by its logits (V,)."""
    if temperature == 0:
        return int(logits.argmax())
    logits = logits.astype(np.float64)
    if top_k is not None and top_k < len(logits):
        logits[np.argsort(-logits, kind="stable")[top_k:]] = -np.inf
    with np.errstate(over="ignore"):  # a tiny temperature sends all but the best to -inf
        probs = np.exp((logits - logits.max()) / temperature)
    return int(rng.choice(len(probs), p=probs / probs.sum()))


def check_settings(ids, config, max_new_tokens, temperature, top_k, rng):
    """Raise ValueError for what `generate` cannot use."""
    if ids.ndim != 1 or len(ids) == 0:
        raise ValueError("there is nothing to continue: give at least the <bos> token")
    if len(ids) >= config.n_positions:
        raise ValueError(
            f"the prompt's {len(ids)} tokens leave no room in the model's {config.n_positions} "
            "positions: shorten it"
        )
    if max_new_tokens < 1 or (top_k is not None and top_k < 1):
        raise ValueError("max_new_tokens and top_k must be 1 or more")
    if not (math.isfinite(temperature) and temperature >= 0):
        raise ValueError(f"temperature is {temperature}: it must be a finite number, 0 or more")
    if temperature > 0 and rng is None:
        raise ValueError("drawing tokens needs rng, such as numpy.random.default_rng(0)")
