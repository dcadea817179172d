"""Is a hand-written gradient right? Compare it with one that only needs the forward.

Complex step (default): f(x + ih) = f(x) + ih f'(x) + O(h^2), so f'(x) = Im f(x + ih) / h with no
subtraction: exact to machine precision for any tiny h.
Central difference: f'(x) = (f(x + h) - f(x - h)) / 2h + O(h^2), accurate to about 1e-9 at best.
Source: Squire & Trapp 1998, SIAM Review 40(1), eq. 4; Lyness & Moler 1967.

Every entry of every tensor is perturbed. The perturbed copies are stacked along a leading axis
and go through the layers together, which is several times faster than one forward a copy.

First the checker, then ready-made cases for it: one for every pair, one for the whole model.
"""

import functools
import inspect
from typing import NamedTuple

import numpy as np

from . import data, layers, losses, model, swap, tree

STEP = {"complex": 1e-20, "central": 1e-5}
TOLERANCE = {"complex": 1e-10, "central": 1e-6}
CHUNK = 24  # copies at a time: few enough to stay in the processor's cache
PAIRS = (
    "embedding select linear layer_norm gelu scores causal_softmax mix attention token_nll weighted_mean"
).split()


class Result(NamedTuple):
    """What the check of one tensor says: `problem` is "" if the two gradients agree.

    error = max |analytic - numeric| / max(|analytic|, |numeric|), both maxima over the tensor.
    `index`, `analytic` and `numeric` are those of the entry that differs most.
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
    against activations (B, T, K). Returns an array of x's shape.
    """
    h = STEP[method]
    ones = [1] * ((ndim or x.ndim) - x.ndim)
    gradient = np.empty(x.size)
    for start in range(0, x.size, CHUNK):
        entries = np.arange(start, min(start + CHUNK, x.size))
        step = np.zeros((len(entries), x.size), dtype=complex if method == "complex" else float)
        step[np.arange(len(entries)), entries] = 1j * h if method == "complex" else h
        step = step.reshape(len(entries), *ones, *x.shape)
        if method == "complex":
            values = objective(x + step).imag / h
        else:
            values = (objective(x + step) - objective(x - step)) / (2 * h)
        gradient[entries] = values.ravel()
    return gradient.reshape(x.shape)


