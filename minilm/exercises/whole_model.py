"""The exercises on the whole model: an MLP block's backward, the embedding's, one training step."""

import numpy as np

from .. import layers, model, tree
from .checker.exercise import Exercise, count_rows, draw_normal, draw_sizes, pick_leaves
from .checker.variations import vary_sum
from .question import Question
from .single import training_step

LEAVES = [f"{layer}.{leaf}" for layer in ("ln_2", "mlp.c_fc", "mlp.c_proj") for leaf in ("weight", "bias")]
OVERWRITTEN = "dy is overwritten on the way down: the residual takes the dy that came in."
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


def go_down(dy, cache, gelu=layers.gelu_backward):
    """The way through the MLP alone: dh and each parameter's gradient, in the order of LEAVES."""
    ln_cache, c_fc_cache, gelu_cache, c_proj_cache = cache
    dact, *of_proj = layers.linear_backward(dy, c_proj_cache)
    dnorm, *of_fc = layers.linear_backward(gelu(dact, gelu_cache)[0], c_fc_cache)
    dh, *of_norm = layers.layer_norm_backward(dnorm, ln_cache)
    return dh, *of_norm, *of_fc, *of_proj


def make_block_mistakes(dy, cache):
    ln_cache, c_fc_cache, gelu_cache, c_proj_cache = cache
    dh = go_down(dy, cache)[0]
    dact = layers.linear_backward(dy, c_proj_cache)[0]
    dnorm = layers.linear_backward(layers.gelu_backward(dact, gelu_cache)[0], c_fc_cache)[0]
    dh_late, dweight_late, dbias_late = layers.layer_norm_backward(dnorm + dy, ln_cache)
    of_gelu, of_dx = go_down(dy, cache, lambda d, _: (d,)), go_down(dy + dh, cache)
    forward = go_down(dy, cache, lambda d, _: layers.gelu_forward(d))
    known = {
        "dx": {
            "The residual is forgotten: x was used twice, so dx = dy + what comes through the MLP.": dh,
            "Only the residual is there: the MLP's path is missing.": dy,
            "The residual is added twice.": dh + 2 * dy,
            "The residual's sign is wrong: gradients that meet at a fork are added.": dh - dy,
            "The MLP's path has the wrong sign: gradients that meet at a fork are added.": dy - dh,
            "The MLP's path is taken twice.": dy + 2 * dh,
            f"{OVERWRITTEN} It is the layer norm's dx by then.": 2 * dh,
            f"{OVERWRITTEN} It is c_fc's dx by then.": dnorm + dh,
            "The two paths are averaged: gradients that meet at a fork are added.": (dy + dh) / 2,
            "The two paths are multiplied: gradients that meet at a fork are added.": dy * dh,
            "The layer norm's backward is left out.": dy + dnorm,
            LATE: dh_late,
            "dy is added twice, once before the layer norm's backward: add it only at the end.": dh_late + dy,
            "GELU's backward is left out.": of_gelu[0] + dy,
            "gelu_forward stands where gelu_backward belongs.": forward[0] + dy,
        },
    }
    for k, name in enumerate(LEAVES):
        known[f"the gradient of {name}"] = {
            "It is made of dx, the residual included: the MLP's path begins with dy alone.": of_dx[k + 1],
            **({"GELU's backward is left out.": of_gelu[k + 1]} if k < 4 else {}),
        }
    known["the gradient of ln_2.weight"][LATE] = dweight_late
    known["the gradient of ln_2.bias"] |= {
        LATE: dbias_late,
        "It is the sum of dx: the layer norm's backward gives it.": (dy + dh).sum((0, 1)),
    }
    known["the gradient of mlp.c_proj.bias"] |= vary_sum(dy)
    return known


def make_embedding_case(rng, dtype):
    B, T, C, V = draw_sizes(rng, "B", "T", "C", "V", low=3)
    ids = rng.integers(0, 2, (B, T)) * (V - 2)  # two tokens, many times, and not the last of the vocabulary
    _, cache = layers.embedding_forward(ids, np.zeros((V, C), dtype))
    return draw_normal(rng, dtype, B, T, C), cache


def make_embedding_mistakes(dy, cache):
    ids, shape = cache
    return {"dweight": list_loops(dy, ids, shape) | list_other_sums(dy, ids, shape)}


def add_rows(ids, shape, dy):
    """The embedding's gradient."""
    dweight = np.zeros(shape, dy.dtype)
    np.add.at(dweight, ids, dy)
    return dweight


