"""Faster versions of the slow functions: same names, same contracts, same results up to rounding.

    with fast.kernels():            # train.each_step does this around every step and evaluation
        train.train_step(...)

Read layers.py and model.py first; these functions replace parts of them. Each says which lines of its
twin it replaces, and why it is faster; `python -m minilm bench --kernels` measures by how much. In float32
and float64, GELU gives the same bits as its twin. The others add in another order: in float64 they agree to
about 1e-15 of a tensor's largest entry.
"""

import contextlib
import math

import numpy as np

from . import layers, losses, model, swap

PIECE = 2**15  # numbers: 128 kB in float32, so that a piece and its partners stay in the cache
BLOCK = 64  # queries


def loss_and_grads(params, ids, targets, loss_mask, config, documents=None):
    """model.loss_and_grads without the zeros: positions that carry no loss are left out at the top.

    Twin: all rows go through the last block, the final norm, the head and the loss, and come back as
    rows of exact zeros. Here the last block makes keys and values for all positions, and everything else
    only for those with loss. The blocks below need all positions: later tokens read them.
    """
    model.check_ids(ids, config)
    losses.check_targets(targets, (*ids.shape, config.vocab_size))
    losses.check_loss_mask(loss_mask, ids.shape)
    kept = np.nonzero(loss_mask)
    if not kept[0].size:
        losses.weighted_mean_forward(np.zeros(ids.shape), loss_mask)  # refuses an empty mask
    logits, model_cache = model.forward(params, ids, config, documents, kept)  # (1, M, V)
    nll, nll_cache = losses.token_nll_forward(logits, targets[kept][None])
    loss, mean_cache = losses.weighted_mean_forward(nll, loss_mask[kept][None])
    dnll, _ = losses.weighted_mean_backward(1.0, mean_cache)
    dlogits, _ = losses.token_nll_backward(dnll, nll_cache)
    return loss, model.backward(dlogits, model_cache)


def attn_block_forward(x, p, causal, n_head, kept=None):
    """model.attn_block_forward; with `kept`, only these positions send a query.

    Twin: attention answers all T queries, and select drops most answers. Here select comes first.
    """
    h, ln_cache = layers.layer_norm_forward(x, **p["ln_1"])
    qkv, c_attn_cache = layers.linear_forward(h, **p["attn"]["c_attn"])
    if kept is None:
        h, attention_cache = layers.attention_forward(qkv, causal, n_head)
    else:
        h, attention_cache = ask_forward(qkv, causal, n_head, kept)
    x, select_cache = layers.select_forward(x, kept)
    h, c_proj_cache = layers.linear_forward(h, **p["attn"]["c_proj"])
    return x + h, (ln_cache, c_attn_cache, attention_cache, select_cache, c_proj_cache)


def attn_block_backward(dy, cache):
    """attn_block_forward in reverse."""
    ln_cache, c_attn_cache, attention_cache, select_cache, c_proj_cache = cache
    kept, _ = select_cache
    dh, *d_proj = layers.linear_backward(dy, c_proj_cache)
    dx, _ = layers.select_backward(dy, select_cache)
    if kept is None:
        dqkv, _, _ = layers.attention_backward(dh, attention_cache)
    else:
        dqkv = ask_backward(dh, attention_cache)
    dh, *d_attn = layers.linear_backward(dqkv, c_attn_cache)
    dh, *d_ln = layers.layer_norm_backward(dh, ln_cache)
    dx = dx + dh
    return dx, {
        "ln_1": model.leaf(d_ln),
        "attn": {"c_attn": model.leaf(d_attn), "c_proj": model.leaf(d_proj)},
    }


