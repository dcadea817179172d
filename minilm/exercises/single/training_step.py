"""The exercise on one training step, which whole_model takes in."""

import numpy as np

from ... import data, losses, model, tree
from ..checker.compare import find_ratio
from ..checker.exercise import Exercise, draw_normal, draw_roles, pick_leaves
from ..checker.explain_factor import describe_ratio

LEAVES = [name for name, _ in tree.named(model.init(model.Config(1, 1, 1, 1, 1), np.random.default_rng(0)))]
PADS = "This is the step of a loss over every position, pads included: hand batch.loss_mask on."


def train_step(params, batch, config, lr):
    """One step of gradient descent; returns the loss before it and new parameters."""
    loss, grads = loss_and_grads(params, batch, config)
    new = dict(tree.named(params))
    for name, gradient in tree.named(grads):
        new[name] = new[name] - lr * gradient
    return loss, tree.from_named(new)


def make_step_case(rng, dtype):
    roles = draw_roles(rng)[:, 1:]
    B, T = roles.shape
    config = model.Config(vocab_size=3 + B, n_positions=T + 1, n_layer=1, n_head=2, n_embd=4)
    params = tree.map_arrays(lambda a: draw_normal(rng, dtype, *a.shape), model.init(config, rng))
    tokens = rng.integers(0, config.vocab_size, (B, T + 1))
    batch = data.Batch(tokens[:, :-1], tokens[:, 1:], data.loss_mask(roles), roles)
    return params, batch, config, 0.1 * (1 + rng.random())


def split_step_outputs(outputs):
    """(loss, params) -> loss and each new parameter, in the order of LEAVES."""
    loss, new = outputs
    return loss, *pick_leaves(new, LEAVES, "new_params")


def make_step_mistakes(params, batch, config, lr):
    full = batch._replace(loss_mask=data.loss_mask(batch.roles, 1.0))
    everywhere = batch._replace(loss_mask=np.ones(batch.roles.shape))
    old, (_, grads) = dict(tree.named(params)), loss_and_grads(params, batch, config)
    full_new, everywhere_new = (
        dict(tree.named(train_step(params, other, config, lr)[1])) for other in (full, everywhere)
    )
    mistakes = {"loss": list_losses(params, batch, config, lr)}
    for name, gradient in tree.named(grads):
        mistakes[f"new {name}"] = {
            **list_slips(old[name], gradient, lr),
            "This is the step of full-sequence loss: hand batch.loss_mask on.": full_new[name],
            PADS: everywhere_new[name],
        }
    return mistakes


def loss_and_grads(params, batch, config):
    return model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)


def list_losses(params, batch, config, lr):
    """Losses of other masks, of other ids or targets, of other parameters."""
    ids, targets, mask = batch.ids, batch.targets, batch.loss_mask

    def measure(mask=mask, ids=ids, targets=targets, params=params):
        nll = losses.token_nll_forward(model.forward(params, ids, config)[0], targets)[0]
        return (mask * nll).sum() / mask.sum()

    return {
        "This is the full-sequence loss: hand batch.loss_mask on.": measure(data.loss_mask(batch.roles, 1.0)),
        "This is the mean over every position, pads included: hand batch.loss_mask on.": (
            measure(mask * 0 + 1)
        ),
        "This is the prompt's loss: hand batch.loss_mask on.": measure(data.prompt_mask(batch.roles)),
        "The loss mask is inverted: hand batch.loss_mask on as it is.": measure(1 - mask),
        "The roles are used as loss weights: hand batch.loss_mask on.": measure(1.0 * batch.roles),
        "The loss mask is one late: it is that of the targets already.": measure(np.roll(mask, 1, axis=1)),
        "The loss mask is one early: it is that of the targets already.": measure(np.roll(mask, -1, axis=1)),
        "The ids are handed on as targets: the model would learn to copy.": measure(targets=ids),
        "The targets are handed on as ids: the model would read its answer.": measure(ids=targets),
        "ids and targets are exchanged.": measure(ids=targets, targets=ids),
        "This is the loss after the step: return the one before it.": (
            measure(params=train_step(params, batch, config, lr)[1])
        ),
        "This is the perplexity exp(loss): return the loss.": np.exp(measure()),
    }


