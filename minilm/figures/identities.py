"""One example under the knife: the identities behind the loss mask, as numbers.

The example is the course's question, ['User:', 'What', 'is', '2+2?', 'Assistant:', '4'], with a
<bos> in front so that all six tokens are predicted and log P(x) covers the whole prompt. The
model is random and in float64: the identities hold for every parameter vector.
"""

import numpy as np

from .. import data, gradcheck, losses, model, tree
from .. import tokenizer as tokenizers

QUESTION = data.Example("User: What is 2+2? Assistant:", "4")  # the course's example
TOKENS = (*QUESTION.prompt.split(), QUESTION.response)


def seed_example(seed=0):
    """The six tokens of the course's question, with <bos>, and a random float64 model for them."""
    tokenizer = tokenizers.build("word", TOKENS)
    row = data.encode(QUESTION, tokenizer, eos=False)
    config = model.Config(len(tokenizer.vocab), n_positions=6, n_layer=2, n_head=2, n_embd=16)
    params = model.init(config, np.random.default_rng(seed), std=0.3, dtype=np.float64)
    return tokenizer, row, config, params


def sum_grads(params, batch, mask, config):
    """Gradients of sum(mask * nll): with sums, gradients of parts add up to that of the whole."""
    logits, cache = model.forward(params, batch.ids, config)
    _, nll_cache = losses.token_nll_forward(logits, batch.targets)
    dlogits, _ = losses.token_nll_backward(mask, nll_cache)
    return tree.flatten(model.backward(dlogits, cache))


def decomposition(seed=0):
    """The identities behind the mask, measured in float64 on the six-token example."""
    _, row, config, params = seed_example(seed)
    batch = data.collate([row])
    x, y = data.prompt_mask(batch.roles), data.response_mask(batch.roles)
    full = data.loss_mask(batch.roles, prompt_weight=1.0)
    nll, _ = losses.token_nll_forward(model.forward(params, batch.ids, config)[0], batch.targets)
    log_p = {name: float(losses.log_prob(nll, m)[0]) for name, m in (("x", x), ("y", y), ("xy", full))}
    g_x, g_y, g_full = (sum_grads(params, batch, mask, config) for mask in (x, y, full))

    rng = np.random.default_rng(seed)
    shift = rng.integers(1, config.vocab_size, batch.targets.shape) * (x > 0)
    other = batch._replace(targets=(batch.targets + shift) % config.vocab_size)
    changes = [
        float(np.abs(sum_grads(params, other, mask, config) - g).max())
        for mask, g in ((y, g_y), (full, g_full))
    ]
    numeric = numeric_response_gradient(params, batch, y, config)
    return {
        "log_p_x": log_p["x"],
        "log_p_y_given_x": log_p["y"],
        "log_p_xy": log_p["xy"],
        "sum_error": relative(g_full, g_x + g_y),
        "masked_vs_numeric": relative(g_y, numeric),
        "masked_change": changes[0],
        "full_change": changes[1],
        "parameters": len(g_y),
    }


def numeric_response_gradient(params, batch, response, config):
    """Central differences of -log P(y|x), every parameter; only the forward is used."""
    parts = []
    for name, array in tree.named(params):

        def objective(stack, name=name):
            logits, _ = model.forward(tree.replace(params, name, stack), batch.ids, config)
            nll, _ = losses.token_nll_forward(logits, batch.targets)
            return -losses.log_prob(nll, response)

        parts.append(gradcheck.numeric_gradient(objective, array, "central", ndim=3).ravel())
    return np.concatenate(parts)


def relative(a, b):
    """max |a - b| / max |b|."""
    return float(np.abs(a - b).max() / np.abs(b).max())
