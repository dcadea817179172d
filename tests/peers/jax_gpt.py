"""The same GPT in JAX, on minilm's parameters, with JAX's own gradient: a contestant of bench.py."""

import jax
import jax.numpy as jnp

from minilm import tree


def layer_norm(x, weight, bias):
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) * weight + bias


def linear(x, weight, bias=0):
    return x @ weight + bias


def forward(p, ids, config):
    """logits (B, T, V)."""
    B, T = ids.shape
    x = p["wte"]["weight"][ids] + p["wpe"]["weight"][:T]
    for block in p["h"].values():
        qkv = linear(layer_norm(x, **block["ln_1"]), **block["attn"]["c_attn"])
        q, k, v = (part.reshape(B, T, config.n_head, -1) for part in jnp.split(qkv, 3, axis=-1))
        mix = jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(x.shape)
        x = x + linear(mix, **block["attn"]["c_proj"])
        h = jax.nn.gelu(linear(layer_norm(x, **block["ln_2"]), **block["mlp"]["c_fc"]), approximate=True)
        x = x + linear(h, **block["mlp"]["c_proj"])
    return layer_norm(x, **p["ln_f"]) @ p["lm_head"]["weight"]


def make_step(params, batch, config):
    """A function without arguments: one training step, all of it under jit, Adam on every array."""
    weights = jnp.asarray(batch.loss_mask / batch.loss_mask.sum(), jnp.float32)
    ids, targets = jnp.asarray(batch.ids, jnp.int32), jnp.asarray(batch.targets, jnp.int32)

    def compute_loss(p):
        log_probs = jax.nn.log_softmax(forward(p, ids, config))
        return -(weights * jnp.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]).sum()

    def update(p, m, v, n):
        loss, grads = jax.value_and_grad(compute_loss)(p)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.95 * v + 0.05 * g * g, v, grads)
        c, d = 1 - 0.9**n, 1 - 0.95**n
        p = jax.tree.map(lambda p, m, v: p - 1e-4 * (m / c) / (jnp.sqrt(v / d) + 1e-8), p, m, v)
        return loss, p, m, v, n + 1

    update = jax.jit(update, donate_argnums=(0, 1, 2))
    zeros = [tree.map_arrays(jnp.zeros_like, params) for _ in "mv"]
    state = [tree.map_arrays(jnp.asarray, params), *zeros, jnp.float32(1)]

    def step():
        loss, *state[:] = update(*state)
        return float(loss)

    return step
