"""Step through one example: every value on the way up, every gradient on the way down.

The input is at the bottom, the loss on top. The model is not written a second time here: record.py
watches the functions of a training step. The arrays keep the batch axis, B = 1. Values have dotted
names, like parameters, from the bottom up:

    wte wpe x   h.0.ln_1   h.0.attn.{q k v scores weights mix c_proj x}
    h.0.ln_2   h.0.mlp.{c_fc gelu c_proj x}   ...   ln_f logits probs nll

where x is the residual stream. The name of a gradient is d + the name: h.0.attn.dscores.
"""

from dataclasses import dataclass

from .. import data, model
from . import page, record, text

MAX_POSITIONS = 32


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """One example's values, and its gradients under every loss.

    inputs and targets are the tokens as text. batch has ids, targets, mask and roles of the first
    loss. values is {name: array}, the same under every loss. loss_masks, losses, gradients and
    grads are {prompt weight: ...}: the loss mask (1, T), the loss in nats, {d + name: array}, and
    the tree of parameter gradients. print(trace) prints plain text; a notebook shows the page.
    """

    params: dict
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

    def html(self, about=None):
        """One self-contained page, for any loss mask. The same trace gives the same bytes.

        about: where the parameters come from, as a sentence (None: a random, untrained model).
        Raises ValueError if the model is too large for a page.
        """
        return page.render_page(self, about)

    def _repr_html_(self):
        return page.render_output(self)

    def __str__(self):
        return text.write_text(self)

    def __repr__(self):
        names = ", ".join(text.name_loss(weight) for weight in self.losses)
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
    runs = {weight: record.record_calls(params, batch, config) for weight, batch in batches.items()}
    first = next(iter(batches))
    first_calls, _, _ = runs[first]
    n_layer = config.n_layer
    return Trace(
        params=params,
        tokenizer=tokenizer,
        config=config,
        batch=batches[first],
        input_roles=tuple(data.ROLES[role] for role in row.roles[:-1]),
        values=record.name_values(first_calls, n_layer),
        loss_masks={weight: batch.loss_mask for weight, batch in batches.items()},
        losses={weight: float(loss) for weight, (_, loss, _) in runs.items()},
        gradients={weight: record.name_gradients(calls, n_layer) for weight, (calls, _, _) in runs.items()},
        grads={weight: grads for weight, (_, _, grads) in runs.items()},
    )


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
