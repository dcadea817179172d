"""Step through one example: every value on the way down, every gradient on the way up.

The model is not written a second time here: its functions are swapped for ones that keep what
they took and gave, and then model.loss_and_grads runs as in training, once for every loss mask.
What is recorded keeps the batch axis, B = 1. Values have dotted names, like parameters:

    wte wpe x   h.0.ln_1   h.0.attn.{q k v scores weights mix c_proj x}
    h.0.ln_2   h.0.mlp.{c_fc gelu c_proj x}   ...   ln_f logits probs nll

where x is the residual stream; a gradient is d + the name: h.0.attn.dscores.
"""

import collections
import contextlib
import hashlib
from dataclasses import dataclass

from .. import data, model, swap
from . import page, panels, view

MAX_POSITIONS = 32
PAIRS = (
    *("layers.embedding", "layers.layer_norm", "layers.linear", "layers.gelu"),
    *("layers.scores", "layers.causal_softmax", "layers.mix"),
    *("model.attn_block", "model.mlp_block", "losses.token_nll", "losses.weighted_mean"),
)
RENDERED = collections.Counter()  # how often a notebook of this process has shown the same content


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """One example's values, and its gradients under every loss.

    inputs, targets: the tokens as text; batch: ids, targets, mask and roles of the first loss;
    values {name: array} is the same under every loss; loss_masks, losses, gradients and grads are
    {prompt weight: ...}, holding the mask (1, T), the loss in nats, {d + name: array}, and the
    tree of parameter gradients. print(trace) is plain text, a notebook shows the pages.
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
        """One self-contained page, without script or network: the same trace, the same bytes."""
        return page.page(self)

    def _repr_html_(self):
        content = hashlib.sha256(str(self).encode()).hexdigest()[:8]
        RENDERED[content] += 1  # shown twice in one notebook, its radio buttons stay two groups
        return page.fragment(self, f"t{content}-{RENDERED[content]}")

    def __str__(self):
        return view.text(self)

    def __repr__(self):
        names = ", ".join(panels.loss_name(weight) for weight in self.losses)
        return f"<Trace of {len(self.inputs)} positions, loss: {names}; print() shows its steps>"


def trace(params, row, config, tokenizer, prompt_weights=(0.0, 1.0)):
    """Record one Row (data.encode) through the model, forward and backward, under every loss.

    A prompt weight of 0 is masked loss, 1 full-sequence loss; each run divides by its own sum of
    weights, as model.loss_and_grads does. Returns a Trace.
    Raises ValueError for a row too long to be shown, weights that are none, twice or outside
    [0, 1], and parameters or a tokenizer that do not fit the config.
    """
    check(params, row, config, tokenizer, prompt_weights)
    batches = {float(weight): data.collate([row], weight) for weight in prompt_weights}
    runs = {weight: record(params, batch, config) for weight, batch in batches.items()}
    first = next(iter(batches))
    return Trace(
        tokenizer,
        config,
        batches[first],
        tuple(data.ROLES[role] for role in row.roles[:-1]),
        values(runs[first][0], config.n_layer),
        {weight: batch.loss_mask for weight, batch in batches.items()},
        {weight: float(loss) for weight, (_, loss, _) in runs.items()},
        {weight: gradients(calls, config.n_layer) for weight, (calls, _, _) in runs.items()},
        {weight: grads for weight, (_, _, grads) in runs.items()},
    )


def record(params, batch, config):
    """One training example's way with every pair watched: (calls, loss, grads)."""
    with contextlib.ExitStack() as stack:
        names = [f"{pair}_{way}" for pair in PAIRS for way in ("forward", "backward")]
        calls = {name: watch(stack, name) for name in names}
        loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    L = config.n_layer
    times = dict(zip(PAIRS, (2, 2 * L + 1, 4 * L + 1, L, L, L, L, L, L, 1, 1), strict=True))
    for name, seen in calls.items():
        expected = times[name.rpartition("_")[0]]
        if len(seen) != expected:
            raise ValueError(
                f"{name} was called {len(seen)} times and not {expected}: a function in its place must "
                "be looked up in its module by whoever calls it, or the trace has a gap"
            )
    return calls, loss, grads


def watch(stack, name):
    """Keep (arguments, result) of a function's calls until the stack closes; returns their list."""
    calls = []

    def call(*args, **kwargs):
        result = original(*args, **kwargs)
        calls.append((args, result))
        return result

    original = stack.enter_context(swap(name, call))
    return calls