def check_pair(forward, backward, args, rng, method="complex", wrt=None):
    """Check a forward / backward pair on given arguments, under a random gradient from above.

    The scalar behind it is sum(dy * forward(*args)). `wrt` names the arguments to check; by
    default these are all floating-point arrays among `args` (float64). Returns a list of Results.
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

        numeric = numeric_gradient(objective, args[i], method, ndim)
        results.append(compare_gradients(f"d{names[i]}", gradients[i], numeric, TOLERANCE[method]))
    return results


def check_model(params, batch, config, method="complex"):
    """Check the whole model under the batch's loss mask: the gradient of every parameter.

    `params` are in float64, `batch` is a data.Batch. Returns a list of Results.
    """
    _, grads = model.loss_and_grads(params, *batch[:3], config, batch.documents)
    grads, numeric = dict(tree.named(grads)), find_numeric_gradients(params, batch, config, method)
    return [compare_gradients(n, grads.get(n), numeric[n], TOLERANCE[method]) for n, _ in tree.named(params)]


def find_numeric_gradients(params, batch, config, method):
    """{name: numeric gradient} of every parameter, stage by stage from the loss down, by forwards alone.

    A perturbed copy goes up through its own stage only, y = stage(x). The loss's numeric gradient for y,
    dy, comes from the stage above, where y is the x.
    """

    def run_whole(p, needed):
        return compute_nll(p, batch, config)[..., needed, None]

    everywhere, stages, y = np.ones(batch.ids.shape, bool), [], None
    for names, stage in list_stages(params, batch, config):
        p = {**params, "x": y}
        stages.append((names, stage, p))
        y = stage(p, everywhere).reshape(*batch.ids.shape, -1)
    nll = compute_nll(params, batch, config)[..., None]
    if not np.allclose(y, nll, rtol=1e-9):  # model.forward was replaced: check it as one stage
        stages = [("", run_whole, params)]

    def weigh_nll(stack):
        return losses.weighted_mean_forward(stack[..., 0], batch.loss_mask)[0]

    gradients = {"x": numeric_gradient(weigh_nll, nll, method)}
    for stage in reversed(stages):
        gradients |= differentiate(*stage, gradients["x"], method)
    return gradients


def differentiate(names, stage, p, dy, method):
    """{name: numeric gradient of sum(dy * stage(p))} of the arrays of p whose names begin with `names`."""
    needed = dy.any(axis=-1)  # (B, T); where dy is 0, y is not computed

    def objective(name, stack):
        y = stage(tree.replace(p, name, stack), needed)
        return (dy[needed] * y).reshape(len(stack), -1).sum(axis=-1)

    arrays = {name: array for name, array in tree.named(p) if name.startswith(names)}
    return {
        n: numeric_gradient(functools.partial(objective, n), a, method, ndim=3) for n, a in arrays.items()
    }


def list_stages(params, batch, config):
    """model.forward up to the NLL in stages: a list of (prefixes of the names that it reads, stage).

    stage(p, needed) -> y (..., M, C) at the M positions where needed (B, T) is True; p: params, and "x", the
    output of the stage below.
    """
    causal, places = model.causal_and_places(batch.ids, batch.documents)

    def embed(p, needed):
        tokens, _ = layers.embedding_forward(batch.ids, **p["wte"])
        positions, _ = layers.embedding_forward(places, **p["wpe"])
        return (tokens + positions)[..., needed, :]

    def attend(i, p, needed):
        return model.attn_block_forward(p["x"], p["h"][i], causal, config.n_head)[0][..., needed, :]

    def transform(i, p, needed):
        return model.mlp_block_forward(p["x"][..., None, needed, :], p["h"][i])[0]

    def score(p, needed):
        x, _ = layers.layer_norm_forward(p["x"][..., None, needed, :], **p["ln_f"])
        logits, _ = layers.linear_forward(x, **p["lm_head"])
        return losses.token_nll_forward(logits, batch.targets[None, needed])[0][..., None]

    stages = [(("wte", "wpe"), embed)]
    for i in params["h"]:
        stages.append((("x", f"h.{i}.ln_1", f"h.{i}.attn"), functools.partial(attend, i)))
        stages.append((("x", f"h.{i}.ln_2", f"h.{i}.mlp"), functools.partial(transform, i)))
    return [*stages, (("x", "ln_f", "lm_head"), score)]


def check_direction(params, batch, config, rng):
    """Check the slope of the loss along one random direction v, which takes milliseconds only.

    Compares <grads, v> with Im loss(params + ihv) / h. Returns one Result, which cannot say which
    tensor is wrong.
    """
    _, grads = model.loss_and_grads(params, *batch[:3], config, batch.documents)
    params = tree.map_arrays(np.float64, params)
    v = tree.map_arrays(lambda a: rng.normal(size=a.shape), params)
    direction = dict(tree.named(v))
    h = STEP["complex"]
    moved = tree.from_named({n: a + 1j * h * direction[n] for n, a in tree.named(params)})
    numeric = losses.weighted_mean_forward(compute_nll(moved, batch, config), batch.loss_mask)[0].imag / h
    analytic = sum(np.sum(g * direction[n]) for n, g in tree.named(grads))
    single = any(g.dtype == np.float32 for _, g in tree.named(grads))
    return compare_gradients("direction", analytic, numeric, 1e-3 if single else TOLERANCE["complex"])


def compute_nll(params, batch, config):
    """The NLL of a batch's targets, by the forward alone: (B, T) for each copy of the parameters."""
    logits, _ = model.forward(params, batch.ids, config, batch.documents)
    return losses.token_nll_forward(logits, batch.targets)[0]


