"""The training loop: one step, many steps, and an evaluation that reports prompt and response apart.

Losses over different token sets cannot be compared: the loss of a masked run is an answer's NLL,
that of a full run is mostly the prompt's. So `evaluate` always reports both parts apart.
"""

import itertools
import numbers
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import batches, chat, data, fast, losses, masks, model, optim, parallel, tree


@dataclass(frozen=True)
class Settings:
    """How to train. Raises ValueError for numbers that cannot train anything.

    prompt_weight: 0 masks the prompt (SFT), 1 trains on the full sequence. lr: the peak rate,
    reached after `warmup` steps, then lowered towards 0. eval_every: steps from one evaluation to
    the next. policy: a name in masks.POLICIES. processes: how many share a batch (parallel.py).
    """

    prompt_weight: float = 0.0
    steps: int = 300
    batch_size: int = 32
    lr: float = 4e-3
    warmup: int = 20
    eval_every: int = 20
    seed: int = 0
    policy: str = "response"
    processes: int = 1

    def __post_init__(self):
        data.check_whole(1, steps=self.steps, batch_size=self.batch_size, eval_every=self.eval_every)
        data.check_whole(0, warmup=self.warmup, seed=self.seed)
        if not chat.is_number(self.processes, numbers.Integral):
            raise ValueError(f"processes is {self.processes!r:.80}: it must be a whole number")
        if not 1 <= self.processes <= 64:
            raise ValueError(f"processes is {self.processes}: it must lie between 1 and 64")
        if self.warmup > self.steps:
            raise ValueError(f"warmup is {self.warmup}: it must lie between 0 and {self.steps}")
        if not chat.is_number(self.lr, float | numbers.Integral) or not 0 < self.lr < 1e308:
            raise ValueError(f"lr is {self.lr!r:.80}: it must be a finite number above 0")
        if self.policy not in tuple(masks.POLICIES):  # a tuple, so that values without a hash are refused too
            raise ValueError(f"policy is {self.policy!r}: choose {' or '.join(masks.POLICIES)}")
        data.loss_mask(np.zeros((1, 1), int), self.prompt_weight)  # checks the weight


class NonFiniteError(ValueError):
    """The loss or a gradient is NaN or infinite; the parameters are those before the step."""


def train_step(vector, params, state, batch, config, settings, loss_and_grads=None):
    """One step on one batch: forward, masked loss, backward, update. Returns the loss in nats.

    `vector` and `params` are those of tree.flat_view: to update the vector is to update the model. A given
    `loss_and_grads` replaces the model's. Raises NonFiniteError, naming step and tensor, before any change.
    """
    step = state["step"] + 1
    with np.errstate(over="ignore", invalid="ignore"):  # check_finite looks for both, and names them
        loss, grads = (loss_and_grads or model.loss_and_grads)(
            params, batch.ids, batch.targets, batch.loss_mask, config, batch.documents
        )
    gradient = tree.flatten(grads)
    check_finite(step, loss, gradient, grads)
    lr = settings.lr * optim.warm_up_then_decay(step, settings.steps, settings.warmup)
    optim.adamw(vector, gradient, state, lr)
    return float(loss)


def check_finite(step, loss, gradient, grads):
    """Raise NonFiniteError naming the step and the first tensor that is not finite."""
    if not np.isfinite(loss):
        raise NonFiniteError(f"step {step}: the loss is {loss}: lower the learning rate")
    if np.isfinite(gradient).all():
        return
    for name, array in tree.named(grads):
        if not np.isfinite(array).all():
            raise NonFiniteError(
                f"step {step}: the gradient of {name} is not finite: lower the learning rate"
            )


def train(params, config, rows, held_out, settings, report=None):
    """Train a copy of `params` on Rows; returns it and the history.

    The history is a list of dicts, one at step 0, at every `eval_every` steps and at the end:
    step, train_loss (mean since the last entry; None at step 0) and what `evaluate` says of
    `held_out`. `report(entry, params)`, if given, is called with each.
    The seed fixes the order of the rows, so runs that differ in their loss see the same batches.
    """
    history = []
    for entry, state in each_step(begin(params), config, rows, held_out, settings):
        if entry:
            if not all(np.isfinite(value) for value in entry.values() if value is not None):
                raise NonFiniteError(f"step {entry['step']}: a loss is not finite: lower the learning rate")
            history.append(entry)
            if report:
                report(entry, state.params)
    return state.params, history


