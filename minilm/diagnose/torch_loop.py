"""A torch model and its collator in the form that `diagnose.pipeline` asks for. Torch is imported when called.

The gradient is taken at the logits alone, so no parameter's .grad changes. Dropout is switched off for a
call, and the random numbers and the model's mode are put back after it.
"""

import contextlib
from collections.abc import Mapping

import numpy as np

from .report import DiagnoseError


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
                loss = compute_loss(model, tensors)
            return measure_gradient(loss, find_logits(outputs, np.shape(batch["input_ids"])))

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
            f"the collator's batch has no {' and no '.join(missing)}, but {', '.join(batch) or 'nothing'}: only "
            "a loss over labels can be diagnosed"
        )
    return batch


@contextlib.contextmanager
def keep_state(model):
    """Evaluation mode and random numbers that start anew in each call; all as before at the end.

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
            torch.manual_seed(0)
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


def find_logits(outputs, shape):
    """The logits (B, n, V) with a gradient, if one of a model's outputs has them for all `shape` (B, n)."""
    found = [getattr(output, "logits", None) for output in outputs]
    found = [x for x in found if is_tensor(x) and x.requires_grad and x.ndim == 3 and x.shape[:2] == shape]
    return found[0] if len(found) == 1 else None


def measure_gradient(loss, logits):
    """(the loss as a number, its gradient in the logits as an array), or the number alone."""
    import torch

    if not is_tensor(loss) or loss.numel() != 1:
        what = f"shape {tuple(loss.shape)}" if is_tensor(loss) else type(loss).__name__
        raise DiagnoseError(f"the loss is no tensor with one number, but {what}")
    value = float(loss.detach())
    if logits is None or not loss.requires_grad:
        return value
    (gradient,) = torch.autograd.grad(loss.reshape(()), logits, allow_unused=True)
    return value if gradient is None else (value, gradient.float().cpu().numpy())


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
