"""Answers: an MLP block's backward pass and the embedding's."""

import numpy as np
from exercises.answers.backward_by_hand import slope_of
from exercises.answers.layer_norm import norm_dx
from exercises.unpacking import unpack_caches

from minilm import layers


def go_down(dy, cache, gelu=True, residual=0):
    """The way through the MLP: dh and the gradients; `residual` is added before the norm."""
    ln_cache, c_fc_cache, gelu_cache, c_proj_cache = cache
    dh, dw2, db2 = layers.linear_backward(dy, c_proj_cache)
    if gelu:
        dh = layers.gelu_backward(dh, gelu_cache)[0]
    dh, dw1, db1 = layers.linear_backward(dh, c_fc_cache)
    dh, dg, db = layers.layer_norm_backward(dh + residual, ln_cache)
    mlp = {"c_fc": {"weight": dw1, "bias": db1}, "c_proj": {"weight": dw2, "bias": db2}}
    return dh, {"ln_2": {"weight": dg, "bias": db}, "mlp": mlp}


def of_dx(dx):
    """An mlp_block_backward with dx from (dy, dh), and with the right gradients."""

    def answer(dy, cache):
        dh, grads = go_down(dy, cache)
        return dx(dy, dh), grads

    return answer


def leave_out_gelu(dy, cache):
    dh, grads = go_down(dy, cache, gelu=False)
    return dy + dh, grads


def transpose_weight(dy, cache):
    dh, grads = go_down(dy, cache)
    grads["mlp"]["c_fc"]["weight"] = grads["mlp"]["c_fc"]["weight"].T
    return dy + dh, grads


def exchange_norm(dy, cache):
    dh, grads = go_down(dy, cache)
    norm = grads["ln_2"]
    return dy + dh, {**grads, "ln_2": {"weight": norm["bias"], "bias": norm["weight"]}}


def rename_norm(dy, cache):
    dh, grads = go_down(dy, cache)
    return dy + dh, {"ln": grads["ln_2"], "mlp": grads["mlp"]}


def mlp_in_another_order(dy, cache):
    """Names count, their order does not."""
    dh, grads = go_down(dy, cache)
    return dy + dh, {"mlp": grads["mlp"], "ln_2": grads["ln_2"]}


def mlp_by_einsum(dy, cache):
    (xhat, inv_std, g), (h, w1, _), (a, t), (z, w2, _) = cache
    da = np.einsum("btk,ck->btc", dy, w2)
    da = da * 0.5 * (1 + t + a * (1 - t**2) * slope_of(a))
    dh = np.einsum("btk,ck->btc", da, w1)
    grads = {
        "ln_2": {"weight": (dh * xhat).sum((0, 1)), "bias": dh.sum((0, 1))},
        "mlp": {
            "c_fc": {"weight": np.einsum("btc,btk->ck", h, da), "bias": da.sum((0, 1))},
            "c_proj": {"weight": np.einsum("btc,btk->ck", z, dy), "bias": dy.sum((0, 1))},
        },
    }
    return dy + norm_dx(dh, xhat, inv_std, g), grads


mlp_without_residual = of_dx(lambda dy, dh: dh)

# ---------------------------------------------------------------- embedding_backward


def add_at(ids, shape, dy):
    dweight = np.zeros(shape)
    np.add.at(dweight, ids, dy)
    return dweight


def plus_equals(dy, ids, shape):
    dweight = np.zeros(shape)
    dweight[ids] += dy
    return None, dweight


def average(dy, ids, shape):
    dweight = np.zeros(shape)
    for v in range(shape[0]):
        if (ids == v).any():
            dweight[v] = dy[ids == v].mean(axis=0)
    return None, dweight


def add_integers(dy, ids, shape):
    dweight = np.zeros(shape, dtype=ids.dtype)
    for b, t in np.ndindex(ids.shape):
        dweight[ids[b, t]] += dy[b, t].astype(int)
    return None, dweight


def embedding_by_onehot(dy, cache):
    ids, (V, _) = cache
    onehot = (ids[..., None] == np.arange(V)).astype(dy.dtype)
    return None, np.einsum("btv,btc->vc", onehot, dy)


def embedding_by_loops(dy, cache):
    ids, shape = cache
    dweight = np.zeros(shape)
    for b, row in enumerate(ids):
        for t, i in enumerate(row):
            dweight[i] += dy[b, t]
    return None, dweight


def embedding_by_bincount(dy, cache):
    ids, (V, C) = cache
    columns = [np.bincount(ids.ravel(), dy[..., c].ravel(), minlength=V) for c in range(C)]
    return None, np.stack(columns, axis=1)


EMBEDDING = {
    r"dweight is wrong.*Repeated ids overwrite each other": plus_equals,
    r"dweight is wrong.*averaged over the positions where a token stands": average,
    r"dweight has shape.*Rows are missing at the end: V comes from the cache": lambda d, ids, shape: (
        None,
        add_at(ids, (ids.max() + 1, shape[1]), d),
    ),
    r"dweight has shape.*This is dy itself": lambda d, ids, shape: (None, d),
    r"dweight is wrong.*dy is not used, only counted": lambda d, ids, shape: (None, add_at(ids, shape, 1)),
    r"dweight has shape.*It is transposed": lambda d, ids, shape: (
        None,
        d.reshape(-1, shape[1]).T @ np.eye(shape[0])[ids.ravel()],
    ),
    r"dids has no gradient here: return None in its place": lambda d, ids, shape: (
        np.zeros(ids.shape),
        add_at(ids, shape, d),
    ),
    r"dweight is wrong.*array of int64, which holds no fractions": add_integers,
    r"dweight is wrong.*exactly (\d+) times too small: multiply by the number of rows B T \(\1\)": (
        lambda d, ids, shape: (None, add_at(ids, shape, d / ids.size))
    ),
}

WRONG = {
    "mlp_block_backward": {
        r"dx is wrong.*The residual is forgotten": mlp_without_residual,
        r"dx is wrong.*The residual is added twice": of_dx(lambda dy, dh: dy + dh + dy),
        r"dx is wrong.*Only the residual is there": of_dx(lambda dy, dh: dy),
        r"dx is wrong.*The residual's sign is wrong": of_dx(lambda dy, dh: dh - dy),
        r"dx is wrong.*dy is added before the layer norm's backward": lambda dy, cache: go_down(
            dy, cache, residual=dy
        ),
        r"dx is wrong.*GELU's backward is left out": leave_out_gelu,
        r"the gradient of mlp.c_fc.weight has shape.*It is transposed": transpose_weight,
        r"the gradient of ln_2.weight is wrong.*values of the gradient of ln_2.bias": exchange_norm,
        r"The result cannot be read: grads lacks ln_2.weight. Return the tuple \(dx, grads\)": rename_norm,
    },
    "embedding_backward": unpack_caches(EMBEDDING),
}

RIGHT = {
    "mlp_block_backward": (mlp_in_another_order, mlp_by_einsum),
    "embedding_backward": (embedding_by_onehot, embedding_by_loops, embedding_by_bincount),
}