def ask_forward(qkv, causal, n_head, kept):
    """The rows of attention_forward at the kept positions: qkv (B, T, 3C), no more axes -> y (1, M, C).

    Queries are padded to a table (B, R), R the most in one row. Padding repeats position 0, and is dropped.
    """
    B, C = len(qkv), qkv.shape[-1] // 3
    columns, slots = tabulate(kept, B)
    each = np.arange(B)[:, None]
    allowed = causal[columns][:, None] if causal.ndim == 2 else causal[each, 0, columns][:, None]
    q, k, v = qkv[each, columns, :C], qkv[..., C : 2 * C], qkv[..., 2 * C :]
    q, k, v = (layers.split_heads(part, n_head) for part in (q, k, v))
    mix, cache = attend_forward(q, k, v, allowed)
    return layers.merge_heads(mix)[slots][None], (cache, columns.shape, slots, kept, qkv.shape, n_head)


def ask_backward(dy, cache):
    """dqkv (B, T, 3C): dq is 0 at positions without a query; dk and dv are complete."""
    attend_cache, table_shape, slots, kept, shape, n_head = cache
    C = shape[-1] // 3
    dmix = np.zeros((*table_shape, C), dy.dtype)
    dmix[slots] = dy[0]
    dparts = attend_backward(layers.split_heads(dmix, n_head), attend_cache)
    dq, dk, dv = (layers.merge_heads(part) for part in dparts)
    dqkv = np.concatenate([np.zeros_like(dk), dk, dv], axis=-1)
    dqkv[(*kept, slice(C))] = dq[slots]
    return dqkv


def tabulate(kept, n_rows):
    """The kept positions as a table: columns (B, R), and the index (rows, slots) of each one in it."""
    rows, kept_columns = kept
    slots = np.arange(len(rows)) - np.searchsorted(rows, rows)  # 0, 1, ... in each row
    columns = np.zeros((n_rows, slots.max() + 1), int)
    columns[rows, slots] = kept_columns
    return columns, (rows, slots)


def attention_forward(qkv, causal, n_head):
    """layers.attention_forward, BLOCK queries at a time, each only with the keys up to the block's end.

    Twin: scores, softmax and mix of all T x T pairs. Here most of the half that `causal` forbids is
    never computed.
    """
    q, k, v = (layers.split_heads(part, n_head) for part in np.split(qkv, 3, axis=-1))
    mixes, caches = [], []
    for start in range(0, q.shape[-2], BLOCK):
        block = slice(start, start + BLOCK)
        keys, values = k[..., : block.stop, :], v[..., : block.stop, :]
        mix, cache = attend_forward(q[..., block, :], keys, values, causal[..., block, : block.stop])
        mixes.append(mix)
        caches.append(cache)
    return layers.merge_heads(np.concatenate(mixes, axis=-2)), (caches, n_head)


def attention_backward(dy, cache):
    """The blocks in reverse; each block adds to dk and dv."""
    caches, n_head = cache
    dmix = layers.split_heads(dy, n_head)
    dq, dk, dv = np.empty_like(dmix), np.zeros_like(dmix), np.zeros_like(dmix)
    for number, attend_cache in enumerate(caches):
        start, stop = number * BLOCK, (number + 1) * BLOCK
        dparts = attend_backward(dmix[..., start:stop, :], attend_cache)
        dq[..., start:stop, :] = dparts[0]
        dk[..., :stop, :] += dparts[1]
        dv[..., :stop, :] += dparts[2]
    return np.concatenate([layers.merge_heads(part) for part in (dq, dk, dv)], axis=-1), None, None


def attend_forward(q, k, v, causal):
    """mix = softmax(q k^T / sqrt(D)) v;  q (B, H, R, D), k and v (B, H, T, D), causal (.., R, T).

    Twin: scores, causal_softmax and mix. Here the weights are stored key by key, (B, H, T, R), and
    changed in place: NumPy takes a maximum down columns several times faster than along short rows.
    """
    scale = 1 / math.sqrt(q.shape[-1])
    q = q * scale
    weights = k @ q.swapaxes(-1, -2)
    weights += np.where(causal, 0, layers.FORBIDDEN).astype(q.real.dtype).swapaxes(-1, -2)
    weights -= weights.real.max(axis=-2, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=-2, keepdims=True)
    mix = weights.swapaxes(-1, -2) @ v
    return mix, (q, k, v, weights, mix, scale)


