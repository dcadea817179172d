"""What a look at a run shows: its curves, what it writes, and measurements on two small rows.

Each function that describes something takes the name of a fault, which is planted meanwhile (None: no
fault), and returns text.
"""

import numpy as np

from .. import batches, corpora, data, faults, model, recording, train, tree
from ..figures import tasks

STEPS, EVAL_EVERY = 150, 50
PAIR = (  # of different lengths, so that rows, pads and denominators show
    data.Example("User: how big is the fox ? Assistant:", "tall"),
    data.Example("User: hi , where does the owl live ? Assistant:", "river and forest"),
)
OTHER_PAIR = (  # the same lengths, the same last words of the prompts and the same answers
    data.Example("User: what colour is the bee ? Assistant:", "tall"),
    data.Example("greetings , i like what the fox eat . Assistant:", "river and forest"),
)


def describe_run(fault, seed):
    """All the evidence on one run: curves, lit rows, measurements."""
    zoo = corpora.zoo()
    config = model.Config(len(zoo.tokenizer.vocab), n_positions=28, n_layer=1, n_head=4, n_embd=32)
    params = model.init(config, np.random.default_rng(seed), std=0.1)
    parts = [
        describe_training(fault, zoo, config, params, seed),
        describe_rows(fault, zoo.tokenizer, config, params),
        describe_measurements(fault, zoo.tokenizer, config, params),
    ]
    return "\n".join(parts)


def describe_training(fault, zoo, config, params, seed):
    """Train with the fault, evaluate without it, and let the model write."""
    snapshots = train_with(fault, zoo, config, params, seed)
    held_out = data.encode_all(zoo.held_out[:128], zoo.tokenizer)
    lines = [
        f"{'step':>5}{'train loss':>12}{'answers':>10}{'prompts':>10}{'exact match':>13}   (held out, nats)"
    ]
    for entry, trained in snapshots:
        scores = train.evaluate(trained, config, held_out)
        loss = "" if entry["train_loss"] is None else f"{entry['train_loss']:.3f}"
        nll = f"{scores['response_nll']:>10.3f}{scores['prompt_nll']:>10.3f}"
        lines.append(f"{entry['step']:>5}{loss:>12}{nll}{scores['exact_match']:>13.3f}")
    _, trained = snapshots[-1]
    for prompt, n_tokens in (("", 24), (zoo.held_out[0].prompt, 6)):
        answer = tasks.write_answer(trained, config, zoo.tokenizer, prompt, max_new_tokens=n_tokens)
        lines += [f"  after <bos> {prompt}".rstrip(), f"      it writes: {answer}"]
    return "\n".join(lines)


def train_with(fault, zoo, config, params, seed):
    """Train with the fault; a list of (history entry, copy of the parameters), one per evaluation."""
    snapshots = []

    def keep_copy(entry, trained):
        snapshots.append((entry, tree.map_arrays(np.copy, trained)))

    settings = train.Settings(steps=STEPS, eval_every=EVAL_EVERY, seed=seed)
    with faults.plant(fault):
        rows = data.encode_all(zoo.train[:1000], zoo.tokenizer)
        train.train(params, config, rows, rows[:2], settings, keep_copy)
    return snapshots


def describe_rows(fault, tokenizer, config, params):
    """Two rows before training: every input, its target, and the norm of the target's row of dlogits."""
    with faults.plant(fault), recording("losses.token_nll_backward") as results:
        batch = encode_batch(PAIR, tokenizer)
        model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    dlogits, _ = results[0]
    norms = np.linalg.norm(dlogits, axis=-1)
    lines = ["", "Two rows, before training: input -> target, norm of the target's row of dlogits"]
    for t in range(batch.ids.shape[1]):
        cells = []
        for b in range(len(PAIR)):
            read, target = tokenizer.show(batch.ids[b, t]), tokenizer.show(batch.targets[b, t])
            cells.append(f"{read:>10} -> {target:<10} {norms[b, t]:.3f}")
        lines.append("  " + "     ".join(cells))
    return "\n".join(lines)


def describe_measurements(fault, tokenizer, config, params):
    """The numbers that one step can be asked for, in double precision."""
    params = tree.map_arrays(lambda a: a.astype(np.float64), params)

    def show_loss(batch):
        return describe_loss(params, batch, config)

    with faults.plant(fault):
        pair, other = encode_batch(PAIR, tokenizer), encode_batch(OTHER_PAIR, tokenizer)
        first, second = batches.split_batch(pair, 1)
        ratio = measure_slope_ratio(params, pair, config)
        measured = {
            "loss of the two rows": show_loss(pair),
            "loss of the first alone": f"{show_loss(first)}  {count_weights(first)}",
            "loss of the second alone": f"{show_loss(second)}  {count_weights(second)}",
            "loss with 4 columns of pads more, without weight": show_loss(append_pads(pair, 4)),
            "loss after other prompts of the same length": show_loss(exchange_prompts(pair, other)),
            "gradient along a random direction / slope of the loss": f"{ratio:.4f}",
            "loss with a mask of zeros": show_loss(pair._replace(loss_mask=0 * pair.loss_mask)),
        }
    width = max(len(name) for name in measured)
    lines = [f"  {name:<{width}}  {value}" for name, value in measured.items()]
    return "\n".join(["", "Measured on the same two rows", *lines, ""])


def encode_batch(examples, tokenizer):
    """A Batch of a few examples."""
    return data.collate([data.encode(example, tokenizer) for example in examples])


def describe_loss(params, batch, config):
    """The loss of a Batch as text, "refused" where it raises ValueError."""
    with np.errstate(all="ignore"):
        try:
            loss, _ = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
        except ValueError:
            return "refused"
    return f"{loss:.4f}"


def count_weights(batch):
    """How many of a Batch's loss weights are not 0, as text."""
    return f"({np.count_nonzero(batch.loss_mask)} of its weights are not 0)"


def measure_slope_ratio(params, batch, config, h=1e-5):
    """The gradient along a random direction, divided by the central difference of the loss along it."""
    vector, view = tree.flat_view(params)
    direction = np.random.default_rng(0).normal(size=vector.size)

    def step_at(point):
        vector[:] = point
        return model.loss_and_grads(view, batch.ids, batch.targets, batch.loss_mask, config)

    start = vector.copy()
    _, grads = step_at(start)
    slope = (step_at(start + h * direction)[0] - step_at(start - h * direction)[0]) / (2 * h)
    return tree.flatten(grads) @ direction / slope


def append_pads(batch, n_columns):
    """The batch with more pads at its end, which carry no loss weight."""
    longer = [np.pad(array, ((0, 0), (0, n_columns)), mode="edge") for array in batch[:4]]
    longer[2][:, -n_columns:] = 0
    return data.Batch(*longer)


def exchange_prompts(batch, other):
    """The batch with the prompts of another one as inputs, except for their last tokens."""
    return batch._replace(ids=np.where(batch.roles == data.PROMPT, other.ids, batch.ids))
