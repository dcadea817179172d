"""Answers: what a class writes that has read the task once, and quickly."""

import numpy as np
from exercises.answers.backward_by_hand import of_dx, onehot, replace
from exercises.answers.forward import log_softmax, pick, sums
from exercises.answers.rms_norm import mean
from exercises.unpacking import unpack_caches

from minilm import layers


def pick_by_t(z, y):
    T, V = z.shape[1:]
    return -log_softmax(z)[:, np.arange(T), np.arange(T) % V]


def by_masks(nll, masks):
    x, y = (-(nll * mask).sum(1) for mask in masks)
    return x, y, x + y


def block_with_one_name(last):
    """An mlp_block_backward in which every gradient is called dy; `last` is what it returns as dx."""

    def answer(dy, cache):
        dy, *of_proj = layers.linear_backward(dy, cache[3])
        dy, *of_fc = layers.linear_backward(*layers.gelu_backward(dy, cache[2]), cache[1])
        dh, *of_norm = layers.layer_norm_backward(dy, cache[0])
        mlp = {"c_fc": of_fc, "c_proj": of_proj}
        mlp = {name: dict(zip(("weight", "bias"), leaves, strict=True)) for name, leaves in mlp.items()}
        return last(dy, dh), {"ln_2": {"weight": of_norm[0], "bias": of_norm[1]}, "mlp": mlp}

    return answer


def copy_a_name(dy, cache):
    dx, grads = block_with_one_name(lambda dy, dh: dh)(dy, cache)
    grads["mlp"]["c_fc"]["bias"] = grads["mlp"]["c_proj"]["bias"]
    return dx + dy, grads


def keep_the_tuple(dy, cache):
    dact, *_ = layers.linear_backward(dy, cache[3])
    return layers.linear_backward(layers.gelu_backward(dact, cache[2]), cache[1])


def embed(change_ids=lambda ids: ids, change_dy=lambda dy: dy, begin=0):
    def answer(dy, cache):
        ids, shape = cache
        dweight = np.zeros(shape, dy.dtype)
        np.add.at(dweight, change_ids(ids), change_dy(dy))
        dweight[:begin] = 0
        return None, dweight

    return answer


def step_on_top(params, batch, config, lr):
    return 0.0, {name: params[name] - lr * params[name] for name in params}


def lit_in_turn(find_last):
    def answer(roles, turns):
        return np.isin(roles, (3, 4)) * (turns == find_last(roles, turns)) * 1.0

    return answer


def last_answer(roles, turns):
    return np.where(roles == 3, turns, -1).max(1, keepdims=True)


def light_the_end(roles, turns):
    """From the end of the row to the first token that is no answer: a pad, already."""
    return np.flip(np.cumprod(np.flip(np.isin(roles, (3, 4)), 1), axis=1), 1) * 1.0


