"""The recorder: the model's functions are swapped for functions that keep arguments and results.

Then model.loss_and_grads runs as in training, once for every loss mask.
"""

import contextlib

import numpy as np

from .. import model, swap, tree

PAIRS = {  # how often a pair is called: in every block, outside the blocks
    "layers.embedding": (0, 2),
    "layers.layer_norm": (2, 1),
    "layers.linear": (4, 1),
    "layers.gelu": (1, 0),
    "layers.scores": (1, 0),
    "layers.causal_softmax": (1, 0),
    "layers.mix": (1, 0),
    "model.attn_block": (1, 0),
    "model.mlp_block": (1, 0),
    "losses.token_nll": (0, 1),
    "losses.weighted_mean": (0, 1),
}


def record_calls(params, batch, config):
    """Run loss_and_grads with every pair watched; returns (calls, loss, grads).

    calls is {function name: list of (arguments, result)}. Raises ValueError if a call was missed.
    """
    with contextlib.ExitStack() as stack:
        names = [f"{pair}_{direction}" for pair in PAIRS for direction in ("forward", "backward")]
        calls = {name: watch_calls(stack, name) for name in names}
        loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    for name, recorded in calls.items():
        in_every_block, outside = PAIRS[name.rpartition("_")[0]]
        expected = in_every_block * config.n_layer + outside
        if len(recorded) != expected:
            raise ValueError(
                f"{name} was called {len(recorded)} times and not {expected}: the trace would have a gap. "
                "Its caller must look it up in its module, as in layers.gelu_forward(x)"
            )
    return calls, loss, grads


def watch_calls(stack, name):
    """Keep (arguments, result) of every call of a function until the stack closes; returns their list."""
    calls = []

    def watched(*args, **kwargs):
        result = original(*args, **kwargs)
        calls.append((args, result))
        return result

    original = stack.enter_context(swap(name, watched))
    return calls


def make_getters(calls, direction):
    """Two functions: one gives the i-th argument of a pair's k-th call, the other its i-th result."""

    def get_argument(pair, k, i=0):
        arguments, _ = calls[f"{pair}_{direction}"][k]
        return arguments[i]

    def get_result(pair, k, i=0):
        _, results = calls[f"{pair}_{direction}"][k]
        return results[i]

    return get_argument, get_result


def name_values(calls, n_layer):
    """{name: array} of the forward functions' arguments and results, from the bottom up."""
    get_argument, get_result = make_getters(calls, "forward")
    named = {"wte": get_result("layers.embedding", 0), "wpe": get_result("layers.embedding", 1)}
    named["x"] = get_argument("model.attn_block", 0)
    for i in range(n_layer):
        block = {
            "ln_1": get_result("layers.layer_norm", 2 * i),
            "attn.q": get_argument("layers.scores", i, 0),
            "attn.k": get_argument("layers.scores", i, 1),
            "attn.v": get_argument("layers.mix", i, 1),
            "attn.scores": get_result("layers.scores", i),
            "attn.weights": get_result("layers.causal_softmax", i),
            "attn.mix": get_result("layers.mix", i),
            "attn.c_proj": get_result("layers.linear", 4 * i + 1),
            "attn.x": get_result("model.attn_block", i),
            "ln_2": get_result("layers.layer_norm", 2 * i + 1),
            "mlp.c_fc": get_result("layers.linear", 4 * i + 2),
            "mlp.gelu": get_result("layers.gelu", i),
            "mlp.c_proj": get_result("layers.linear", 4 * i + 3),
            "mlp.x": get_result("model.mlp_block", i),
        }
        named |= {f"h.{i}.{name}": value for name, value in block.items()}
    named["ln_f"] = get_result("layers.layer_norm", 2 * n_layer)
    named["logits"] = get_result("layers.linear", 4 * n_layer)
    named["probs"], _ = get_result("losses.token_nll", 0, 1)  # the cache: probs, and where the targets are
    named["nll"] = get_result("losses.token_nll", 0)
    return named


def name_gradients(calls, n_layer):
    """{d + name: array} of the backward functions' arguments and results, from the top down.

    The k-th backward call belongs to block n_layer - 1 - k: the last block comes first.
    """
    get_argument, get_result = make_getters(calls, "backward")
    named = {"dnll": get_result("losses.weighted_mean", 0), "dlogits": get_result("losses.token_nll", 0)}
    named["dln_f"] = get_result("layers.linear", 0)
    for k, i in enumerate(reversed(range(n_layer))):
        block = {
            "mlp.dx": get_argument("model.mlp_block", k),
            "mlp.dc_proj": get_argument("layers.linear", 4 * k + 1),
            "mlp.dgelu": get_result("layers.linear", 4 * k + 1),
            "mlp.dc_fc": get_result("layers.gelu", k),
            "dln_2": get_result("layers.linear", 4 * k + 2),
            "attn.dx": get_result("model.mlp_block", k),
            "attn.dc_proj": get_argument("layers.linear", 4 * k + 3),
            "attn.dmix": get_argument("layers.mix", k),
            "attn.dweights": get_result("layers.mix", k),
            "attn.dscores": get_result("layers.causal_softmax", k),
            "attn.dq": get_result("layers.scores", k),
            "attn.dk": get_result("layers.scores", k, 1),
            "attn.dv": get_result("layers.mix", k, 1),
            "dln_1": get_result("layers.linear", 4 * k + 4),
        }
        named |= {f"h.{i}.{name}": value for name, value in block.items()}
    named["dx"] = get_result("model.attn_block", n_layer - 1)
    return named | {"dwte": get_argument("layers.embedding", 1), "dwpe": get_argument("layers.embedding", 0)}


def record_each_target(params, batch, config):
    """Record once for every target, with loss on it alone; returns a list of (gradients, flat, nll).

    gradients is {d + name: array}, flat (P,) the gradient of the target's NLL in all parameters. All
    gradients are linear in the loss mask: under any mask they are sum over t of loss_mask[t] times
    the t-th of these, divided by loss_mask.sum() if the loss is a mean.
    """
    recordings = []
    for t in range(batch.ids.shape[1]):
        lit = np.zeros(batch.loss_mask.shape)
        lit[0, t] = 1.0
        calls, nll, grads = record_calls(params, batch._replace(loss_mask=lit), config)
        recordings.append((name_gradients(calls, config.n_layer), tree.flatten(grads), float(nll)))
    return recordings