def list_loops(dy, ids, shape):
    """Parts of the sum: what comes of overwriting, or of leaving a loop."""
    parts = {
        "the first example": np.s_[:1],
        "the last example": np.s_[-1:],
        "the first position of every example": np.s_[:, :1],
        "the last position of every example": np.s_[:, -1:],
    }
    overwritten, largest, first = np.zeros((3, *shape), dy.dtype)
    overwritten[ids] = dy
    np.maximum.at(largest, ids, dy)
    first[ids[::-1, ::-1]] = dy[::-1, ::-1]
    alone = {
        f"Only {name} is there: each position adds its part.": add_rows(ids[part], shape, dy[part])
        for name, part in parts.items()
    }
    return alone | {
        "Repeated ids overwrite each other: each position must add its part (np.add.at).": overwritten,
        "The first position of every example is left out: does a loop begin at 1?": (
            add_rows(ids[:, 1:], shape, dy[:, 1:])
        ),
        "Only the first position of each token is there: each position adds its part.": first,
        "The largest entry is kept: each position adds its part.": largest,
        "It is not yet summed over the batch: all examples share one weight.": (
            np.stack([add_rows(i, shape, d) for i, d in zip(ids, dy, strict=True)])
        ),
    }


def list_other_sums(dy, ids, shape):
    """Sums of other rows, or into other rows."""
    V, C = shape
    right, times = add_rows(ids, shape, dy), np.bincount(ids.ravel(), minlength=V)[:, None]
    with np.errstate(all="ignore"):
        averaged = right / times
    of_channels, is_last = right.sum(-1, keepdims=True), np.arange(V)[:, None] == ids.max()
    return {
        "It is averaged over the positions where a token stands: sum them.": right / np.maximum(times, 1),
        "It is averaged over the positions where a token stands, and 0 / 0 where it does not: sum.": averaged,
        "It is multiplied by how often a token stands there: adding up does that already.": right * times,
        "dy is not used, only counted: a token's gradient is not how often it stands there.": (
            np.tile(times, C)
        ),
        "Tokens that do not occur have a gradient of 1: begin with np.zeros.": np.where(times > 0, right, 1),
        "Rows are missing at the end: V comes from the cache, not from the largest id.": (
            right[: ids.max() + 1]
        ),
        "The rows are one too far: token id v has row v.": np.roll(right, 1, axis=0),
        "The rows are one too low: token id v has row v.": np.roll(right, -1, axis=0),
        "Row 0 is left empty: which targets count is for the loss mask to say, not for the embedding.": (
            np.where(np.arange(V)[:, None] > 0, right, 0)
        ),
        "dy of an example's first position is used for all: each position has its own.": (
            add_rows(ids, shape, np.broadcast_to(dy[:, :1], dy.shape))
        ),
        "All of dy goes to the largest id: the row of weight is ids[b, t].": (
            np.where(is_last, dy.sum((0, 1)), 0)
        ),
        "This is dy itself: bring its rows to the rows of weight.": dy,
        "It is summed by position, not by token: the row of weight is ids[b, t].": dy.sum(0),
        "dy is summed over its channels: each has its own gradient.": np.tile(of_channels, C),
        "dy is summed over its channels: one number for each channel should stay.": of_channels[:, 0],
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
            "ln_cache, c_fc_cache, gelu_cache, c_proj_cache = cache\n"
            "dh, dweight_proj, dbias_proj = layers.linear_backward(dy, c_proj_cache)\n"
            "(dh,) = layers.gelu_backward(dh, gelu_cache)\n"
            "dh, dweight_fc, dbias_fc = layers.linear_backward(dh, c_fc_cache)\n"
            "dh, dweight, dbias = layers.layer_norm_backward(dh, ln_cache)\n"
            "mlp = {'c_fc': {'weight': dweight_fc, 'bias': dbias_fc},\n"
            "       'c_proj': {'weight': dweight_proj, 'bias': dbias_proj}}\n"
            "return dy + dh, {'ln_2': {'weight': dweight, 'bias': dbias}, 'mlp': mlp}",
        ),
        constants=count_rows,
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
            "ids, shape = cache\ndweight = np.zeros(shape, dy.dtype)\n"
            "np.add.at(dweight, ids, dy)\nreturn None, dweight",
        ),
        constants=lambda dy, cache: count_rows(dy, cache) | {"V": cache[1][0]},
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
