"""Forward / backward pairs of the transformer's layers.

Each pair is two pure functions that sit next to each other:

    y, cache = noun_forward(x, ...)         dx, ... = noun_backward(dy, cache)

`dy` is dloss/dy. The backward returns a tuple in the order of the forward's arguments, None
for what has no gradient (integer ids, `causal`, `kept`, a head count, a bias that is not there).

Letters: B batch, T time, C channels, H heads, D = C / H, V vocabulary, M kept positions. Every array may
have more leading axes: the gradient checker uses one to send many perturbed copies through at once.
All layers run in float32, float64 and complex128 (for the complex step).
"""

import math

import numpy as np

GELU_SLOPE = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715
FORBIDDEN = -1e30  # added to a score before the softmax; exp() makes it exactly 0


def row_sum(x):
    """(..., C) -> (..., 1), the sum of every row; einsum is several times faster here than x.sum."""
    return np.einsum("...c->...", x)[..., None]


def row_dot(x, y):
    """(..., C), (..., C) -> (..., 1), the sum of x y over every row, without a conjugate."""
    return np.einsum("...c,...c->...", x, y)[..., None]


def sum_rows(x):
    """(N, C) -> (C,), the sum of all rows; as a product with ones it is faster than x.sum(axis=0)."""
    return np.ones(len(x), x.dtype) @ x


def embedding_forward(ids, weight):
    """Look up one row of `weight` for every id.

    y[b, t] = weight[ids[b, t]];  ids (B, T) integers, weight (V, C) -> y (B, T, C).
    cache: ids, weight.shape.
    """
    return np.take(weight, ids, axis=-2), (ids, weight.shape)


def embedding_backward(dy, cache):
    """dweight[v] = sum of dy[b, t] over every position where ids[b, t] == v."""
    ids, (vocab_size, channels) = cache
    # One flat bin per entry of dweight, so that repeated ids add up instead of overwriting.
    bins = ids.reshape(-1, 1) * channels + np.arange(channels)
    dweight = np.zeros(vocab_size * channels, dtype=dy.dtype)
    np.add.at(dweight, bins.ravel(), dy.ravel())
    return None, dweight.reshape(vocab_size, channels)


def select_forward(x, kept):
    """Hand on only the positions that something above depends on.

    y[0, m] = x[rows[m], columns[m]];  x (B, T, C), kept = (rows, columns), each (M,) -> y (1, M, C).
    kept is in order, each position once, as np.nonzero gives it; None hands on all, y = x.
    cache: kept, x.shape.
    """
    if kept is None:
        return x, (None, x.shape)
    return x[(..., *kept, slice(None))][..., None, :, :], (kept, x.shape)  # (..., M, C) -> (..., 1, M, C)


def select_backward(dy, cache):
    """dx = dy at the kept positions and 0 at all others, which no loss reaches from above."""
    kept, shape = cache
    if kept is None:
        return dy, None
    dx = np.zeros(shape, dy.dtype)
    dx[kept] = dy[0]
    return dx, None


def linear_forward(x, weight, bias=None):
    """Multiply by a matrix and add a bias.

    y = x weight + bias;  x (B, T, C), weight (C, K) stored [in, out], bias (K,) -> y (B, T, K).
    cache: x, weight, whether there is a bias.
    """
    if weight.ndim == 2:  # one large product over all B * T rows, not B small ones
        y = (x.reshape(-1, x.shape[-1]) @ weight).reshape(*x.shape[:-1], weight.shape[-1])
    else:
        y = x @ weight
    return (y if bias is None else y + bias), (x, weight, bias is not None)


def linear_backward(dy, cache):
    """dx = dy weight^T,  dweight = x^T dy,  dbias = sum of dy over all rows."""
    x, weight, has_bias = cache
    rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    dbias = sum_rows(drows) if has_bias else None
    dweight = rows.T @ drows
    dx = (drows @ weight.T).reshape(x.shape)
    return dx, dweight, dbias


def layer_norm_forward(x, weight, bias, eps=1e-5):
    """Give every row mean 0 and variance 1, then scale and shift it.

    xhat = (x - mean(x)) / sqrt(var(x) + eps),  y = xhat weight + bias, statistics over C;
    x, y (B, T, C), weight and bias (C,). cache: xhat, 1 / std (B, T, 1), weight.
    Source: Ba, Kiros & Hinton 2016, arXiv 1607.06450, eq. 4.
    """
    channels = x.shape[-1]
    xhat = x - row_sum(x) / channels
    variance = row_dot(xhat, xhat) / channels  # (B, T, 1)
    inv_std = 1 / np.sqrt(variance + eps)
    xhat *= inv_std
    return xhat * weight + bias, (xhat, inv_std, weight)


def layer_norm_backward(dy, cache):
    """dx = (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) / std,  with dxhat = dy weight.

    The two means are the gradient through mean(x) and through var(x): dx is what is left of
    dxhat when its part along (1, ..., 1) and its part along xhat are taken away.
    """
    xhat, inv_std, weight = cache
    channels = xhat.shape[-1]
    dbias = sum_rows(dy.reshape(-1, channels))
    dweight = sum_rows((dy * xhat).reshape(-1, channels))
    dxhat = dy * weight
    mean = row_sum(dxhat) / channels
    along = row_dot(dxhat, xhat) / channels
    dx = (dxhat - mean - xhat * along) * inv_std
    return dx, dweight, dbias


