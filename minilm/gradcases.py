"""Ready-made cases for the gradient checker: one for every pair, one for the whole model."""

import numpy as np

from . import data, gradcheck, layers, losses, model, swap, tree

LAYERS = (
    "embedding linear layer_norm gelu scores causal_softmax mix attention token_nll weighted_mean"
).split()


def random_params(config, rng):
    """Float64 parameters of scale about 1 with non-zero biases: small ones would hide bugs."""
    return tree.map_arrays(lambda a: rng.normal(size=a.shape), model.init(config, rng))


def check_named(name, rng, method="complex"):
    """Check the pair with this name, or "model": the whole of a small 2-layer one. Results."""
    if name == "model":
        return gradcheck.check_model(*model_case(rng), method)
    wrt = ("nll",) if name == "weighted_mean" else None  # the mask is data
    return gradcheck.check_pair(*layer_case(name, rng), rng, method, wrt)


def model_case(rng):
    """Parameters (about 1,100, of scale 1), batch with an uneven float mask, and config."""
    config = model.Config(vocab_size=9, n_positions=6, n_layer=2, n_head=2, n_embd=6)
    tokens = rng.integers(0, 9, (3, 6))
    mask = np.array([[0, 0, 1, 1, 1], [0.1, 0.1, 0.1, 1, 0], [0, 0.5, 0, 0, 2]])
    batch = data.Batch(tokens[:, :-1], tokens[:, 1:], mask, None)
    return random_params(config, rng), batch, config


def layer_case(name, rng):
    """Forward, backward and random arguments of one pair: (f, b, args) for check_pair."""
    B, T, C, H, V = 2, 5, 6, 2, 7
    q, k, v = rng.normal(size=(3, B, H, T, C // H))
    x = rng.normal(size=(B, T, C))
    scores, causal = rng.normal(size=(B, H, T, T)), np.tri(T, dtype=bool)
    ids = rng.integers(0, 4, (B, T))  # few of them, so that ids repeat
    module = losses if hasattr(losses, f"{name}_forward") else layers
    args = {
        "embedding": (ids, rng.normal(size=(V, C))),
        "linear": (x, rng.normal(size=(C, V)), rng.normal(size=V)),
        "layer_norm": (x, rng.normal(size=C), rng.normal(size=C)),
        "gelu": (x,),
        "scores": (q, k),
        "causal_softmax": (scores, causal),
        "mix": (scores, v),
        "attention": (rng.normal(size=(B, T, 3 * C)), causal, H),
        "token_nll": (rng.normal(size=(B, T, V)), ids),
        "weighted_mean": (rng.normal(size=(B, T)), rng.integers(0, 2, (B, T)) + 0.0),
    }[name]
    return getattr(module, f"{name}_forward"), getattr(module, f"{name}_backward"), args


def hidden_bug():
    """A planted bug to be found from a gradient check's report, in lesson 5: `with hidden_bug(): ...`

    Look at the code once you have guessed.
    """

    def causal_softmax_backward(dweights, cache):
        (weights,) = cache
        return weights * (dweights - (dweights * weights).mean(axis=-1, keepdims=True)), None

    return swap("layers.causal_softmax_backward", causal_softmax_backward)