def attend_backward(dmix, cache):
    """dq, dk, dv; sum over keys (dweights weights) = dmix . mix, which has D terms instead of T."""
    q, k, v, weights, mix, scale = cache
    dv = weights @ dmix
    dscores = v @ dmix.swapaxes(-1, -2)
    dscores -= layers.row_dot(dmix, mix).swapaxes(-1, -2)
    dscores *= weights
    dq = (dscores.swapaxes(-1, -2) @ k) * scale
    return dq, dscores @ q, dv


def gelu_forward(x):
    """layers.gelu_forward in place, piece by piece.

    Twin: each operation writes a whole new array, and the next one must fetch it from memory.
    """
    y, t = np.empty_like(x, order="C"), np.empty_like(x, order="C")
    for x_piece, t_piece, y_piece in cut_pieces(x, t, y):
        np.multiply(x_piece, layers.GELU_CUBIC, out=t_piece)
        t_piece *= x_piece
        t_piece += 1
        np.multiply(x_piece, layers.GELU_SLOPE, out=y_piece)
        t_piece *= y_piece
        np.tanh(t_piece, out=t_piece)
        np.add(t_piece, 1, out=y_piece)
        y_piece *= x_piece * 0.5
    return y, (x, t)


def gelu_backward(dy, cache):
    """layers.gelu_backward in place, piece by piece."""
    x, t = cache
    dtype = np.result_type(x, dy)
    dx, du = np.empty(x.shape, dtype), np.empty(min(x.size, PIECE), dtype)
    for x_piece, t_piece, dy_piece, dx_piece in cut_pieces(x, t, dy, dx):
        part = du[: x_piece.size]
        np.multiply(x_piece, 3 * layers.GELU_CUBIC, out=part)
        part *= x_piece
        part += 1
        part *= layers.GELU_SLOPE
        np.multiply(t_piece, t_piece, out=dx_piece)
        np.subtract(1, dx_piece, out=dx_piece)
        dx_piece *= x_piece
        dx_piece *= part
        dx_piece += np.add(t_piece, 1, out=part)
        dx_piece *= np.multiply(dy_piece, 0.5, out=part)
    return (dx,)


def cut_pieces(*arrays):
    """Yield PIECE numbers of each array at a time: views, which for outputs must be C-contiguous arrays."""
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, PIECE):
        yield [array[start : start + PIECE] for array in flat]


KERNELS = {
    "zeros": {"model.loss_and_grads": loss_and_grads},
    "queries": {
        "model.attn_block_forward": attn_block_forward,
        "model.attn_block_backward": attn_block_backward,
    },
    "attention": {
        "layers.attention_forward": attention_forward,
        "layers.attention_backward": attention_backward,
    },
    "gelu": {"layers.gelu_forward": gelu_forward, "layers.gelu_backward": gelu_backward},
}


@contextlib.contextmanager
def kernels(names=tuple(KERNELS)):
    """`with kernels():` the model runs on the fast functions, or on those of some KERNELS alone.

    If somebody has put a function of their own into layers, losses or model before, this changes nothing:
    their function is called as the text calls it, with the arrays that it expects. Swap before, not inside:
    a fast function does not call the small steps that it replaces.
    """
    with contextlib.ExitStack() as stack:
        if all(is_untouched(module) for module in (layers, losses, model)):
            for name in names:
                for place, function in KERNELS[name].items():
                    stack.enter_context(swap(place, function))
        yield


def is_untouched(module):
    """Whether all functions of a module are those that its file defines."""
    own = vars(module)
    functions = [(n, f) for n, f in own.items() if callable(f) and not isinstance(f, type)]
    return all(getattr(f, "__globals__", None) is own and f.__name__ == n for n, f in functions)
