"""What a look at a run shows: its curves, what it writes, and measurements on two small rows."""

import numpy as np

from .. import accumulation, corpora, data, faults, model, recording, train, tree
from ..figures import tasks

STEPS, EVERY = 150, 50
PAIR = (  # uneven, so that rows, pads and denominators tell
    data.Example("User: how big is the fox ? Assistant:", "tall"),
    data.Example("User: hi , where does the owl live ? Assistant:", "river and forest"),
)
OTHER = (  # the same lengths and the same last word
    data.Example("User: what colour is the bee ? Assistant:", "tall"),
    data.Example("greetings , i like what the fox eat . Assistant:", "river and forest"),
)


def planted(name):
    """The fault's block, or one that changes nothing."""
    return faults.plant(name) if name else recording("model.forward")


def text(name, seed):
    """All the evidence on one fault (None: a healthy run), as text."""
    zoo = corpora.zoo()
    config = model.Config(len(zoo.tokenizer.vocab), n_positions=28, n_layer=1, n_head=4, n_embd=32)
    params = model.init(config, np.random.default_rng(seed), std=0.1)
    parts = [curves(name, zoo, config, params, seed), rows(name, zoo.tokenizer, config, params)]
    return "\n".join([*parts, measurements(name, zoo.tokenizer, config, params)])


def curves(name, zoo, config, params, seed):
    """Train with the fault, evaluate without it, and let the model write."""
    kept = []

    def keep(entry, now):
        kept.append((entry, tree.map_arrays(np.copy, now)))

    settings = train.Settings(steps=STEPS, eval_every=EVERY, seed=seed)
    with planted(name):
        examples = data.encode_all(zoo.train[:1000], zoo.tokenizer)
        train.train(params, config, examples, examples[:2], settings, keep)
    held_out = data.encode_all(zoo.held_out[:128], zoo.tokenizer)
    lines = [
        f"{'step':>5}{'train loss':>12}{'answers':>10}{'prompts':>10}{'exact match':>13}   (held out, nats)"
    ]
    for entry, now in kept:
        seen = train.evaluate(now, config, held_out)
        loss = "" if entry["train_loss"] is None else f"{entry['train_loss']:.3f}"
        numbers = f"{seen['response_nll']:>10.3f}{seen['prompt_nll']:>10.3f}{seen['exact_match']:>13.3f}"
        lines.append(f"{entry['step']:>5}{loss:>12}{numbers}")
    prompt = zoo.held_out[0].prompt
    for start in ("", prompt):
        wrote = tasks.write_answer(
            kept[-1][1], config, zoo.tokenizer, start, max_new_tokens=24 if not start else 6
        )
        lines.append(f"  after <bos> {start}".rstrip() + f"\n      it writes: {wrote}")
    return "\n".join(lines)


def rows(name, words, config, params):
    """Two rows before training: every input, its target, and the norm of its row of dlogits."""
    with planted(name), recording("losses.token_nll_backward") as seen:
        batch = data.collate([data.encode(example, words) for example in PAIR])
        model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
    norms = np.linalg.norm(seen[0][0], axis=-1)
    lines = ["", "Two rows, before training: input -> target, norm of the target's row of dlogits"]
    for t in range(batch.ids.shape[1]):
        cells = [
            f"{words.show(batch.ids[b, t]):>10} -> {words.show(batch.targets[b, t]):<10} {norms[b, t]:.3f}"
            for b in range(len(PAIR))
        ]
        lines.append("  " + "     ".join(cells))
    return "\n".join(lines)


def measurements(name, words, config, params):
    """The numbers that one step can be asked for, in double precision."""
    params = tree.map_arrays(lambda a: a.astype(np.float64), params)

    def told(batch):
        with np.errstate(all="ignore"):
            try:
                loss, _ = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)
            except ValueError:
                return "refused"
        return f"{loss:.4f}"

    with planted(name):
        pair, other = (data.collate([data.encode(e, words) for e in part]) for part in (PAIR, OTHER))
        alone = accumulation.micro_batches(pair, 1)
        first, second = (
            f"{told(b)}  ({np.count_nonzero(b.loss_mask)} of its weights are not 0)" for b in alone
        )
        lines = [
            ("loss of the two rows", told(pair)),
            ("loss of the first alone", first),
            ("loss of the second alone", second),
            ("loss with 4 columns of pads more, without weight", told(widened(pair, 4))),
            ("loss after other prompts of the same length", told(pair._replace(ids=merged(pair, other)))),
            (
                "gradient along a random direction / slope of the loss",
                f"{slope_ratio(params, pair, config):.4f}",
            ),
            ("loss with a mask of zeros", told(pair._replace(loss_mask=0 * pair.loss_mask))),
        ]
    width = max(len(text) for text, _ in lines)
    return "\n".join(["", "Measured on the same two rows", *(f"  {t:<{width}}  {v}" for t, v in lines), ""])


def slope_ratio(params, batch, config, h=1e-5):
    """The gradient along a random direction over the central difference of the loss along it."""
    vector, view = tree.flat_view(params)
    direction = np.random.default_rng(0).normal(size=vector.size)

    def at(place):
        vector[:] = place
        return model.loss_and_grads(view, batch.ids, batch.targets, batch.loss_mask, config)

    here = vector.copy()
    _, grads = at(here)
    slope = (at(here + h * direction)[0] - at(here - h * direction)[0]) / (2 * h)
    return tree.flatten(grads) @ direction / slope


def widened(batch, extra):
    """A batch with more pads at its end, which carry no weight."""
    grown = [np.pad(array, ((0, 0), (0, extra)), mode="edge") for array in batch[:4]]
    grown[2][:, -extra:] = 0
    return data.Batch(*grown)


def merged(pair, other):
    """The inputs of `pair`, with what stands before a prompt's last token taken from `other`."""
    return np.where(pair.roles == data.PROMPT, other.ids, pair.ids)
