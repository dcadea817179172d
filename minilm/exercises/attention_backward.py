"""The exercises of lesson 4: attention's backward pass step by step, a whole block's, the embedding's."""

import numpy as np

from .. import layers, model, tree
from .backward_by_hand import rows
from .exercise import Exercise, leaves, normal, sizes


def make_scores(rng, dtype):
    B, H, T, D = sizes(rng, "B", "H", "T", "D")
    q, k = normal(rng, dtype, 2, B, H, T, D)
    _, cache = layers.scores_forward(q, k)
    return normal(rng, dtype, B, H, T, T), cache


def make_softmax(rng, dtype):
    B, H, T = sizes(rng, "B", "H", "T", low=3)
    _, cache = layers.causal_softmax_forward(normal(rng, dtype, B, H, T, T), np.tri(T, dtype=bool))
    return normal(rng, dtype, B, H, T, T), cache


def make_mix(rng, dtype):
    B, H, T, D = sizes(rng, "B", "H", "T", "D")
    scores = normal(rng, dtype, B, H, T, T)
    weights, _ = layers.causal_softmax_forward(scores, np.tri(T, dtype=bool))
    _, cache = layers.mix_forward(weights, normal(rng, dtype, B, H, T, D))
    return normal(rng, dtype, B, H, T, D), cache


def make_attention(rng, dtype):
    B, H, T, D = sizes(rng, "B", "H", "T", "D")
    qkv = normal(rng, dtype, B, T, 3 * H * D)
    _, cache = layers.attention_forward(qkv, np.tri(T, dtype=bool), H)
    return normal(rng, dtype, B, T, H * D), cache


def parts(dy, cache):
    """dq, dk, dv of attention, merged, in minilm's own order."""
    return np.split(layers.attention_backward(dy, cache)[0], 3, axis=-1)


def without_softmax(dy, cache):
    """dqkv where dscores is taken to be dweights."""
    scores_cache, _, mix_cache, n_head = cache
    dweights, dv = layers.mix_backward(layers.split_heads(dy, n_head), mix_cache)
    merged = [layers.merge_heads(part) for part in (*layers.scores_backward(dweights, scores_cache), dv)]
    return np.concatenate(merged, axis=-1)


def zeroed(i):
    def mistake(dy, cache):
        three = parts(dy, cache)
        three[i] = np.zeros_like(three[i])
        return np.concatenate(three, axis=-1)

    return mistake


def ordered(*order):
    return lambda dy, cache: np.concatenate([parts(dy, cache)[i] for i in order], axis=-1)


def merged_late(dy, cache):
    """dq, dk, dv concatenated head by head, before the heads are merged."""
    split = [layers.split_heads(part, cache[3]) for part in parts(dy, cache)]
    return layers.merge_heads(np.concatenate(split, axis=-1))


def root_d(dscores, cache):
    return {"sqrt(D)": 1 / cache[2], "D": 1 / cache[2] ** 2}


SCALED_TWICE = "It is scaled twice: the q in the cache is divided by sqrt(D) already."


LEAVES = tuple(
    f"{layer}.{leaf}" for layer in ("ln_2", "mlp.c_fc", "mlp.c_proj") for leaf in ("weight", "bias")
)


def make_block(rng, dtype):
    B, T, C = sizes(rng, "B", "T", "C", low=3)
    config = model.Config(vocab_size=2, n_positions=2, n_layer=1, n_head=1, n_embd=C)
    p = tree.map_arrays(lambda a: normal(rng, dtype, *a.shape), model.init(config, rng))["h"]["0"]
    _, cache = model.mlp_block_forward(normal(rng, dtype, B, T, C), p)
    return normal(rng, dtype, B, T, C), cache


def named_block(result):
    """(dx, grads) -> dx and each parameter's gradient, in the order of LEAVES."""
    dx, grads = result
    return dx, *leaves(grads, LEAVES, "grads")


def chain(dy, cache, gelu=True, early=False):
    """What comes through the MLP, without GELU's backward, or with dy added before the norm's."""
    ln_cache, c_fc_cache, gelu_cache, c_proj_cache = cache
    dh = layers.linear_backward(dy, c_proj_cache)[0]
    dh = layers.gelu_backward(dh, gelu_cache)[0] if gelu else dh
    dh = layers.linear_backward(dh, c_fc_cache)[0]
    return layers.layer_norm_backward(dh + dy if early else dh, ln_cache)


LATE = "dy is added before the layer norm's backward: the residual goes around the norm, add it at the end."


def make_embedding(rng, dtype):
    B, T, C, V = sizes(rng, "B", "T", "C", "V", low=3)
    _, cache = layers.embedding_forward(rng.integers(0, 2, (B, T)) * (V - 2), np.zeros((V, C), dtype))
    return normal(rng, dtype, B, T, C), cache


