"""A torch model and its collator in the form that `diagnose.pipeline` asks for.

Torch is imported when it is called. The gradient is taken at the logits alone, so no parameter's .grad
changes. Dropout is switched off for a call, and random numbers and the model's mode are put back after it.
"""

import contextlib
from collections.abc import Mapping

import numpy as np

from ..report import DiagnoseError


def torch_step(model, collate, compute_loss=None):
    """(make_batch, step) for `pipeline`, of a plain training loop in torch.

        make_batch, step = diagnose.torch_step(model, collate)
        print(diagnose.pipeline(make_batch, step, examples, encode))

    collate(examples) -> a dict with input_ids and labels, tensors (B, n), and whatever else the model takes.
    compute_loss(model, batch) -> the loss, a tensor with one number; left out, it is model(**batch).loss.
    The batch is on the model's device. Where the model returns logits (B, n, V) that the loss is made of,
    `step` returns the loss and its gradient in them; otherwise (a fused loss) the loss alone.

    Raises DiagnoseError for a batch or a loss of another kind.
    """
    dtypes = {}
    compute_loss = compute_loss or compute_own_loss

    def make_batch(examples):
        batch = require_batch(collate(examples))
        dtypes.update({name: value.dtype for name, value in batch.items() if is_tensor(value)})
        return {name: to_array(value) for name, value in batch.items()}

    def step(batch):
        with keep_state(model):
            device = next(model.parameters()).device
            tensors = {name: to_tensor(value, dtypes.get(name), device) for name, value in batch.items()}
            with catch_outputs(model) as outputs:
                loss = require_scalar(compute_loss(model, dict(tensors)))
            return measure_gradient(model, tensors, loss, outputs)

    return make_batch, step


def compute_own_loss(model, batch):
    """The loss that the model itself returns for a batch with labels."""
    outputs = model(**batch)
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else getattr(outputs, "loss", None)
    if loss is None:
        raise DiagnoseError("model(**batch) returns no loss: give compute_loss(model, batch) -> loss")
    return loss


def require_batch(batch):
    """A collator's batch. Raises DiagnoseError unless it has input_ids and labels of one shape (B, n)."""
    if not isinstance(batch, Mapping):
        raise DiagnoseError(
            f"the collator returned {type(batch).__name__}: return a dict with input_ids and labels"
        )
    missing = [name for name in ("input_ids", "labels") if name not in batch]
    if missing:
        raise DiagnoseError(
            f"the collator's batch has no {' and no '.join(missing)}, but {', '.join(batch) or 'nothing'}: "
            "only a loss over labels can be diagnosed"
        )
    return batch


@contextlib.contextmanager
def keep_state(model):
    """Evaluation mode, and the same random numbers in each call; all as before at the end.

    Checkpointing of activations switches transformers' cache off in training, and with it goes what keeps
    documents apart by their position_ids; so it is off here, too.
    """
    import torch

    modes = {module: module.training for module in model.modules()}
    config = getattr(model, "config", None)
    use_cache = getattr(config, "use_cache", None)
    model.eval()
    if getattr(model, "is_gradient_checkpointing", False):
        config.use_cache = False
    try:
        with torch.random.fork_rng():
            yield
    finally:
        for module, is_training in modes.items():
            module.training = is_training
        if use_cache is not None:
            config.use_cache = use_cache


@contextlib.contextmanager
def catch_outputs(model):
    """Collect what the model returns, call by call."""
    outputs = []
    hook = model.register_forward_hook(lambda module, args, output: outputs.append(output))
    try:
        yield outputs
    finally:
        hook.remove()


def require_scalar(loss):
    """A loss of one number. Raises DiagnoseError for anything else."""
    if not is_tensor(loss) or loss.numel() != 1:
        what = f"shape {tuple(loss.shape)}" if is_tensor(loss) else type(loss).__name__
        raise DiagnoseError(f"the loss is no tensor with one number, but {what}")
    return loss.reshape(())


def measure_gradient(model, batch, loss, outputs):
    """(the loss as a number, its gradient in the logits as an array), or the number alone."""
    value, shape = float(loss.detach()), batch["input_ids"].shape
    gradient = differentiate(loss, outputs, "logits")
    if gradient is None:
        gradient = spread_over_logits(model, batch, differentiate(loss, outputs, "log_probs"))
    if gradient is None or gradient.ndim != 3 or gradient.shape[:2] != shape:
        return value
    return value, gradient.float().cpu().numpy()


def differentiate(loss, outputs, name):
    """The gradient of a loss in what the model returned as `name`; None where it is not made of that."""
    import torch

    found = [getattr(output, name, None) for output in outputs]
    found = [tensor for tensor in found if is_tensor(tensor) and tensor.requires_grad]
    if len(found) != 1 or not loss.requires_grad:
        return None
    return torch.autograd.grad(loss, found, allow_unused=True, retain_graph=True)[0]


def spread_over_logits(model, batch, gradient):
    """The gradient in the logits from the one in the targets' log p (B, n - 1), g (onehot(y) - p); or None.

    TRL's trainers return log_probs in the place of logits, so the logits are computed once more.
    """
    import torch

    if gradient is None or gradient.shape != batch["labels"][:, 1:].shape:
        return None
    with torch.no_grad():
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        probs = torch.softmax(model(**inputs).logits.float(), -1)
    g = torch.nn.functional.pad(gradient, (0, 1))[..., None].float()
    y = torch.nn.functional.pad(batch["labels"][:, 1:], (0, 1), value=-100)[..., None]
    g = torch.where(y >= 0, g, 0.0)  # what is returned for them is constant
    return (-g * probs).scatter_add_(-1, y.clamp(min=0), g)


def is_tensor(value):
    """Whether a value is a torch tensor; other entries of a batch are handed on as they are."""
    import torch

    return isinstance(value, torch.Tensor)


def to_array(value):
    """A tensor as an array, bfloat16 as float32; anything else as it is."""
    import torch

    if not is_tensor(value):
        return value
    value = value.detach().cpu()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy().copy()


def to_tensor(value, dtype, device):
    """An array as a tensor of the kind that the collator made; anything else as it is."""
    import torch

    return torch.as_tensor(value, dtype=dtype, device=device) if isinstance(value, np.ndarray) else value
