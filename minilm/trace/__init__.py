"""Step through one example: every value on the way up, every gradient on the way down.

The input is at the bottom, the loss on top. The model is not written a second time here. Its
functions are swapped for functions that keep their arguments and results. Then
model.loss_and_grads runs as in training, once for every loss mask. The arrays keep the batch
axis, B = 1. Values have dotted names, like parameters, from the bottom up:

    wte wpe x   h.0.ln_1   h.0.attn.{q k v scores weights mix c_proj x}
    h.0.ln_2   h.0.mlp.{c_fc gelu c_proj x}   ...   ln_f logits probs nll

where x is the residual stream. The name of a gradient is d + the name: h.0.attn.dscores.
"""

import collections
import contextlib
import hashlib
from dataclasses import dataclass

from .. import data, model, swap
from . import page, panels, view

MAX_POSITIONS = 32
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
SHOWN = collections.Counter()  # how often a notebook of this process has shown the same content


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """One example's values, and its gradients under every loss.

    inputs and targets are the tokens as text. batch has ids, targets, mask and roles of the first
    loss. values is {name: array}, the same under every loss. loss_masks, losses, gradients and
    grads are {prompt weight: ...}: the loss mask (1, T), the loss in nats, {d + name: array}, and
    the tree of parameter gradients. print(trace) prints plain text; a notebook shows the page.
    """

    tokenizer: object
    config: model.Config
    batch: data.Batch
    input_roles: tuple
    values: dict
    loss_masks: dict
    losses: dict
    gradients: dict
    grads: dict

    @property
    def inputs(self):
        return [self.tokenizer.show(i) for i in self.batch.ids[0]]

    @property
    def targets(self):
        return [self.tokenizer.show(i) for i in self.batch.targets[0]]

    def html(self):
        """One self-contained page without script or network. The same trace gives the same bytes."""
        return page.render_page(self)

    def _repr_html_(self):
        content = hashlib.sha256(str(self).encode()).hexdigest()[:8]
        SHOWN[content] += 1  # if a notebook shows it twice, the radio buttons stay two groups
        return page.render_fragment(self, f"t{content}-{SHOWN[content]}")

    def __str__(self):
        return view.write_text(self)

    def __repr__(self):
        names = ", ".join(panels.name_loss(weight) for weight in self.losses)
        return f"<Trace of {len(self.inputs)} positions, loss: {names}; print() shows its steps>"


def trace(params, row, config, tokenizer, prompt_weights=(0.0, 1.0)):
    """Record one Row (data.encode) through the model, forward and backward, under every loss.

    A prompt weight of 0 is masked loss, 1 is full-sequence loss. Each run divides by its own sum of
    loss weights, as model.loss_and_grads does. Returns a Trace.
    Raises ValueError if the row is too long to show; if prompt_weights is empty, or has a weight
    twice or one outside [0, 1]; or if the parameters or the tokenizer do not fit the config.
    """
    check_example(params, row, config, tokenizer, prompt_weights)
    batches = {float(weight): data.collate([row], weight) for weight in prompt_weights}
    runs = {weight: record_calls(params, batch, config) for weight, batch in batches.items()}
    first = next(iter(batches))
    first_calls, _, _ = runs[first]
    return Trace(
        tokenizer=tokenizer,
        config=config,
        batch=batches[first],
        input_roles=tuple(data.ROLES[role] for role in row.roles[:-1]),
        values=name_values(first_calls, config.n_layer),
        loss_masks={weight: batch.loss_mask for weight, batch in batches.items()},
        losses={weight: float(loss) for weight, (_, loss, _) in runs.items()},
        gradients={weight: name_gradients(calls, config.n_layer) for weight, (calls, _, _) in runs.items()},
        grads={weight: grads for weight, (_, _, grads) in runs.items()},
    )


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


def check_example(params, row, config, tokenizer, prompt_weights):
    """Raise ValueError for what cannot be traced or shown."""
    model.check_params(params, config)
    if len(tokenizer.vocab) != config.vocab_size:
        raise ValueError(
            f"the tokenizer knows {len(tokenizer.vocab)} tokens, the model {config.vocab_size}: "
            "give the tokenizer that the model was made for"
        )
    if len(row.tokens) - 1 > MAX_POSITIONS:
        raise ValueError(
            f"the row has {len(row.tokens) - 1} positions and the step-through shows at most "
            f"{MAX_POSITIONS}: give a shorter example"
        )
    if not len(prompt_weights):
        raise ValueError("there are no prompt weights: give at least one, for example 0 for masked loss")
    if len(set(prompt_weights)) < len(prompt_weights):
        raise ValueError(f"the prompt weights {tuple(prompt_weights)} hold one twice: give each once")