def readers(calls, way):
    """Two functions of (pair, k): the k-th call's i-th argument, and its first result."""

    def took(pair, k, i=0):
        return calls[f"{pair}_{way}"][k][0][i]

    def gave(pair, k):
        return calls[f"{pair}_{way}"][k][1][0]

    return took, gave


def values(calls, n_layer):
    """Name what the forward functions took and gave, downwards."""
    took, gave = readers(calls, "forward")
    named = {"wte": gave("layers.embedding", 0), "wpe": gave("layers.embedding", 1)}
    named["x"] = took("model.attn_block", 0)
    for i in range(n_layer):
        block = {
            "ln_1": gave("layers.layer_norm", 2 * i),
            "attn.q": took("layers.scores", i, 0),
            "attn.k": took("layers.scores", i, 1),
            "attn.v": took("layers.mix", i, 1),
            "attn.scores": gave("layers.scores", i),
            "attn.weights": gave("layers.causal_softmax", i),
            "attn.mix": gave("layers.mix", i),
            "attn.c_proj": gave("layers.linear", 4 * i + 1),
            "attn.x": gave("model.attn_block", i),
            "ln_2": gave("layers.layer_norm", 2 * i + 1),
            "mlp.c_fc": gave("layers.linear", 4 * i + 2),
            "mlp.gelu": gave("layers.gelu", i),
            "mlp.c_proj": gave("layers.linear", 4 * i + 3),
            "mlp.x": gave("model.mlp_block", i),
        }
        named |= {f"h.{i}.{name}": value for name, value in block.items()}
    named |= {"ln_f": gave("layers.layer_norm", 2 * n_layer), "logits": gave("layers.linear", 4 * n_layer)}
    _, (nll, (probs, _)) = calls["losses.token_nll_forward"][0]
    return named | {"probs": probs, "nll": nll}


def gradients(calls, n_layer):
    """Name what the backward functions took and gave, upwards: the last block comes first."""
    took, gave = readers(calls, "backward")
    named = {"dnll": gave("losses.weighted_mean", 0), "dlogits": gave("losses.token_nll", 0)}
    named["dln_f"] = gave("layers.linear", 0)
    for k, i in enumerate(reversed(range(n_layer))):
        block = {
            "mlp.dx": took("model.mlp_block", k),
            "mlp.dc_proj": took("layers.linear", 4 * k + 1),
            "mlp.dgelu": gave("layers.linear", 4 * k + 1),
            "mlp.dc_fc": gave("layers.gelu", k),
            "dln_2": gave("layers.linear", 4 * k + 2),
            "attn.dx": gave("model.mlp_block", k),
            "attn.dc_proj": took("layers.linear", 4 * k + 3),
            "attn.dmix": took("layers.mix", k),
            "attn.dweights": gave("layers.mix", k),
            "attn.dscores": gave("layers.causal_softmax", k),
            "attn.dq": gave("layers.scores", k),
            "attn.dk": calls["layers.scores_backward"][k][1][1],
            "attn.dv": calls["layers.mix_backward"][k][1][1],
            "dln_1": gave("layers.linear", 4 * k + 4),
        }
        named |= {f"h.{i}.{name}": value for name, value in block.items()}
    named["dx"] = gave("model.attn_block", n_layer - 1)
    return named | {"dwte": took("layers.embedding", 1), "dwpe": took("layers.embedding", 0)}


def check(params, row, config, tokenizer, prompt_weights):
    """Raise ValueError for what cannot be traced or shown."""
    model.check_params(params, config)
    if len(tokenizer.vocab) != config.vocab_size:
        raise ValueError(
            f"the tokenizer knows {len(tokenizer.vocab)} tokens, the model {config.vocab_size}: they differ"
        )
    if len(row.tokens) - 1 > MAX_POSITIONS:
        raise ValueError(
            f"the row has {len(row.tokens) - 1} positions and the step-through shows at most "
            f"{MAX_POSITIONS}: give a shorter example"
        )
    if not len(prompt_weights):
        raise ValueError("there are no prompt weights: give at least one, such as 0 for masked loss")
    if len(set(prompt_weights)) < len(prompt_weights):
        raise ValueError(f"the prompt weights {tuple(prompt_weights)} name one twice: give each once")
