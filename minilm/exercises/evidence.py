"""What a look at a run shows: its curves, what it writes, and measurements on two small examples.

Each function that describes something takes the name of a fault, which is planted meanwhile (None: no
fault), and returns text.
"""

import functools

import numpy as np

from .. import batches, corpora, data, faults, model, recording, train, tree
from ..figures import tasks

BASE_STEPS, N_TEXTS = 300, 2000  # the pre-training that all cases share
STEPS, EVAL_EVERY, N_ROWS, N_HELD_OUT = 100, 50, 1000, 128  # the fine-tuning of one case
CONFIG = {"n_positions": 28, "n_layer": 1, "n_head": 4, "n_embd": 32}
PAIR = (  # of different lengths, so that rows, pads and denominators show
    data.Example("User: how big is the fox ? Assistant:", "tall"),
    data.Example("User: hi , where does the owl live ? Assistant:", "river and forest"),
)
OTHER_PAIR = (  # the same lengths, the same last words of the prompts and the same answers
    data.Example("User: what colour is the bee ? Assistant:", "tall"),
    data.Example("greetings , i like what the fox eat . Assistant:", "river and forest"),
)
LEGEND = """\
How to read a case
  The run       All runs start from the same base model, pre-trained on plain sentences.
                Each run fine-tunes it on questions and answers, perhaps with a fault.
  train loss    What the run reports: the mean over the targets that *it* trains.
  answers       -log P per answer token, <eos> included, on new wordings, judged without the fault.
  prompts       The same for the tokens of the prompts.
  exact match   The share of answers whose tokens, <eos> included, are all the first choice.
  it writes     First the base model, then the run: after <bos> alone, and after a prompt.
  Two examples  Each position reads a token and has a target. The number is the norm (length) of
                the target's row of dlogits, in a new model with random weights. All tokens are
                about equally likely there: it is nearly the target's share of all loss weights.
  Measured      Losses of these examples: both, each alone, with more pads, after other prompts.
                Is the gradient the slope of the loss? And what does a mask of zeros do?
"""


def make_talk(speakers, *contents):
    """A conversation as a row of data: who speaks, by turns, and what each says."""
    pairs = zip(speakers.split(), contents, strict=True)
    return {"messages": [{"role": role, "content": content} for role, content in pairs]}


TALKS = [  # in the first two, the call is the only earlier answer; the third has one that no tool follows
    make_talk("user assistant tool assistant", "warm ?", "call weather", "21 degrees", "yes"),
    make_talk("user assistant tool assistant", "late ?", "call clock", "10 am", "not yet"),
    make_talk("user assistant user assistant", "hello", "hi", "is it dark ?", "yes"),
]


def describe_run(fault, seed):
    """All the evidence on one run: curves, samples, the two examples, measurements."""
    return "\n".join([describe_training(fault, seed), describe_targets(fault), describe_measurements(fault)])


@functools.cache
def load_zoo():
    """The examples: few enough that a browser makes them in a second."""
    return corpora.zoo(n_train=N_ROWS, n_held_out=N_HELD_OUT, n_texts=N_TEXTS)


def make_config():
    """The size of all models here."""
    return model.Config(len(load_zoo().tokenizer.vocab), **CONFIG)


def make_new_model():
    """Random weights, small enough that all tokens are about equally likely."""
    return model.init(make_config(), np.random.default_rng(0), std=0.1)


@functools.cache
def train_base(steps):
    """The base model: `steps` steps on plain text, once for all cases."""
    zoo = load_zoo()
    texts = [tasks.encode_text(text, zoo.tokenizer) for text in zoo.texts]
    start = model.init(make_config(), np.random.default_rng(0))
    held_out = data.encode_all(zoo.held_out[:1], zoo.tokenizer)
    settings = train.Settings(steps=steps, warmup=min(20, steps), eval_every=steps)
    return train.train(start, make_config(), texts, held_out, settings)[0]