WRONG = {
    "token_nll": {
        r"Targets of the position after are used": lambda z, y: -pick(log_softmax(z), np.roll(y, -1, 1)),
        r"The first row's targets are used in all rows": lambda z, y: -pick(log_softmax(z), 0 * y + y[0]),
        r"One token is picked at all positions": lambda z, y: -log_softmax(z)[:, :, y[0, 0]],
        r"The position t is picked as if it were a token": pick_by_t,
        r"the last axis, of length 1, should go": lambda z, y: -pick(log_softmax(z), y)[..., None],
    },
    "log_probs": {
        r"log P\(x\) is subtracted": lambda nll, r: (*sums(nll, r)[:2], sums(nll, r)[1] - sums(nll, r)[0]),
        r"That is the mean of the two": lambda nll, r: (*sums(nll, r)[:2], sums(nll, r)[2] / 2),
        r"Only <eos> is counted": lambda nll, r: by_masks(nll, (r == 2, r == 4)),
        r"Logarithms of NLLs are added up": lambda nll, r: by_masks(-np.log(nll), (r == 2, r >= 3)),
        r"The roles are shifted once more, by np\.roll": lambda nll, r: by_masks(
            nll, (np.roll(r, -1, 1) == 2, np.roll(r, -1, 1) >= 3)
        ),
    },
    "weighted_mean_backward": {
        r"weights are missing, and every position is counted": lambda dloss, cache: (
            np.full(cache[0].shape, dloss / cache[0].size),
            None,
        ),
    },
    "split_gradient": {
        r"That is the response's part less the prompt's": lambda g, x, y: (g(x), g(y), g(y) - g(x)),
    },
    "token_nll_backward": unpack_caches(
        {
            r"raises.*One array lacks an axis.*None\] puts one in": lambda d, p, where: (p * d, None),
            r"1 is subtracted everywhere": lambda d, p, where: ((p - 1) * d[..., None], None),
            r"The target's entry is set to -1.*-= and not =": lambda d, p, where: (
                np.where(onehot(p, where) > 0, -1, p) * d[..., None],
                None,
            ),
        }
    ),
    "linear_backward": {
        r"dbias has no gradient here: return None": lambda dy, cache: layers.linear_backward(
            dy, (*cache[:2], True)
        ),
        r"^dx is wrong.*x is a factor too much": lambda dy, cache: (  # and not the bias, which is None later
            replace(0, lambda d, x, w: d @ w.T * x)(dy, cache)
        ),
    },
    "rms_norm_backward": unpack_caches(
        {
            r"x stands where xhat belongs": lambda d, xhat, s: (d * s - xhat * mean(d * xhat / s),),
            r"xhat is squared, and dy averaged alone": lambda d, xhat, s: ((d - xhat**2 * mean(d)) * s,),
            r"The sum is divided by T": lambda d, xhat, s: (
                (d - xhat * (d * xhat).sum(-1, keepdims=True) / d.shape[1]) * s,
            ),
            r"dy stands outside the mean": lambda d, xhat, s: (d * (1 - mean(xhat**2)) * s,),
        }
    ),
    "mlp_block_backward": {
        r"dy is overwritten on the way down.*the layer norm's dx": block_with_one_name(lambda dy, dh: 2 * dh),
        r"dy is overwritten on the way down.*c_fc's dx": block_with_one_name(lambda dy, dh: dy + dh),
        r"the values of the gradient of mlp\.c_proj\.bias, which stand in both places": copy_a_name,
        r"'tuple' object has no attribute.*Is a tuple not unpacked": keep_the_tuple,
    },
    "embedding_backward": {
        r"The rows are one too low": embed(lambda ids: ids - 1),
        r"The first position of every example is left out": embed(
            lambda ids: ids[:, 1:], lambda dy: dy[:, 1:]
        ),
        r"Row 0 is left empty": embed(begin=1),
        r"dy of an example's first position": embed(change_dy=lambda dy: dy[:, :1]),
    },
    "train_step": {r"Parameters and gradients are nested dicts": step_on_top},
    "complex_step": {
        r"It is divided by 1j \* h, which exchanges": lambda f, x, h: (
            np.array([(f(x + 1j * h * at) / (1j * h)).imag for at in np.eye(x.size).reshape(-1, *x.shape)])
        ).reshape(x.shape),
    },
    "loss_mask": {
        r"raises ValueError.*Between arrays write & and \|": lambda roles: (
            1.0 * (roles[:, 1:] == 3 or roles[:, 1:] == 4)
        ),
    },
    "target_weights": {
        r"exactly 42 times too large: divide by B T": lambda a, b, y: pick(b - a, y) * y.size,
        r"The entry of token 0 is taken everywhere": lambda a, b, y: (b - a)[:, :, 0],
        r"only whether a row is lit": lambda a, b, y: 1.0 * a.any(-1),
        r"mean over V: two entries change by w": lambda a, b, y: np.abs(b - a).mean(-1),
        r"The targets are shifted once more": lambda a, b, y: pick(b - a, np.roll(y, -1, 1)),
    },
    "gelu_backward": {
        r"tanh\(x\) stands in its derivative": of_dx(
            lambda d, x, t, du: d * ((1 + t) / 2 + x * du / 2 / np.cosh(x) ** 2)
        ),
        r"u' has sqrt\(2\) / pi": of_dx(
            lambda d, x, t, du: d * ((1 + t) / 2 + x * (1 - t * t) * du / np.pi**0.5 / 2)
        ),
    },
    "combine_gradients": {
        r"A count of 0 is replaced by 1": lambda g, n: np.maximum(n, 1) @ g / np.maximum(n, 1).sum(),
    },
    "last_turn_mask": {
        r"The first row's last turn": lit_in_turn(lambda roles, turns: turns[0].max()),
        r"& binds more strongly than \|": lambda roles, turns: (
            1.0 * ((roles == 3) | (roles == 4) & (turns == last_answer(roles, turns)))
        ),
        r"a row may end with the user, or with pads": light_the_end,
        r"raises.*One array lacks an axis.*keepdims=True keeps it": lit_in_turn(
            lambda roles, turns: turns.max(1)
        ),
    },
}
