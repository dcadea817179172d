"""Exercise on the residual stream: the backward pass of a whole block."""

from .. import layers, model, tree
from .exercise import Exercise, leaves, normal, sizes

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

EXERCISES = {
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
}