def find_step_length(label, wrong):
    """A sentence for a parameter that moved along its gradient, but too far or not far enough, or ""."""
    if label == "loss":
        return ""
    ratios = []
    for (params, *_), got, right in wrong:
        old = dict(tree.named(params))[label.removeprefix("new ")]
        ratios.append(find_ratio(got - old, right - old))
    if None in ratios:
        return find_decay(label, wrong)
    times = describe_ratio(ratios[0]).replace("large", "long").replace("small", "short")
    known = [list_lengths(batch, lr) for (_, batch, _, lr), _, _ in wrong]
    for why in known[0]:
        if np.allclose(ratios, [lengths[why] for lengths in known], rtol=1e-3):
            return f"The step is {times}: {why}"
    return f"The step is {times}: compare (params - new_params) / lr with the gradient."


def find_decay(label, wrong):
    """A sentence for a step to which a multiple of the parameter itself is added, or ""."""
    for (params, *_), got, right in wrong:
        if find_ratio(got - right, dict(tree.named(params))[label.removeprefix("new ")]) is None:
            return ""
    return "The parameter itself shrinks or grows besides its step: plain descent has no weight decay."


def list_lengths(batch, lr):
    """What a step's length may be off by: {why: factor}."""
    counts = {
        "the number of response targets": batch.loss_mask.sum(),
        "B, the number of rows": len(batch.ids),
        "the number of all positions": batch.ids.size,
    }
    lengths = {"lr stands there twice.": lr, "it is divided by lr: multiply.": lr**-2}
    for name, count in counts.items():
        lengths[f"it is multiplied by {name}, a sum instead of a mean."] = count
        lengths[f"it is divided by {name}; the gradient is that of a mean already."] = 1 / count
    return lengths


def list_slips(old, gradient, lr):
    """Wrong values of one parameter where its gradient is right."""
    step, norm = lr * gradient, np.linalg.norm(gradient) + 1e-30
    return {
        "It is unchanged: every parameter gets its step.": old,
        "The sign is wrong: this step climbs.": old + step,
        "lr is not used.": old - gradient,
        "This is the gradient, not the new parameter.": gradient,
        "This is the step alone: add it to the parameter.": -step,
        "This is lr times the gradient: subtract it from the parameter.": step,
        "lr times the parameter itself is subtracted: lr times its gradient.": old - lr * old,
        "The parameter is multiplied by its step: subtract lr times the gradient.": old * (1 - step),
        "Only the gradient's sign is used: plain descent uses all of it.": old - lr * np.sign(gradient),
        "The gradient is divided by its norm: plain descent uses it as it is.": old - step / norm,
    }


EXERCISES = {
    "train_step": Exercise(
        "train_step(params, batch, config, lr): one step of plain gradient descent on the masked loss; "
        "return (loss, new_params) and leave params as they are. model.loss_and_grads gives loss and grads.",
        ("loss", *(f"new {name}" for name in LEAVES)),
        train_step,
        make_step_case,
        make_step_mistakes,
        hints=(
            "tree.map_arrays, named and from_named walk through trees.",
            "loss, grads = model.loss_and_grads(params, batch.ids, batch.targets, batch.loss_mask, config)\n"
            "steps, new = dict(tree.named(grads)), {}\n"
            "for name, array in tree.named(params):\n"
            "    new[name] = array - lr * steps[name]\n"
            "return loss, tree.from_named(new)",
        ),
        constants=lambda params, batch, *rest: {
            "the number of response targets": batch.loss_mask.sum(),
            "ln 2, since a bit is ln 2 nats": np.log(2),
        },
        split_outputs=split_step_outputs,
        diagnose=find_step_length,
        returns=("loss", "new_params"),
    ),
}