def describe_training(fault, seed):
    """Fine-tune with the fault, evaluate without it, and let the model write."""
    zoo, config = load_zoo(), make_config()
    held_out = data.encode_all(zoo.held_out, zoo.tokenizer)
    snapshots = train_with(fault, seed)
    lines = [f"{'step':>5}{'train loss':>12}{'answers':>10}{'prompts':>10}{'exact match':>13}"]
    for entry, trained in snapshots:
        scores = train.evaluate(trained, config, held_out)
        loss = "" if entry["train_loss"] is None else f"{entry['train_loss']:.3f}"
        nll = f"{scores['response_nll']:>10.3f}{scores['prompt_nll']:>10.3f}"
        lines.append(f"{entry['step']:>5}{loss:>12}{nll}{scores['exact_match']:>13.3f}")
    for prompt, n_tokens in (("", 24), (zoo.held_out[0].prompt, 6)):
        lines.append(f"  it writes after: <bos> {prompt}".rstrip())
        for name, (_, params) in (("base model", snapshots[0]), ("this run", snapshots[-1])):
            text = tasks.write_answer(params, config, zoo.tokenizer, prompt, max_new_tokens=n_tokens)
            lines.append(f"    {name + ':':<12} {text}")
    return "\n".join(lines)


def train_with(fault, seed):
    """Fine-tune with the fault; a list of (history entry, copy of the parameters), one per evaluation."""
    zoo, snapshots = load_zoo(), []

    def keep_copy(entry, trained):
        snapshots.append((entry, tree.map_arrays(np.copy, trained)))

    settings = train.Settings(steps=STEPS, warmup=min(20, STEPS), eval_every=EVAL_EVERY, seed=seed)
    base = train_base(BASE_STEPS)
    with faults.plant(fault):
        rows = data.encode_all(zoo.train, zoo.tokenizer)
        train.train(base, make_config(), rows, rows[:2], settings, keep_copy)
    return snapshots


def describe_targets(fault):
    """The two examples position by position: input, target, and the norm of the target's row of dlogits."""
    tokenizer = load_zoo().tokenizer
    with faults.plant(fault), recording("losses.token_nll_backward") as results:
        batch = encode_batch(PAIR)
        model.loss_and_grads(make_new_model(), batch.ids, batch.targets, batch.loss_mask, make_config())
    dlogits, _ = results[0]
    norms = np.linalg.norm(dlogits, axis=-1)
    lines = ["", "Two examples: input -> target, norm of the target's row of dlogits"]
    for t in range(batch.ids.shape[1]):
        cells = []
        for b in range(len(PAIR)):
            read, target = tokenizer.show(batch.ids[b, t]), tokenizer.show(batch.targets[b, t])
            cells.append(f"{read:>10} -> {target:<10} {norms[b, t]:.3f}")
        lines.append("  " + "     ".join(cells))
    return "\n".join(lines)


def describe_measurements(fault):
    """What `measure_examples` finds, as text."""
    measured = measure_examples(fault)
    width = max(map(len, measured))
    lines = [f"  {name:<{width}}  {value}" for name, value in measured.items()]
    return "\n".join(["", "Measured on the same two examples", *lines, ""])


def measure_examples(fault):
    """What one step says of the two examples, in double precision: {measurement: its value as text}."""
    config, params = make_config(), tree.map_arrays(lambda a: a.astype(np.float64), make_new_model())

    def show_loss(batch):
        return describe_loss(params, batch, config)

    with faults.plant(fault):
        pair, other = encode_batch(PAIR), encode_batch(OTHER_PAIR)
        first, second = batches.split_batch(pair, 1)
        ratio = measure_slope_ratio(params, pair, config)
        return {
            "loss of both": show_loss(pair),
            "loss of the first alone": f"{show_loss(first)}  {count_weights(first)}",
            "loss of the second alone": f"{show_loss(second)}  {count_weights(second)}",
            "loss of both with 4 more columns of pads, of loss weight 0": show_loss(append_pads(pair, 4)),
            "loss of both after other prompts of the same length": show_loss(exchange_prompts(pair, other)),
            "gradient along a random direction / slope of the loss": f"{ratio:.4f}",
            "loss of both with a mask of zeros": show_loss(pair._replace(loss_mask=0 * pair.loss_mask)),
        }


def encode_batch(examples):
    """A Batch of a few examples."""
    tokenizer = load_zoo().tokenizer
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
    """How many of a Batch's loss weights are above 0, as text."""
    return f"({np.count_nonzero(batch.loss_mask)} loss weights above 0)"


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
