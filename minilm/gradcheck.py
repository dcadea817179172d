"""Is a hand-written gradient right? Compare it with one that only needs the forward.

Complex step (default): f(x + ih) = f(x) + ih f'(x) + O(h^2), so f'(x) = Im f(x + ih) / h with no
subtraction: exact to machine precision for any tiny h.
Central difference: f'(x) = (f(x + h) - f(x - h)) / 2h + O(h^2), accurate to about 1e-9 at best.
Source: Squire & Trapp 1998, SIAM Review 40(1), eq. 4; Lyness & Moler 1967.

Every entry of every tensor is perturbed. The perturbed copies are stacked along a leading axis
and go through the layers together, which is several times faster than one forward a copy.
"""

import inspect
from typing import NamedTuple

import numpy as np

from . import losses, model, tree

STEP = {"complex": 1e-20, "central": 1e-5}
TOLERANCE = {"complex": 1e-10, "central": 1e-6}
CHUNK = 64  # copies at a time: few enough to stay in the processor's cache


class Result(NamedTuple):
    """One tensor's verdict: `problem` is "" where analytic and numeric gradient agree.

    error = max |analytic - numeric| / max(|analytic|, |numeric|), both maxima over the tensor;
    index, analytic, numeric belong to the entry that differs most.
    """

    name: str
    error: float
    index: tuple
    analytic: float
    numeric: float
    problem: str


class GradientError(AssertionError):
    """Raised by `require`: a gradient is wrong, missing, or was not tested at all."""


def numeric_gradient(objective, x, method="complex", ndim=None):
    """Gradient of a scalar function of the array `x` (float64), entry by entry.

    `objective` maps a stack (n, 1, ..., *x.shape) of perturbed copies to their n values; the
    ones fill up to 1 + `ndim` axes (default x.ndim), so that copies of a bias (K,) broadcast
    against activations (B, T, K). For a function of one array, wrap it with `one_by_one`.
    """
    h = STEP[method]
    gradient = np.empty(x.size)
    for start in range(0, x.size, CHUNK):
        entries = np.arange(start, min(start + CHUNK, x.size))
        step = np.zeros((len(entries), x.size), dtype=complex if method == "complex" else float)
        step[np.arange(len(entries)), entries] = 1j * h if method == "complex" else h
        step = step.reshape(len(entries), *[1] * ((ndim or x.ndim) - x.ndim), *x.shape)
        if method == "complex":
            values = objective(x + step).imag / h
        else:
            values = (objective(x + step) - objective(x - step)) / (2 * h)
        gradient[entries] = values.ravel()
    return gradient.reshape(x.shape)


def one_by_one(function):
    """Make a function of one array fit for numeric_gradient: a plain loop over the copies."""
    return lambda stack: np.array([function(copy) for copy in stack])


def check_pair(forward, backward, args, rng, method="complex", wrt=None, stacked=True):
    """Check a forward / backward pair on given arguments under a random upstream gradient.

    The scalar behind it is sum(dy * forward(*args)). `wrt` names the arguments to check, by
    default every floating-point array among `args` (float64). `stacked=False` sends the copies
    through one at a time, for a forward that takes no leading axes. Returns a list of Results.
    """
    y, cache = forward(*args)
    dy = rng.normal(size=np.shape(y))  # all ones would make layer norm's dx vanish
    gradients = backward(dy, cache)
    names = list(inspect.signature(forward).parameters)
    floats = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    ndim = max(args[i].ndim for i in floats)
    results = []
    for i in floats:
        if wrt is not None and names[i] not in wrt:
            continue

        def objective(stack, i=i):
            y, _ = forward(*args[:i], stack, *args[i + 1 :])
            return (dy * y).reshape(len(stack), -1).sum(axis=-1)

        if not stacked:
            objective = one_by_one(lambda x, f=objective: f(x[None])[0])
        numeric = numeric_gradient(objective, args[i], method, ndim)
        results.append(compare(f"d{names[i]}", gradients[i], numeric, TOLERANCE[method]))
    return results


def check_model(params, batch, config, method="complex"):
    """Check every parameter's gradient of the whole model under the batch's loss mask.

    `params` in float64; `batch` a data.Batch. Returns Results.
    """
    _, grads = model.loss_and_grads(
        params, batch.ids, batch.targets, batch.loss_mask, config, batch.documents
    )
    grads = dict(tree.named(grads))
    results = []
    for name, array in tree.named(params):

        def objective(stack, name=name):
            return loss(tree.replace(params, name, stack), batch, config)

        numeric = numeric_gradient(objective, array, method, ndim=3)  # activations are (B, T, C)
        results.append(compare(name, grads.get(name), numeric, TOLERANCE[method]))
    return results


def check_direction(params, batch, config, rng):
    """One number in milliseconds: the slope of the loss along a random direction v.

    Compares <grads, v> with Im loss(params + ihv) / h. It cannot say which tensor is wrong.
    """
    _, grads = model.loss_and_grads(
        params, batch.ids, batch.targets, batch.loss_mask, config, batch.documents
    )
    params = tree.map_arrays(np.float64, params)
    v = tree.map_arrays(lambda a: rng.normal(size=a.shape), params)
    direction = dict(tree.named(v))
    h = STEP["complex"]
    moved = tree.from_named({n: a + 1j * h * direction[n] for n, a in tree.named(params)})
    numeric = loss(moved, batch, config).imag / h
    analytic = sum(np.sum(g * direction[n]) for n, g in tree.named(grads))
    single = any(g.dtype == np.float32 for _, g in tree.named(grads))
    return compare("direction", analytic, numeric, 1e-3 if single else TOLERANCE["complex"])


def loss(params, batch, config):
    """The forward half alone: the masked loss of a batch, for stacked parameters one a copy."""
    logits, _ = model.forward(params, batch.ids, config, batch.documents)
    nll, _ = losses.token_nll_forward(logits, batch.targets)
    return losses.weighted_mean_forward(nll, batch.loss_mask)[0]


def compare(name, analytic, numeric, tolerance):
    """The Result for one tensor."""
    if np.shape(analytic) != np.shape(numeric) or analytic is None:
        found = "missing (None)" if analytic is None else f"of shape {np.shape(analytic)}"
        problem = f"{name} is {found}, expected shape {np.shape(numeric)}"
        return Result(name, np.inf, (), np.nan, np.nan, problem)
    analytic, numeric = np.asarray(analytic), np.asarray(numeric)
    difference = np.abs(analytic - numeric)
    index = tuple(int(i) for i in np.unravel_index(difference.argmax(), difference.shape))
    a, n = float(analytic[index]), float(numeric[index])
    scale = max(np.abs(analytic).max(), np.abs(numeric).max())
    error = float(difference[index] / max(scale, 1e-12))
    problem = ""
    if not error <= tolerance:  # so that NaN fails
        ratio = a / n if n else np.inf
        problem = (
            f"{name}{list(index)}: analytic {a:.6g}, numeric {n:.6g}, ratio {ratio:.6g}, "
            f"relative error {error:.1e} (limit {tolerance:.0e})"
        )
    elif scale < 1e-12:
        problem = f"{name} is vacuous: both gradients are 0 everywhere, so nothing was tested"
    return Result(name, error, index, a, n, problem)


def require(results):
    """Raise GradientError with one sentence for each problem; do nothing if there is none."""
    problems = [result.problem for result in results if result.problem]
    if problems or not results:
        raise GradientError("\n".join(problems) or "nothing was checked")