def gelu_forward(x):
    """Gaussian error linear unit, tanh form (GPT-2's).

    y = x (1 + tanh(u)) / 2,  u = sqrt(2 / pi) (x + 0.044715 x^3);  any shape. cache: x, tanh(u).
    Source: Hendrycks & Gimpel 2016, arXiv 1606.08415, section 2.
    """
    # x * x, never x ** 2: powers of float32 arrays are several times slower.
    t = np.tanh(GELU_SLOPE * x * (1 + GELU_CUBIC * x * x))
    return 0.5 * x * (1 + t), (x, t)


def gelu_backward(dy, cache):
    """dx = dy ((1 + t) / 2 + x (1 - t^2) u' / 2),  u' = sqrt(2 / pi) (1 + 3 * 0.044715 x^2)."""
    x, t = cache
    du = GELU_SLOPE * (1 + 3 * GELU_CUBIC * x * x)
    dx = dy * 0.5 * (1 + t + x * (1 - t * t) * du)
    return (dx,)


def split_heads(x, n_head):
    """(B, T, C) -> (B, H, T, D): a rearrangement, so its backward is merge_heads."""
    return x.reshape(*x.shape[:-1], n_head, -1).swapaxes(-2, -3)


def merge_heads(x):
    """(B, H, T, D) -> (B, T, C): undoes split_heads, and is its backward."""
    x = x.swapaxes(-2, -3)
    return x.reshape(*x.shape[:-2], -1)


def scores_forward(q, k):
    """How well each query matches each key.

    scores = q k^T / sqrt(D);  q, k (B, H, T, D) -> scores (B, H, T, T).
    cache: q / sqrt(D), k, 1 / sqrt(D).
    """
    scale = 1 / math.sqrt(q.shape[-1])  # math, not np: a NumPy scalar would make float64
    q = q * scale
    return q @ k.swapaxes(-1, -2), (q, k, scale)


def scores_backward(dscores, cache):
    """dq = dscores k / sqrt(D),  dk = dscores^T q / sqrt(D)."""
    q, k, scale = cache
    return (dscores @ k) * scale, dscores.swapaxes(-1, -2) @ q


def causal_softmax_forward(scores, causal):
    """Turn scores into attention weights over the allowed positions.

    weights[i, j] = exp(scores[i, j]) / sum over allowed j of exp(scores[i, j]), 0 elsewhere;
    scores (B, H, T, T), causal (T, T) or (B, 1, T, T), True where query i may see key j -> weights.
    cache: weights.
    """
    scores = scores + np.where(causal, 0, FORBIDDEN).astype(scores.real.dtype)
    exp = np.exp(scores - scores.real.max(axis=-1, keepdims=True))  # the maximum: no overflow
    weights = exp / row_sum(exp)
    return weights, (weights,)


def causal_softmax_backward(dweights, cache):
    """dscores = weights (dweights - sum over keys of dweights weights);  0 where not allowed."""
    (weights,) = cache
    return weights * (dweights - row_dot(dweights, weights)), None


def mix_forward(weights, v):
    """Average the values with the attention weights.

    mix = weights v;  weights (B, H, T, T), v (B, H, T, D) -> mix (B, H, T, D).
    cache: weights, v.
    """
    return weights @ v, (weights, v)


def mix_backward(dmix, cache):
    """dweights = dmix v^T,  dv = weights^T dmix: answer rows reach the prompt's values here."""
    weights, v = cache
    return dmix @ v.swapaxes(-1, -2), weights.swapaxes(-1, -2) @ dmix


def attention_forward(qkv, causal, n_head):
    """Causal multi-head self-attention, between its two linear maps.

    y = merge(softmax(q k^T / sqrt(D)) v);  qkv (B, T, 3C) holds q | k | v, causal as above -> y
    (B, T, C). cache: those of the three steps. Source: Vaswani et al. 2017, arXiv 1706.03762, eq. 1.
    """
    q, k, v = (split_heads(part, n_head) for part in np.split(qkv, 3, axis=-1))  # (B, H, T, D)
    scores, scores_cache = scores_forward(q, k)  # (B, H, T, T)
    weights, softmax_cache = causal_softmax_forward(scores, causal)
    mix, mix_cache = mix_forward(weights, v)  # (B, H, T, D)
    return merge_heads(mix), (scores_cache, softmax_cache, mix_cache, n_head)


def attention_backward(dy, cache):
    """The three steps in reverse; no gradient for `causal` and `n_head`."""
    scores_cache, softmax_cache, mix_cache, n_head = cache
    dmix = split_heads(dy, n_head)
    dweights, dv = mix_backward(dmix, mix_cache)
    dscores, _ = causal_softmax_backward(dweights, softmax_cache)
    dq, dk = scores_backward(dscores, scores_cache)
    dqkv = np.concatenate([merge_heads(part) for part in (dq, dk, dv)], axis=-1)  # (B, T, 3C)
    return dqkv, None, None
