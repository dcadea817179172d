"""Trees of arrays: nested dicts whose dotted names are GPT-2's.

The parameters of a model and their gradients are such trees, with the same names:
{"wte": {"weight": ...}, "h": {"0": {"attn": {"c_attn": {"weight": ...}}}}, ...}.
"""

import numpy as np


def named(tree, prefix=""):
    """All leaves as a list of (dotted name, array), such as ("h.0.ln_1.bias", ...), in the tree's order."""
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
    """A new tree in which `array` is the leaf of this dotted name; the others are those of `tree`."""
    key, _, rest = name.partition(".")
    return {**tree, key: replace(tree[key], rest, array) if rest else array}


def from_named(leaves):
    """The tree of a dict {dotted name: array}: the inverse of `named`."""
    tree = {}
    for name, array in leaves.items():
        *path, leaf = name.split(".")
        node = tree
        for key in path:
            node = node.setdefault(key, {})
        node[leaf] = array
    return tree


def flatten(tree):
    """One new vector of all leaves, one after the other, in the order of `named`."""
    return np.concatenate([array.ravel() for _, array in named(tree)])


def flat_view(tree):
    """Copy a tree into one vector; returns the vector, and the tree of views into it.

    An optimiser that updates the vector in place updates the model with it.
    """
    vector = flatten(tree)
    ends = iter(np.cumsum([array.size for _, array in named(tree)]))

    def view(array):
        end = next(ends)
        return vector[end - array.size : end].reshape(array.shape)

    return vector, map_arrays(view, tree)


def shapes(config):
    """Yield (name, shape) of every tensor of a model, in the order of model.init; allocates none.

    A generator, so that a reader of a file with absurd sizes can stop at the first missing tensor.
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
    """The number of parameters."""
    return sum(array.size for _, array in named(tree))
