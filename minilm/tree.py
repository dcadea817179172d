"""Trees of arrays: nested dicts whose dotted names are GPT-2's.

A model's parameters, its gradients and an optimiser's statistics are all such trees, with the
same names: {"wte": {"weight": ...}, "h": {"0": {"attn": {"c_attn": {"weight": ...}}}}, ...}.
"""

import numpy as np


def named(tree, prefix=""):
    """List of (dotted name, array) in the tree's own order, e.g. ("h.0.ln_1.bias", ...)."""
    leaves = []
    for key, value in tree.items():
        name = f"{prefix}{key}"
        leaves += named(value, f"{name}.") if isinstance(value, dict) else [(name, value)]
    return leaves


def map_arrays(function, tree):
    """A new tree of the same shape with `function(array)` at every leaf."""
    return {
        key: map_arrays(function, value) if isinstance(value, dict) else function(value)
        for key, value in tree.items()
    }


def replace(tree, name, array):
    """A new tree in which the leaf with this dotted name is `array`; all others are shared."""
    key, _, rest = name.partition(".")
    return {**tree, key: replace(tree[key], rest, array) if rest else array}


def from_named(leaves):
    """The tree that a {dotted name: array} dict describes: the inverse of named."""
    tree = {}
    for name, array in leaves.items():
        *path, leaf = name.split(".")
        node = tree
        for key in path:
            node = node.setdefault(key, {})
        node[leaf] = array
    return tree


def flatten(tree):
    """All leaves one after the other in one new vector, in the order of named."""
    return np.concatenate([array.ravel() for _, array in named(tree)])


def flat_view(tree):
    """Copy a tree into one vector; return it and the tree of views into it.

    An optimiser that updates the vector in place thereby updates the model.
    """
    vector = flatten(tree)
    ends = iter(np.cumsum([array.size for _, array in named(tree)]))

    def view(array):
        end = next(ends)
        return vector[end - array.size : end].reshape(array.shape)

    return vector, map_arrays(view, tree)


def shapes(config):
    """Yield (name, shape) of every tensor of a model, in the order of model.init, and make none.

    One after the other: whatever sizes a file announces, who reads can stop at the first that is not there.
    """
    C = config.n_embd
    yield "wte.weight", (config.vocab_size, C)
    yield "wpe.weight", (config.n_positions, C)
    linears = {
        "attn.c_attn": (C, 3 * C),
        "attn.c_proj": (C, C),
        "mlp.c_fc": (C, 4 * C),
        "mlp.c_proj": (4 * C, C),
    }
    for i in range(config.n_layer):
        for layer in ("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"):
            shape = linears.get(layer, (C,))
            yield f"h.{i}.{layer}.weight", shape
            yield f"h.{i}.{layer}.bias", shape[-1:]
    yield "ln_f.weight", (C,)
    yield "ln_f.bias", (C,)
    yield "lm_head.weight", (C, config.vocab_size)


def count(tree):
    """Number of parameters."""
    return sum(array.size for _, array in named(tree))
