"""The training loop: one step, many steps, and an evaluation that never trusts the loss.

Losses over different token sets cannot be compared: a masked run's loss is an answer's NLL, a
full run's is mostly the prompt's. So `evaluate` always reports both parts, whichever trains.
"""

import itertools
import numbers
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import data, losses, masks, model, optim, tree

CHOICES = {
    "schedule": ("linear", "cosine"),
    "optimizer": ("adamw", "sgd"),
    "policy": tuple(masks.POLICIES),
}


@dataclass(frozen=True)
class Settings:
    """How to train. Raises ValueError for numbers that cannot train anything.

    prompt_weight: 0 masks the prompt (SFT), 1 trains on the full sequence. lr is the peak rate,
    reached after `warmup` steps and brought to 0 by `schedule`, "linear" or "cosine".
    optimizer: "adamw" or "sgd". clip: largest gradient norm, or None. policy: a name of
    masks.POLICIES, what of a conversation carries loss.
    """

    prompt_weight: float = 0.0
    steps: int = 300
    batch_size: int = 32
    lr: float = 4e-3
    warmup: int = 20
    schedule: str = "linear"
    optimizer: str = "adamw"
    clip: float | None = None
    eval_every: int = 20
    seed: int = 0
    policy: str = "response"

    def __post_init__(self):
        for name in ("steps", "batch_size", "eval_every", "warmup", "seed"):
            if not isinstance(getattr(self, name), numbers.Integral) or getattr(self, name) >= 2**63:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r:.80}: it must be a whole number below 2**63"
                )
        for name in ("steps", "batch_size", "eval_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be 1 or more")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: it must not be negative")
        for name in ("lr", "clip"):
            value = getattr(self, name)
            if name == "clip" and value is None:
                continue
            if not isinstance(value, float | numbers.Integral) or not 0 < value < 1e308:
                raise ValueError(f"{name} is {value!r:.80}: it must be a finite number above 0")
        if not 0 <= self.warmup <= self.steps:
            raise ValueError(f"warmup is {self.warmup}: it must lie between 0 and {self.steps}")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}: choose {' or '.join(known)}")
        data.loss_mask(np.zeros((1, 1), int), self.prompt_weight)  # checks the weight


class NonFiniteError(ValueError):
    """The loss or a gradient is NaN or infinite; the parameters are those before the step."""


def train_step(vector, params, state, batch, config, settings):
    """Forward, masked loss, backward, update: one step on one batch. Returns the loss in nats.

    `vector` and `params` are params.flat_view's: the update of the vector is the update of the
    model. Raises NonFiniteError, before anything is changed, naming step and tensor.
    """
    step = state["step"] + 1
    with np.errstate(over="ignore", invalid="ignore"):  # looked for below, and named
        loss, grads = model.loss_and_grads(
            params, batch.ids, batch.targets, batch.loss_mask, config, batch.documents
        )
    check_finite(step, loss, grads)
    gradient = tree.flatten(grads)
    optim.clip(gradient, settings.clip)
    schedule, update = getattr(optim, settings.schedule), getattr(optim, settings.optimizer)
    update(vector, gradient, state, settings.lr * schedule(step, settings.steps, settings.warmup))
    return float(loss)


class State(NamedTuple):
    """Where a training stands: all that it goes on from, but for the order of the rows.

    `optimizer` is optim.init's dict, which counts the steps; `recent` are the losses since the last
    entry of the history.
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
            history.append(entry)
            if report:
                report(entry, state.params)
    return state.params, history


def each_step(start, config, rows, held_out, settings):
    """Go on from a copy of a State; yield (entry of the history or None, State) after each step.

    Step 0 comes first if nothing is trained yet, else the start itself, without an entry. The batches
    before it are drawn once more and left out, so that stopped and unstopped training see the same.
    A State yielded is changed by the next step: save it, or copy it.
    """
    keep_freed_memory()
    model.check_params(start.params, config)
    vector, params = tree.flat_view(start.params)
    optimizer = {name: np.copy(value) for name, value in start.optimizer.items()} | {"step": start.step}
    recent = list(start.recent)
    order = batches(len(rows), settings.batch_size, np.random.default_rng(settings.seed))
    order = itertools.islice(order, start.step, None)
    for step in range(start.step, settings.steps + 1):
        if step > start.step:
            batch = data.collate([rows[i] for i in next(order)], settings.prompt_weight)
            batch = batch._replace(loss_mask=masks.POLICIES[settings.policy](batch))
            recent.append(train_step(vector, params, optimizer, batch, config, settings))
        entry = None
        if (step > start.step or step == 0) and is_evaluated(step, settings):
            train_loss = sum(recent) / len(recent) if recent else None
            entry = {"step": step, "train_loss": train_loss, **evaluate(params, config, held_out)}
            recent = []
        yield entry, State(params, optimizer, recent)


def is_evaluated(step, settings):
    """Whether the history has an entry of this step."""
    return step % settings.eval_every == 0 or step == settings.steps


def evaluate(params, config, rows, batch_size=64):
    """NLL of prompts and of responses, nats per token, and exact match, on a list of Rows.

    Exact match: the share of rows in which every response token, <eos> included, is the model's
    first choice when the tokens before it are given. Messages count by their weights, as they do in
    the loss: one of weight 0 is no answer to be matched.
    """
    sums = {"prompt": 0.0, "response": 0.0}
    counts = {"prompt": 0.0, "response": 0.0}
    n_exact = 0
    for start in range(0, len(rows), batch_size):
        batch = data.collate(rows[start : start + batch_size])
        logits, _ = model.forward(params, batch.ids, config, batch.documents)
        nll, _ = losses.token_nll_forward(logits, batch.targets)
        response = data.response_mask(batch.roles) * (1.0 if batch.weights is None else batch.weights)
        for part, mask in (("prompt", data.prompt_mask(batch.roles)), ("response", response)):
            sums[part] -= losses.log_prob(nll, mask).sum()
            counts[part] += mask.sum()
        wrong = (logits.argmax(axis=-1) != batch.targets) & (response > 0)
        n_exact += int((~wrong.any(axis=-1)).sum())
    return {
        "prompt_nll": float(sums["prompt"] / counts["prompt"]),
        "response_nll": float(sums["response"] / counts["response"]),
        "exact_match": n_exact / len(rows),
    }


def batches(n_rows, batch_size, rng):
    """Endless index arrays: every row once, in a new random order, then again."""
    queue = np.array([], dtype=int)
    while True:
        while len(queue) < batch_size:
            queue = np.concatenate([queue, rng.permutation(n_rows)])
        yield queue[:batch_size]
        queue = queue[batch_size:]


def check_finite(step, loss, grads):
    """Raise NonFiniteError naming the step and the first tensor that is not finite."""
    if not np.isfinite(loss):
        raise NonFiniteError(f"step {step}: the loss is {loss}: lower the learning rate")
    for name, gradient in tree.named(grads):
        if not np.isfinite(gradient).all():
            raise NonFiniteError(
                f"step {step}: the gradient of {name} is not finite: lower the learning rate or clip"
            )


def keep_freed_memory():
    """Let glibc keep freed arrays instead of returning their pages to the system each time.

    A step allocates and frees the same large arrays over and over; fetching zeroed pages for
    them takes up to half of its time (`python -m minilm bench` shows it). No-op elsewhere.
    """
    try:
        import ctypes

        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (ImportError, OSError, AttributeError):
        return
    mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD: arrays come from the heap, up to 1 GiB
    mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD: and the heap is not shrunk when they go
