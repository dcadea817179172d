"""The exercises on the whole model: an MLP block's backward, the embedding's, one training step."""

import numpy as np

from .. import layers, model, tree
from . import training_step
from .backward_by_hand import UNSUMMED, count_rows
from .exercise import Exercise, draw_normal, draw_sizes, pick_leaves
from .question import Question

LEAVES = [f"{layer}.{leaf}" for layer in ("ln_2", "mlp.c_fc", "mlp.c_proj") for leaf in ("weight", "bias")]
LATE = "dy is added before the layer norm's backward: the residual goes around the norm, add it at the end."


def make_block_case(rng, dtype):
    B, T, C = draw_sizes(rng, "B", "T", "C", low=3)
    config = model.Config(vocab_size=2, n_positions=2, n_layer=1, n_head=1, n_embd=C)
    p = tree.map_arrays(lambda a: draw_normal(rng, dtype, *a.shape), model.init(config, rng))["h"]["0"]
    _, cache = model.mlp_block_forward(draw_normal(rng, dtype, B, T, C), p)
    return draw_normal(rng, dtype, B, T, C), cache


def split_block_outputs(outputs):
    """(dx, grads) -> dx and each parameter's gradient, in the order of LEAVES."""
    dx, grads = outputs
    return dx, *pick_leaves(grads, LEAVES, "grads")


def make_block_mistakes(dy, cache):
    ln_cache, c_fc_cache, gelu_cache, c_proj_cache = cache
    dact = layers.linear_backward(dy, c_proj_cache)[0]
    dfc = layers.gelu_backward(dact, gelu_cache)[0]
    dnorm = layers.linear_backward(dfc, c_fc_cache)[0]
    dh = layers.layer_norm_backward(dnorm, ln_cache)[0]
    dh_late, dweight_late, dbias_late = layers.layer_norm_backward(dnorm + dy, ln_cache)
    no_gelu = layers.layer_norm_backward(layers.linear_backward(dact, c_fc_cache)[0], ln_cache)[0]
    return {
        "dx": {
            "The residual is forgotten: x was used twice, so dx = dy + what comes through the MLP.": dh,
            "Only the residual is there: the MLP's path is missing.": dy,
            "The residual is added twice.": dh + 2 * dy,
            "The residual's sign is wrong: gradients that meet at a fork are added.": dh - dy,
            LATE: dh_late,
            "dy is added twice, once before the layer norm's backward: add it only at the end.": dh_late + dy,
            "GELU's backward is left out.": no_gelu + dy,
        },
        "the gradient of ln_2.weight": {LATE: dweight_late},
        "the gradient of ln_2.bias": {LATE: dbias_late},
        "the gradient of mlp.c_proj.bias": {UNSUMMED: dy},
    }


def make_embedding_case(rng, dtype):
    B, T, C, V = draw_sizes(rng, "B", "T", "C", "V", low=3)
    ids = rng.integers(0, 2, (B, T)) * (V - 2)  # two tokens, many times, and not the last of the vocabulary
    _, cache = layers.embedding_forward(ids, np.zeros((V, C), dtype))
    return draw_normal(rng, dtype, B, T, C), cache


def make_embedding_mistakes(dy, cache):
    ids, (V, C) = cache
    right = layers.embedding_backward(dy, cache)[1]
    times = np.bincount(ids.ravel(), minlength=V)[:, None]
    overwritten = np.zeros((V, C), dy.dtype)
    overwritten[ids] = dy
    of_seen = right[: ids.max() + 1]
    counted = np.tile(times, C)
    return {
        "dweight": {
            "Repeated ids overwrite each other: each position must add its part (np.add.at).": overwritten,
            "It is averaged over the positions where a token stands: sum them.": right / np.maximum(times, 1),
            "Rows are missing at the end: V comes from the cache, not from the largest id.": of_seen,
            "This is dy itself: bring its rows to the rows of weight.": dy,
            "dy is not used, only counted: a token's gradient is not how often it stands there.": counted,
        }
    }


EXERCISES = {
    "mlp_block_backward": Exercise(
        "mlp_block_backward(dy, cache): ln_cache, c_fc_cache, gelu_cache, c_proj_cache = cache, where "
        "y = x + c_proj(gelu(c_fc(ln_2(x)))); return (dx, grads) with grads = {'ln_2': {'weight', 'bias'}, "
        "'mlp': {'c_fc': {'weight', 'bias'}, 'c_proj': {'weight', 'bias'}}}.",
        ("dx", *(f"the gradient of {name}" for name in LEAVES)),
        model.mlp_block_backward,
        make_block_case,
        make_block_mistakes,
        hints=(
            "Read mlp_block_forward from its last line to its first. Where was x used a second time?",
            "linear, gelu, linear, layer norm backward, in this order; then dx = dy + dh",
        ),
        split_outputs=split_block_outputs,
        returns=("dx", "grads"),
    ),
    "embedding_backward": Exercise(
        "embedding_backward(dy, cache): ids, (V, C) = cache, y[b, t] = weight[ids[b, t]]; "
        "return (None, dweight): ids have no gradient.",
        ("dids", "dweight"),
        layers.embedding_backward,
        make_embedding_case,
        make_embedding_mistakes,
        hints=(
            "A token that stands at three positions gets gradient from all three.",
            "dweight = np.zeros((V, C)); np.add.at(dweight, ids, dy)",
        ),
        constants=count_rows,
        returns=("None", "dweight"),
    ),
    **training_step.EXERCISES,
}

QUESTIONS = {
    "first_lit": Question(
        "Masked loss, only the answer counts. Follow the gradient down through the last block. "
        "Which is the first gradient that is not 0 at a prompt position?",
        {
            "a": "that of the logits: it is only small there",
            "b": "that of the mix, since the answer's row mixes all positions",
            "c": "that of the attention weights, since the answer's row has one for each position",
            "d": "those of the keys and values",
            "e": "none: the prompt stays at 0, down to the embeddings",
        },
        "d",
        {
            "a": "You expect small numbers. Five of the six rows of dlogits are exactly 0.",
            "b": "The answer's row does mix all positions, on the way up. But dmix has one row a query, and "
            "5 of its 6 rows are still exactly 0: what they read reaches no loss.",
            "c": "Its six attention weights all get gradient. But they stand in the row of the query at "
            "position 5: the rows of the other queries are still exactly 0.",
            "d": "Down to dq only position 5 has gradient. dk and dv have one row a key, and position 5 read "
            "all of them: all 6 rows get gradient. From here down the prompt has gradient, although no "
            "prompt target has loss.",
            "e": "You took 'no loss' for 'no gradient'. At the embeddings all 6 rows have gradient: the "
            "answer read them.",
        },
    ),
}