def overwritten(dy, cache):
    """Repeated ids: the last one wins."""
    dweight = np.zeros(cache[1], dy.dtype)
    dweight[cache[0]] = dy
    return dweight


def mean_of_repeats(dy, cache):
    counts = np.bincount(cache[0].ravel(), minlength=cache[1][0])
    return layers.embedding_backward(dy, cache)[1] / np.maximum(counts, 1)[:, None]


def seen_rows(dy, cache):
    """As many rows as the largest id asks for."""
    return layers.embedding_backward(dy, cache)[1][: cache[0].max() + 1]


EXERCISES = {
    "mix_backward": Exercise(
        "mix_backward(dmix, cache): weights, v = cache, mix = weights v; return (dweights, dv). "
        "Shapes: weights (B, H, T, T), v and dmix (B, H, T, D).",
        ("dweights", "dv"),
        layers.mix_backward,
        make_mix,
        (
            (
                "dv",
                "weights is not transposed: a key's value gets gradient from the later rows that read it.",
                lambda d, c: c[0] @ d,
            ),
            (
                "dweights",
                "It is transposed: rows are queries, columns keys.",
                lambda d, c: c[1] @ d.swapaxes(-1, -2),
            ),
            (
                "dweights",
                "It is 0 where attention is not allowed; that is the softmax's part, leave it there.",
                lambda d, c: np.tril(d @ c[1].swapaxes(-1, -2)),
            ),
            ("dv", "weights are missing: dv is a weighted sum of dmix.", lambda d, c: d),
        ),
        (
            "It is a product of two matrices, like linear: each factor's gradient needs the other factor.",
            "dweights = dmix v^T, dv = weights^T dmix (transpose the last two axes)",
        ),
    ),
    "causal_softmax_backward": Exercise(
        "causal_softmax_backward(dweights, cache): (weights,) = cache; return (dscores, None). "
        "weights[i, j] = exp(scores[i, j]) / sum over allowed j.",
        ("dscores", "dcausal"),
        layers.causal_softmax_backward,
        make_softmax,
        (
            (
                "dscores",
                "The softmax's sum is missing: raising one score lowers all other weights of its row.",
                lambda d, c: d * c[0],
            ),
            (
                "dscores",
                "Summed over the wrong axis: the weights of a row, over its keys, add up to 1.",
                lambda d, c: c[0] * (d - (d * c[0]).sum(-2, keepdims=True)),
            ),
            (
                "dscores",
                "A mean stands where a sum belongs.",
                lambda d, c: c[0] * (d - (d * c[0]).mean(-1, keepdims=True)),
            ),
            (
                "dscores",
                "The sum is not weighted: it is the sum of dweights * weights.",
                lambda d, c: c[0] * (d - d.sum(-1, keepdims=True)),
            ),
            (
                "dscores",
                "This is only the diagonal w (1 - w): the other weights of the row change, too.",
                lambda d, c: d * c[0] * (1 - c[0]),
            ),
            (
                "dscores",
                "The outer factor weights is missing.",
                lambda d, c: d - (d * c[0]).sum(-1, keepdims=True),
            ),
        ),
        (
            "dweights[i] / dscores[j] is w[i] (delta[i, j] - w[j]).",
            "weights * (dweights - sum of dweights * weights over the last axis, keepdims)",
        ),
        returns=("dscores", "None"),
    ),
    "scores_backward": Exercise(
        "scores_backward(dscores, cache): q, k, scale = cache, scale = 1 / sqrt(D). Mind: this q is "
        "q * scale already, and scores = q k^T; return (dq, dk), dq for the q before scaling.",
        ("dq", "dk"),
        layers.scores_backward,
        make_scores,
        (
            ("dk", SCALED_TWICE, lambda d, c: d.swapaxes(-1, -2) @ c[0] * c[2]),
            (
                "dk",
                "dscores is not transposed: a key hears from all queries that look at it.",
                lambda d, c: d @ c[0],
            ),
            (
                "dq",
                "dscores is transposed where it should not be: dq of a query needs its own row.",
                lambda d, c: d.swapaxes(-1, -2) @ c[1] * c[2],
            ),
            ("dq", "k is needed here, not q.", lambda d, c: d @ c[0] * c[2]),
            ("dk", "q is needed here, not k.", lambda d, c: d.swapaxes(-1, -2) @ c[1]),
        ),
        (
            "A product of two matrices again. Which factor was scaled in the forward?",
            "dq = (dscores k) * scale, dk = dscores^T q",
        ),
        constants=root_d,
    ),
    "attention_backward": Exercise(
        "attention_backward(dy, cache): scores_cache, softmax_cache, mix_cache, n_head = cache; "
        "return (dqkv, None, None). Put together layers.mix_backward, causal_softmax_backward, "
        "scores_backward, split_heads and merge_heads.",
        ("dqkv", "dcausal", "dn_head"),
        layers.attention_backward,
        make_attention,
        (
            ("dqkv", "The softmax's backward is left out between mix and scores.", without_softmax),
            ("dqkv", "dv is 0: values get gradient, too, from mix_backward.", zeroed(2)),
            ("dqkv", "dk is 0: keys get gradient, too, from scores_backward.", zeroed(1)),
            ("dqkv", "dq is 0: queries get gradient, too, from scores_backward.", zeroed(0)),
            ("dqkv", "The order of the three parts is q | k | v, as in the forward.", ordered(2, 0, 1)),
            ("dqkv", "dq and dk are exchanged: the order is q | k | v.", ordered(1, 0, 2)),
            (
                "dqkv",
                "Only one of the three parts is there: concatenate dq, dk, dv.",
                lambda d, c: parts(d, c)[0],
            ),
            (
                "dqkv",
                "The heads are merged after concatenating: merge each of dq, dk, dv first.",
                merged_late,
            ),
            (
                "dqkv",
                "dq, dk, dv are stacked along an axis of their own: concatenate along the last one.",
                lambda d, c: np.stack(parts(d, c)),
            ),
        ),
        (
            "Read attention_forward from its last line to its first.",
            "split dy; mix_, causal_softmax_, scores_backward; merge and concatenate q | k | v",
        ),
        returns=("dqkv", "None", "None"),
    ),
    "mlp_block_backward": Exercise(
        "mlp_block_backward(dy, cache): ln_cache, c_fc_cache, gelu_cache, c_proj_cache = cache, where "
        "y = x + c_proj(gelu(c_fc(ln_2(x)))); return (dx, grads) with grads = {'ln_2': {'weight', 'bias'}, "
        "'mlp': {'c_fc': {'weight', 'bias'}, 'c_proj': {'weight', 'bias'}}}.",
        ("dx", *(f"the gradient of {name}" for name in LEAVES)),
        model.mlp_block_backward,
        make_block,
        (
            (
                "dx",
                "The residual is forgotten: x was used twice, so dx = dy + what comes through the MLP.",
                lambda d, c: chain(d, c)[0],
            ),
            ("dx", "Only the residual is there: the MLP's path is missing.", lambda d, c: d),
            ("dx", "The residual is added twice.", lambda d, c: chain(d, c)[0] + 2 * d),
            (
                "dx",
                "The residual's sign is wrong: gradients that meet at a fork are added.",
                lambda d, c: chain(d, c)[0] - d,
            ),
            ("dx", LATE, lambda d, c: chain(d, c, early=True)[0]),
            ("dx", LATE, lambda d, c: chain(d, c, early=True)[0] + d),
            ("dx", "GELU's backward is left out.", lambda d, c: chain(d, c, gelu=False)[0] + d),
            ("the gradient of ln_2.weight", LATE, lambda d, c: chain(d, c, early=True)[1]),
            ("the gradient of ln_2.bias", LATE, lambda d, c: chain(d, c, early=True)[2]),
            (
                "the gradient of mlp.c_proj.bias",
                "It is not yet summed over the rows.",
                lambda d, c: d,
            ),
        ),
        (
            "Read mlp_block_forward upwards. Where was x used a second time?",
            "linear, gelu, linear, layer norm backward, in this order; then dx = dy + dh",
        ),
        outputs=named_block,
        returns=("dx", "grads"),
    ),
    "embedding_backward": Exercise(
        "embedding_backward(dy, cache): ids, (V, C) = cache, y[b, t] = weight[ids[b, t]]; "
        "return (None, dweight): ids have no gradient.",
        ("dids", "dweight"),
        layers.embedding_backward,
        make_embedding,
        (
            (
                "dweight",
                "Repeated ids overwrite each other: each place must add its part (np.add.at).",
                overwritten,
            ),
            ("dweight", "It is averaged over the places where a token stands: sum them.", mean_of_repeats),
            (
                "dweight",
                "Rows are missing at the end: V comes from the cache, not from the largest id.",
                seen_rows,
            ),
            ("dweight", "This is dy itself: bring its rows to the rows of weight.", lambda d, c: d),
            (
                "dweight",
                "dy is not used, only counted: how often a token stands is not its gradient.",
                lambda d, c: layers.embedding_backward(np.ones_like(d), c)[1],
            ),
        ),
        (
            "A token that stands at three places gets gradient from all three.",
            "dweight = np.zeros((V, C)); np.add.at(dweight, ids, dy)",
        ),
        constants=rows,
        returns=("None", "dweight"),
    ),
}