class State(NamedTuple):
    """Where a training stands: all that it needs to go on, except the order of the rows.

    `optimizer` is the dict of optim.init, which counts the steps; `recent` holds the losses since
    the last entry of the history.
    """

    params: dict
    optimizer: dict
    recent: list

    @property
    def step(self):
        """How many steps are done."""
        return self.optimizer["step"]


def begin(params):
    """The state before step 1."""
    return State(params, optim.init(tree.flatten(params)), [])


def each_step(start, config, rows, held_out, settings):
    """Continue from a copy of the State `start`; yield (entry or None, State) first, then after each step.

    The entry is one of the history: at step 0, at every `eval_every` steps and at the end; there is
    none (None) at other steps, and none at a start that is not step 0. Batches drawn before `start`
    are drawn again and skipped: a resumed training sees what one that never stopped would see.
    The next step changes the State that was yielded: save it, or copy it.
    """
    model.check_params(start.params, config)
    vector, params = tree.flat_view(start.params)
    batches.check_sizes(len(rows), settings.batch_size)
    m, v, recent = start.optimizer["m"].copy(), start.optimizer["v"].copy(), list(start.recent)
    optimizer = {"step": start.step, "m": m, "v": v}
    order = batches.shuffle_batches(len(rows), settings.batch_size, np.random.default_rng(settings.seed))
    order = itertools.islice(order, start.step, None)
    entry = None
    if start.step == 0:
        with fast.kernels():
            entry = {"step": 0, "train_loss": None, **evaluate(params, config, held_out)}
    yield entry, State(params, optimizer, recent)
    with parallel.share_batches(settings.processes, params) as shared_loss_and_grads:
        for step in range(start.step + 1, settings.steps + 1):
            batch, entry = make_batch([rows[i] for i in next(order)], settings), None
            with fast.kernels():
                loss = train_step(vector, params, optimizer, batch, config, settings, shared_loss_and_grads)
                recent.append(loss)
                if is_evaluated(step, settings):
                    train_loss = sum(recent) / len(recent)
                    entry = {"step": step, "train_loss": train_loss, **evaluate(params, config, held_out)}
                    recent = []
            yield entry, State(params, optimizer, recent)


def make_batch(rows, settings):
    """The Batch of these Rows, with the loss mask that the settings ask for."""
    batch = data.collate(rows, settings.prompt_weight)
    return batch._replace(loss_mask=masks.POLICIES[settings.policy](batch))


def is_evaluated(step, settings):
    """Whether the history has an entry of this step."""
    return step % settings.eval_every == 0 or step == settings.steps


def evaluate(params, config, rows, batch_size=64):
    """How well the model does on Rows: NLL of prompts and of responses (nats per token), exact match.

    Exact match: the share of rows in which every response token, <eos> included, is the model's
    first choice, given the tokens before it. Messages count by their loss weights, as in the loss:
    one of weight 0 is no answer to be matched, and a row without answers is not counted. Returns a dict
    of the three. Raises ValueError for rows that have no prompt targets, or no response targets.
    """
    batches.check_sizes(len(rows), batch_size)
    sums = {"prompt": 0.0, "response": 0.0}
    counts = {"prompt": 0.0, "response": 0.0}
    matches = []
    for start in range(0, len(rows), batch_size):
        batch = data.collate(rows[start : start + batch_size])
        logits, _ = model.forward(params, batch.ids, config, batch.documents)
        nll, _ = losses.token_nll_forward(logits, batch.targets)
        response = data.response_mask(batch.roles) * batch.weights
        for part, mask in (("prompt", data.prompt_mask(batch.roles)), ("response", response)):
            sums[part] -= losses.log_prob(nll, mask).sum()
            counts[part] += mask.sum()
        wrong = (logits.argmax(axis=-1) != batch.targets) & (response > 0)
        matches.extend(~wrong.any(axis=-1)[(response > 0).any(axis=-1)])
    for part, count in counts.items():
        if not count:
            raise ValueError(f"there is no {part} target to evaluate in {len(rows)} rows: hold out others")
    return {
        "prompt_nll": float(sums["prompt"] / counts["prompt"]),
        "response_nll": float(sums["response"] / counts["response"]),
        "exact_match": float(np.mean(matches)),
    }