def compare_gradients(name, analytic, numeric, tolerance):
    """The Result of one tensor, whose error should be at most `tolerance`."""
    if np.shape(analytic) != np.shape(numeric) or analytic is None:
        received = "missing (None)" if analytic is None else f"of shape {np.shape(analytic)}"
        problem = f"{name} is {received}, expected shape {np.shape(numeric)}"
        return Result(name, np.inf, (), np.nan, np.nan, problem)
    analytic, numeric = np.asarray(analytic), np.asarray(numeric)
    difference = np.abs(analytic - numeric)
    index = tuple(int(i) for i in np.unravel_index(difference.argmax(), difference.shape))
    a, n = float(analytic[index]), float(numeric[index])
    scale = np.maximum(np.abs(analytic).max(), np.abs(numeric).max())  # NaN if either has one
    error = float(difference[index] / max(scale, 1e-12))
    problem = ""
    if scale < 1e-12:
        problem = f"{name} is vacuous: both gradients are 0 up to rounding, so nothing was tested"
    elif not error <= tolerance:  # written so that NaN fails
        ratio = a / n if n else np.inf
        problem = (
            f"{name}{list(index)}: analytic {a:.6g}, numeric {n:.6g}, ratio {ratio:.6g}, "
            f"relative error {error:.1e} (limit {tolerance:.0e})"
        )
    return Result(name, error, index, a, n, problem)


def require(results):
    """Raise GradientError with one sentence for each problem of these Results, or if there are none."""
    problems = [result.problem for result in results if result.problem]
    if problems or not results:
        raise GradientError("\n".join(problems) or "nothing was checked")


def draw_params(config, rng):
    """Random parameters in float64, of scale about 1, biases included: small ones would hide bugs."""
    return tree.map_arrays(lambda a: rng.normal(size=a.shape), model.init(config, rng))


def check_named(name, rng, method="complex"):
    """Check one of PAIRS by its name, or a small 2-layer "model". Returns a list of Results."""
    if name == "model":
        return check_model(*make_model_case(rng), method)
    wrt = ("nll",) if name == "weighted_mean" else None  # the mask is data
    return check_pair(*make_pair_case(name, rng), rng, method, wrt)


def make_model_case(rng):
    """(params, batch, config): about 1,200 parameters, and a batch with an uneven loss mask."""
    config = model.Config(vocab_size=9, n_positions=6, n_layer=2, n_head=2, n_embd=6)
    tokens = rng.integers(0, 9, (3, 6))
    mask = np.array([[0, 0, 1, 1, 1], [0.1, 0.1, 0.1, 1, 0], [0, 0.5, 0, 0, 2]])
    batch = data.Batch(tokens[:, :-1], tokens[:, 1:], mask, None)
    return draw_params(config, rng), batch, config


def make_pair_case(name, rng):
    """(forward, backward, random arguments) of one of PAIRS, for check_pair."""
    B, T, C, H, V = 2, 5, 6, 2, 7
    q, k, v = rng.normal(size=(3, B, H, T, C // H))
    x = rng.normal(size=(B, T, C))
    scores, causal = rng.normal(size=(B, H, T, T)), np.tri(T, dtype=bool)
    ids = rng.integers(0, 4, (B, T))  # few of them, so that ids repeat
    module = losses if hasattr(losses, f"{name}_forward") else layers
    args = {
        "embedding": (ids, rng.normal(size=(V, C))),
        "select": (x, (np.array([0, 0, 1]), np.array([1, 4, 2]))),
        "linear": (x, rng.normal(size=(C, V)), rng.normal(size=V)),
        "layer_norm": (x, rng.normal(size=C), rng.normal(size=C)),
        "gelu": (x,),
        "scores": (q, k),
        "causal_softmax": (scores, causal),
        "mix": (scores, v),
        "attention": (rng.normal(size=(B, T, 3 * C)), causal, H),
        "token_nll": (rng.normal(size=(B, T, V)), ids),
        "weighted_mean": (rng.normal(size=(B, T)), rng.integers(0, 2, (B, T)) + 0.0),
    }[name]
    return getattr(module, f"{name}_forward"), getattr(module, f"{name}_backward"), args


def plant_hidden_bug():
    """Plant a bug, to be found from the checker's report: `with plant_hidden_bug(): ...`

    Guess first, then look at the code.
    """

    def causal_softmax_backward(dweights, cache):
        (weights,) = cache
        return weights * (dweights - (dweights * weights).mean(axis=-1, keepdims=True)), None

    return swap("layers.causal_softmax_backward", causal_softmax_backward)
