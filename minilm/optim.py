"""Adam on one flat vector, and the learning rate over a training.

tree.flat_view gives the vector and the tree of views into it. Adam changes the vector and its
state in place: both belong to the caller.
"""

import numpy as np


def init(vector):
    """Fresh state: the step count and the two running moments."""
    return {"step": 0, "m": np.zeros_like(vector), "v": np.zeros_like(vector)}


def sgd(vector, gradient, state, lr):
    """vector <- vector - lr gradient;  all (P,)."""
    state["step"] += 1
    vector -= lr * gradient


def adamw(vector, gradient, state, lr, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0):
    """Adam with decoupled weight decay on every parameter;  vector, gradient (P,).

    m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,  both divided by 1 - b^step;
    vector <- vector (1 - lr weight_decay) - lr m / (sqrt(v) + eps).
    Source: Kingma & Ba 2015, arXiv 1412.6980, alg. 1; Loshchilov & Hutter 2019, 1711.05101, alg. 2.
    """
    m, v = state["m"], state["v"]
    state["step"] += 1
    m += (1 - betas[0]) * (gradient - m)
    v += (1 - betas[1]) * (gradient * gradient - v)
    m_scale, v_scale = (1 / (1 - beta ** state["step"]) for beta in betas)
    denominator = np.sqrt(v * v_scale) + eps
    if weight_decay:
        vector *= 1 - lr * weight_decay
    vector -= (lr * m_scale) * m / denominator


def warm_up_then_decay(step, steps, warmup):
    """The factor of the learning rate at step 1 .. steps: up to 1 over `warmup`, then down.

    Both ways are straight lines. The second would reach 0 one step after the last: every step moves the
    model. Raises ValueError for other steps.
    """
    if not 1 <= step <= steps:
        raise ValueError(f"step {step} is outside the training: it must lie between 1 and {steps}")
    if step <= warmup:
        return step / warmup
    return (steps + 1 - step) / (steps + 1 - warmup)
